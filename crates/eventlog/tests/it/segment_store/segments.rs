//! Many segments: rolling, retention, reading across them.

use steadfast_base::storage::WriteFault;
use steadfast_eventlog::segment_store::Durability;
use steadfast_eventlog::{Direction, Retention, Seq, Unreleased};

use super::*;

#[test]
fn a_log_of_many_segments_reads_the_same_open_and_reopened() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for first in 1..=60 {
        append(&store, first, 1).unwrap();
    }
    let events = all(&store);
    assert!(segments(&storage).len() > 3);
    for actor in 0..3 {
        let query = Query::actor(format!("actor {actor}"));
        let own = block_on(store.read(query).all()).unwrap();
        let expected: Vec<Event> = events
            .iter()
            .filter(|event| event.actor == format!("actor {actor}").as_str())
            .cloned()
            .collect();
        assert_eq!(own, expected);
    }
    let mut backward = block_on(store.read(Query::all().backward()).all()).unwrap();
    backward.reverse();
    assert_eq!(backward, events);
    close(store);
    let store = SegmentStore::open_on(
        Arc::new(storage.clone()),
        config().with_tail_events(0),
        Time::system(),
    )
    .unwrap();
    assert_eq!(all(&store), events);
    assert_eq!(Query::all().direction, Direction::Forward);
    assert!(block_on(store.verify()).unwrap().is_sound());
}

#[test]
fn a_frame_that_an_empty_segment_cannot_hold_is_there_after_reopening() {
    let large = |first: u64| {
        let mut append = batch(first, 40);
        for event in &mut append.events {
            event.payload = Payload::raw("test.Noted", vec![7_u8; 1_000]);
        }
        append
    };
    for durability in [Durability::Sync, Durability::Os, Durability::Memory] {
        let storage = SimulatedStorage::new();
        let config = config().with_durability(durability);
        let open = || {
            let storage = Arc::new(storage.clone());
            SegmentStore::open_on(storage, config.clone(), Time::system()).unwrap()
        };
        // At first, in a segment of its own, and behind an opening that takes over what is not proven.
        let store = open();
        store.append(large(1)).wait().unwrap();
        block_on(store.begin_segment()).unwrap();
        store.append(large(41)).wait().unwrap();
        drop(store);
        let store = open();
        store.append(large(81)).wait().unwrap();
        close(store);
        let store = open();
        assert_eq!(numbers(&store), (1..=120).collect::<Vec<_>>(), "{durability:?}");
        assert!(block_on(store.verify()).unwrap().is_sound(), "{durability:?}");
    }
}

#[test]
fn s38_a_segment_whose_first_append_fails_takes_the_second_one() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 2).unwrap();
    block_on(store.begin_segment()).unwrap();
    storage.fail_write(0, WriteFault::Error { kind: std::io::ErrorKind::Other, written: 50 });
    // The write that fails may be one of the thread that makes spares: then the append goes through.
    let failed = append(&store, 3, 1).is_err();
    drop(store);
    let store = open(&storage);
    append(&store, 4, 1).unwrap();
    close(store);
    let expected: &[u64] = if failed { &[1, 2, 4] } else { &[1, 2, 3, 4] };
    assert_eq!(numbers(&open(&storage)), expected);
}

#[test]
fn s39_positions_rise_after_everything_that_can_be_was_removed() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for first in [1, 3, 5] {
        append(&store, first, 2).unwrap();
        block_on(store.begin_segment()).unwrap();
    }
    let policy = Retention::default().with_events_max(0).with_unreleased(Unreleased::Remove);
    let retired = block_on(store.retain(&policy)).unwrap();
    assert_eq!(retired.events, 6);
    assert!(all(&store).is_empty());
    close(store);
    let store = open(&storage);
    let placed = append(&store, 7, 1).unwrap().first().unwrap();
    assert_eq!((placed.position.get(), placed.seq.get()), (7, 3));
    assert_eq!(block_on(store.actor(&"actor 2".into())).unwrap().highest, Seq::new(2));
}

#[test]
fn retention_that_a_crash_cuts_short_leaves_a_log_that_opens() {
    for steps in 0..12 {
        let storage = SimulatedStorage::new();
        let store = open(&storage);
        for first in [1, 3, 5] {
            append(&store, first, 2).unwrap();
            block_on(store.begin_segment()).unwrap();
        }
        append(&store, 7, 2).unwrap();
        storage.crash_after(steps);
        let policy = Retention::default().with_events_max(2).with_unreleased(Unreleased::Remove);
        let removed = block_on(store.retain(&policy)).is_ok();
        drop(store);
        for subset in 0..64_u64 {
            let disk = storage.crash(|item, _| {
                if subset >> (item % 6) & 1 == 1 {
                    steadfast_base::storage::Persist::All
                } else {
                    steadfast_base::storage::Persist::Nothing
                }
            });
            let found = numbers(&open(&disk));
            assert!(found.ends_with(&[7, 8]), "after {steps}, {subset:b}: {found:?}");
            assert!(!removed || found == [7, 8], "after {steps}, {subset:b}: {found:?}");
        }
    }
}

#[test]
fn deletions_survive_crashes() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 9).unwrap();
    block_on(store.delete_to(&"actor 1".into(), Seq::new(2))).unwrap();
    let disk = storage.crash(|_, _| steadfast_base::storage::Persist::Nothing);
    let store = open(&disk);
    let left = block_on(store.read(Query::actor("actor 1")).all()).unwrap();
    assert_eq!(left.iter().map(number).collect::<Vec<_>>(), [7]);
    let extent = block_on(store.actor(&"actor 1".into())).unwrap();
    assert_eq!((extent.first.get(), extent.highest.get()), (3, 3));
}
