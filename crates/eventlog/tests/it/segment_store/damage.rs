//! Damage to what was synced: an error that says where, no byte changed, the rest readable.

use steadfast_eventlog::{DamageKind, Position, ReadError};

use super::*;

/// A log of three frames in one segment, closed.
fn closed_log() -> SimulatedStorage {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for first in [1, 3, 5] {
        append(&store, first, 2).unwrap();
    }
    close(store);
    storage
}

fn corruption(storage: &SimulatedStorage) -> (Position, u64, Position, DamageKind) {
    match try_open(storage) {
        Err(OpenError::Damaged(ReadError::Corruption { segment, offset, position, damage })) => {
            (segment, offset, position, damage)
        }
        other => panic!("opened: {other:?}"),
    }
}

#[test]
fn s23_any_flipped_bit_below_the_watermark_is_corruption_that_says_where() {
    let storage = closed_log();
    for bit in (4_096 * 8..4 * 4_096 * 8).step_by(331) {
        let disk = storage.crash(|_, _| steadfast_base::storage::Persist::All);
        disk.flip_bit(&segment(1), bit);
        let before = disk.files();
        let frame = bit / 8 / 4_096;
        let (found, offset, position, _) = corruption(&disk);
        assert_eq!(found, Position::FIRST, "bit {bit}");
        assert_eq!(offset, frame * 4_096, "bit {bit}");
        assert_eq!(position.get(), 2 * frame - 1, "bit {bit}");
        assert_eq!(corruption(&disk).1, offset, "bit {bit}");
        let mut after = disk.files();
        after.remove(Path::new("log/LOCK"));
        let mut before = before;
        before.remove(Path::new("log/LOCK"));
        assert!(before == after, "bit {bit}");
    }
}

#[test]
fn a_damaged_segment_header_is_corruption() {
    let storage = closed_log();
    storage.flip_bit(&segment(1), 800 * 8);
    assert_eq!(corruption(&storage).1, 0);
}

#[test]
fn a_lost_write_below_the_watermark_is_called_so() {
    let storage = closed_log();
    let mut file = storage.contents(&segment(1)).unwrap();
    file[2 * 4_096..3 * 4_096].fill(0);
    storage.put(&segment(1), file);
    assert_eq!(corruption(&storage).3, DamageKind::LostSector);
}

#[test]
fn what_is_not_damaged_can_still_be_read_and_saved() {
    let storage = closed_log();
    storage.flip_bit(&segment(1), (2 * 4_096 + 100) * 8);
    let disk = Arc::new(storage.clone());
    let store = SegmentStore::open_read_only(disk, config(), Time::system()).unwrap();
    let mut events = store.read(Query::all());
    let before: Vec<u64> = block_on(events.next()).unwrap().iter().map(number).collect();
    assert_eq!(before, [1, 2]);
    let error = block_on(events.next()).unwrap_err();
    assert!(matches!(error, ReadError::Corruption { position, .. } if position.get() == 3));
    let behind: Vec<u64> = block_on(events.next()).unwrap().iter().map(number).collect();
    assert_eq!(behind, [5, 6]);
    assert!(block_on(events.next()).unwrap().is_empty());
    let mut events = store.read(Query::all().backward());
    let newest: Vec<u64> = block_on(events.next()).unwrap().iter().map(number).collect();
    assert_eq!(newest, [6, 5]);
    block_on(events.next()).unwrap_err();
    let oldest: Vec<u64> = block_on(events.next()).unwrap().iter().map(number).collect();
    assert_eq!(oldest, [2, 1]);
    assert!(matches!(append(&store, 9, 1), Err(AppendError::Closed { .. })));
}

#[test]
fn verification_of_an_open_log_finds_damage() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for first in [1, 3, 5] {
        append(&store, first, 2).unwrap();
    }
    assert!(block_on(store.verify()).unwrap().is_sound());
    storage.flip_bit(&segment(1), (4_096 + 100) * 8);
    let report = block_on(store.verify()).unwrap();
    assert!(!report.is_sound());
}

#[test]
fn s32_a_missing_segment_is_an_error_and_foreign_files_are_none() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    for first in [1, 3, 5] {
        append(&store, first, 2).unwrap();
        block_on(store.begin_segment()).unwrap();
    }
    close(store);
    storage.put(Path::new("log/.DS_Store"), "x");
    storage.put(Path::new("log/._0"), "x");
    storage.put(Path::new("log/1.seg"), "x");
    assert_eq!(numbers(&open(&storage)), [1, 2, 3, 4, 5, 6]);
    let middle = storage.take(&segment(3)).unwrap();
    match try_open(&storage) {
        Err(OpenError::Damaged(ReadError::MissingSegment { first, next })) => {
            assert_eq!((first.get(), next.get()), (3, 5));
        }
        other => panic!("opened: {other:?}"),
    }
    storage.put(&segment(3), middle);
    storage.take(&segment(1)).unwrap();
    match try_open(&storage) {
        Err(OpenError::Damaged(ReadError::MissingSegment { first, .. })) => {
            assert_eq!(first.get(), 1);
        }
        other => panic!("opened: {other:?}"),
    }
}
