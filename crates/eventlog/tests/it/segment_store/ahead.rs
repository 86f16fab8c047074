//! Scans for which the next piece of the log is read ahead.

use std::ops::ControlFlow;

use steadfast_base::storage::Persist;
use steadfast_eventlog::{DamageKind, Position, ReadError};

use super::*;

/// Several pieces of what is read at once, in frames of one event each.
const EVENTS: u64 = 20;
const FRAME_BYTES: u64 = 68 * 4_096;

fn large_log() -> SimulatedStorage {
    let storage = SimulatedStorage::new();
    let config = config().with_segment_bytes(3 << 20).with_seal_level(None);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    for number in 1..=EVENTS {
        let mut event = event(number);
        let bytes = usize::try_from(FRAME_BYTES).unwrap() - 4_096;
        event.payload = Payload::raw("test.Large", vec![u8::try_from(number).unwrap(); bytes]);
        store.append(Append::one(event)).wait().unwrap();
    }
    close(store);
    storage
}

fn open_large(storage: &SimulatedStorage) -> SegmentStore {
    let config = config().with_segment_bytes(3 << 20).with_seal_level(None).with_tail_events(0);
    SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap()
}

/// The numbers of the events that can be read, the payloads checked, and the positions of the damage met.
fn read_all(store: &SegmentStore) -> (Vec<u64>, Vec<u64>) {
    let mut reading = store.read(Query::all());
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    // Ends at the end of the log: each error moves on.
    loop {
        match block_on(reading.next()) {
            Ok(batch) if batch.is_empty() => return (found, lost),
            Ok(batch) => {
                for event in batch {
                    let byte = u8::try_from(number(&event)).unwrap();
                    assert!(event.payload.bytes().iter().all(|found| *found == byte));
                    found.push(number(&event));
                }
            }
            Err(ReadError::Corruption { position, damage: DamageKind::Checksum, .. }) => {
                lost.push(position.get());
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_scan_with_pieces_read_ahead_finds_every_event_once() {
    let storage = large_log();
    assert!(segments(&storage).len() > 1);
    let store = open_large(&storage);
    for _ in 0..2 {
        assert_eq!(read_all(&store), ((1..=EVENTS).collect(), Vec::new()));
        let mut shown = Vec::new();
        let scanned = store.scan(&Query::all(), |event| {
            shown.push(event.position.get());
            ControlFlow::Continue(())
        });
        scanned.unwrap();
        assert!(shown.into_iter().eq(1..=EVENTS));
    }
    // Events that are kept keep their memory: the next piece does not come to lie there.
    let kept = all(&store);
    assert_eq!(read_all(&store).0.len() as u64, EVENTS);
    for event in kept {
        let byte = u8::try_from(number(&event)).unwrap();
        assert!(event.payload.bytes().iter().all(|found| *found == byte));
    }
}

#[test]
fn s23_damage_in_a_piece_that_was_read_ahead_is_found_where_it_is() {
    let storage = large_log();
    // The first one is small; in the second one frames follow each other over several pieces.
    let (path, _) = segments(&storage).remove(1);
    let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    for frame in [0_u64, 1, 4, 5, 7] {
        let lost = first + frame;
        let disk = storage.crash(|_, _| Persist::All);
        let store = open_large(&disk);
        disk.flip_bit(&path, (4_096 + frame * FRAME_BYTES + 9_000) * 8 + 3);
        let others: Vec<u64> = (1..=EVENTS).filter(|number| *number != lost).collect();
        for _ in 0..2 {
            assert_eq!(read_all(&store), (others.clone(), vec![lost]));
        }
        let mut shown = 0;
        let scanned = store.scan(&Query::all(), |event| {
            shown = event.position.get();
            ControlFlow::Continue(())
        });
        let found = matches!(scanned, Err(ReadError::Corruption { position, .. }) if position == Position::new(lost));
        assert!(found && shown == lost - 1, "{scanned:?}, {shown}");
    }
}
