//! Disks that are full: what could not be made takes no room, and goes on once there is some.

use std::io;

use steadfast_base::storage::WriteFault;
use steadfast_eventlog::{Seq, StoreError};

use super::*;

/// Files that are not in use.
fn unfinished(storage: &SimulatedStorage) -> Vec<PathBuf> {
    let is_unfinished = |path: &PathBuf| {
        path.extension().is_some_and(|suffix| suffix == "spare" || suffix == "tmp")
    };
    storage.files().into_keys().filter(is_unfinished).collect()
}

fn used(storage: &SimulatedStorage) -> u64 {
    storage.files().values().map(|file| file.len() as u64).sum()
}

fn large(number: u64) -> Append {
    let mut event = event(number);
    event.payload = Payload::raw("test.Large", vec![7; 64 << 10]);
    Append::one(event)
}

#[test]
fn s30_a_segment_that_finds_half_its_room_gives_that_back() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 3).unwrap();
    wait_for_spare(&storage);
    // Half of what the large event needs.
    storage.set_capacity(Some(used(&storage) + (32 << 10)));
    for _ in 0..3 {
        let error = store.append(large(4)).wait().unwrap_err();
        assert!(matches!(error, AppendError::Unavailable { .. }), "{error:?}");
        assert_eq!(unfinished(&storage), Vec::<PathBuf>::new());
    }
    storage.set_capacity(None);
    store.append(large(4)).wait().unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4]);
}

#[test]
fn s30_a_catalog_without_room_deletes_nothing_and_leaves_nothing() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 3).unwrap();
    wait_for_spare(&storage);
    storage.fail_write(0, WriteFault::Error { kind: io::ErrorKind::StorageFull, written: 9 });
    let refused = block_on(store.delete_to(&"actor 1".into(), Seq::MAX));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(numbers(&store), [1, 2, 3]);
    assert!(!unfinished(&storage).iter().any(|path| path.ends_with("CATALOG.tmp")));
    block_on(store.delete_to(&"actor 1".into(), Seq::MAX)).unwrap();
    assert_eq!(numbers(&store), [2, 3]);
}

#[test]
fn a_segment_that_cannot_be_sealed_stays_as_it_is_and_leaves_nothing() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 40).unwrap();
    wait_for_spare(&storage);
    storage.set_capacity(Some(used(&storage)));
    let before = storage.calls().remove;
    // Until the spare has been handed over.
    while block_on(store.begin_segment()).is_err() {
        std::thread::yield_now();
    }
    // The index, the next spare and the sealed form find no room.
    while storage.calls().remove < before + 3 {
        std::thread::yield_now();
    }
    assert_eq!(numbers(&store), (1..=40).collect::<Vec<_>>());
    storage.set_capacity(None);
    append(&store, 41, 1).unwrap();
    close(store);
    assert_eq!(unfinished(&storage), Vec::<PathBuf>::new());
    let store = open(&storage);
    while block_on(store.statistics()).unwrap().segments_unsealed > 1 {
        std::thread::yield_now();
    }
    assert_eq!(numbers(&store), (1..=41).collect::<Vec<_>>());
    assert!(block_on(store.verify()).unwrap().is_sound());
}
