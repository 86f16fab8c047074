//! Syncs and writes that fail, disks that are full, locks that are held or lost.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use steadfast_base::VirtualClock;
use steadfast_base::storage::{Persist, WriteFault};
use steadfast_eventlog::{Expected, Retention, Seq, StoreError, Unreleased};

use super::*;

/// A store whose syncs wait for a clock, so that a test can fill the next group.
fn with_slow_syncs() -> (SimulatedStorage, SegmentStore, VirtualClock) {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 1).unwrap();
    wait_for_spare(&storage);
    let clock = VirtualClock::new();
    storage.slow_syncs(clock.time(), Duration::from_millis(1));
    (storage, store, clock)
}

fn wait_for_sync(clock: &VirtualClock) {
    while clock.pending() == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn s28_a_failed_sync_fails_its_group_and_everything_after_without_another_call() {
    let (storage, store, clock) = with_slow_syncs();
    let first = store.append(batch(2, 1));
    wait_for_sync(&clock);
    let group: Vec<_> = (3..11).map(|number| store.append(batch(number, 1))).collect();
    clock.advance(Duration::from_millis(1));
    first.wait().unwrap();
    wait_for_sync(&clock);
    let syncs = storage.calls().datasync;
    storage.fail_sync(0);
    clock.advance(Duration::from_millis(1));
    for appending in group {
        let error = appending.wait().unwrap_err();
        assert!(matches!(error, AppendError::CommitUnknown { .. }), "{error:?}");
        assert_eq!(error.into_events().len(), 1);
    }
    let steps = storage.steps();
    let error = append(&store, 20, 1).unwrap_err();
    assert!(matches!(error, AppendError::Poisoned { .. }), "{error:?}");
    assert!(matches!(block_on(store.sync()), Err(StoreError::Poisoned(_))));
    assert_eq!(storage.calls().datasync, syncs + 1);
    assert_eq!(storage.steps(), steps);
    assert_eq!(numbers(&store), [1, 2]);
    drop(store);

    storage.kill();
    storage.drop_caches();
    let unlucky = storage.crash(|_, _| Persist::Nothing);
    assert_eq!(numbers(&open(&unlucky)), [1, 2]);
}

#[test]
fn reopening_after_a_failed_sync_serves_nothing_that_is_not_on_the_disk() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 1).unwrap();
    wait_for_spare(&storage);
    storage.fail_sync(0);
    append(&store, 2, 1).unwrap_err();
    drop(store);
    // The failed pages still read back; what is served from them must be made durable first.
    let store = open(&storage);
    let served = numbers(&store);
    storage.drop_caches();
    let crashed = storage.crash(|_, _| Persist::Nothing);
    assert_eq!(numbers(&open(&crashed)), served);
    // The retry finds out what became of it.
    let retried = store.append(batch(2, 1).expecting(Expected::NoStream)).wait().unwrap();
    assert_eq!(retried.duplicate, served == [1, 2]);
}

#[test]
fn s28_a_directory_that_cannot_be_synced_poisons_a_log_that_needs_a_segment() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 3).unwrap();
    wait_for_spare(&storage);
    storage.fail_sync_dir(0);
    let error = block_on(store.begin_segment()).unwrap_err();
    assert!(matches!(error, StoreError::Poisoned(_)), "{error:?}");
    assert!(matches!(append(&store, 4, 1), Err(AppendError::Poisoned { .. })));
    assert_eq!(numbers(&store), [1, 2, 3]);
    drop(store);
    for persist in [Persist::Nothing, Persist::All] {
        let disk = storage.crash(|_, _| persist);
        let store = open(&disk);
        append(&store, 4, 1).unwrap();
        close(store);
        assert_eq!(numbers(&open(&disk)), [1, 2, 3, 4], "{persist:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_synced_leaves_deletion_and_retention_to_be_done_again() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    append(&store, 1, 3).unwrap();
    block_on(store.begin_segment()).unwrap();
    append(&store, 4, 3).unwrap();
    storage.fail_sync_dir(0);
    let delete = || block_on(store.delete_to(&"actor 1".into(), Seq::new(1)));
    assert!(matches!(delete(), Err(StoreError::Unavailable(_))));
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5, 6]);
    delete().unwrap();
    assert_eq!(numbers(&store), [2, 3, 4, 5, 6]);
    let policy = Retention::default().with_events_max(3).with_unreleased(Unreleased::Remove);
    for (ahead, left) in [(0, vec![2, 3, 4, 5, 6]), (1, vec![4, 5, 6])] {
        // That of the mark, then that of the removal.
        storage.fail_sync_dir(ahead);
        assert!(matches!(block_on(store.retain(&policy)), Err(StoreError::Unavailable(_))));
        assert_eq!(numbers(&store), left);
        let kept = numbers(&open(&storage.crash(|_, _| Persist::Nothing)));
        assert!(kept == left || kept == [4, 5, 6], "{kept:?}");
    }
    assert_eq!(block_on(store.retain(&policy)).unwrap().events, 0);
    append(&store, 7, 1).unwrap();
    close(store);
    assert_eq!(numbers(&open(&storage)), [4, 5, 6, 7]);
}

#[test]
fn s30_a_disk_that_fills_in_the_middle_of_a_frame_keeps_what_is_before_it() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 3).unwrap();
    wait_for_spare(&storage);
    storage.fail_write(0, WriteFault::Error { kind: io::ErrorKind::StorageFull, written: 90 });
    let error = append(&store, 4, 2).unwrap_err();
    assert!(error.is_unknown(), "{error:?}");
    drop(store);
    let store = open(&storage);
    assert_eq!(numbers(&store), [1, 2, 3]);
    append(&store, 4, 2).unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4, 5]);
}

#[test]
fn s30_no_room_for_the_next_segment_refuses_without_poisoning() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 3).unwrap();
    wait_for_spare(&storage);
    let used: u64 = storage.files().values().map(|file| file.len() as u64).sum();
    storage.set_capacity(Some(used));
    let large = |number| {
        let mut event = event(number);
        event.payload = Payload::raw("test.Large", vec![7; 64 << 10]);
        event
    };
    let error = store.append(Append::one(large(4))).wait().unwrap_err();
    assert!(matches!(error, AppendError::Unavailable { .. }), "{error:?}");
    storage.set_capacity(None);
    store.append(Append::one(large(4))).wait().unwrap();
    assert_eq!(numbers(&store), [1, 2, 3, 4]);
}

#[test]
fn s34_a_log_has_one_writer_and_a_stale_one_is_fenced() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 1).unwrap();
    assert!(matches!(try_open(&storage), Err(OpenError::Locked)));
    storage.break_lock(Path::new("log/LOCK"));
    let next = open(&storage);
    let error = append(&store, 2, 1).unwrap_err();
    assert!(matches!(error, AppendError::Fenced { .. }), "{error:?}");
    append(&next, 3, 1).unwrap();
    assert_eq!(numbers(&next), [1, 3]);
}

#[test]
fn s37_many_appenders_share_few_syncs_and_keep_their_order() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    storage.slow_syncs(Time::system(), Duration::from_millis(1));
    let before = storage.calls().datasync;
    std::thread::scope(|scope| {
        for writer in 0..64_u64 {
            let store = &store;
            scope.spawn(move || {
                for turn in 0..10 {
                    let mut event = event(writer * 100 + turn + 1);
                    event.actor = format!("writer {writer}").into();
                    let expected = Expected::Exact(Seq::new(turn));
                    let appended = store.append(Append::one(event).expecting(expected)).wait();
                    assert_eq!(appended.unwrap().first().unwrap().seq.get(), turn + 1);
                }
            });
        }
    });
    let syncs = storage.calls().datasync - before;
    assert!(syncs <= 640 / 8, "{syncs} syncs for 640 appends");
    assert_eq!(all(&store).len(), 640);
}

#[test]
fn no_append_is_answered_before_its_sync_returns() {
    let (storage, store, clock) = with_slow_syncs();
    let appending = store.append(batch(2, 1));
    wait_for_sync(&clock);
    assert_eq!(numbers(&store), [1]);
    clock.advance(Duration::from_millis(1));
    appending.wait().unwrap();
    assert_eq!(numbers(&store), [1, 2]);
    storage.slow_syncs(clock.time(), Duration::ZERO);
}

#[test]
fn the_last_handle_may_go_with_the_waker_of_an_append() {
    struct Task(#[expect(dead_code, reason = "held until the task goes")] SegmentStore);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    let (storage, store, clock) = with_slow_syncs();
    let mut appending = store.append(batch(2, 1));
    let task = Arc::new(Task(store));
    let gone = Arc::downgrade(&task);
    let waker = Waker::from(task);
    assert!(Pin::new(&mut appending).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    wait_for_sync(&clock);
    storage.slow_syncs(clock.time(), Duration::ZERO);
    clock.advance(Duration::from_millis(1));
    // With the writer's thread, and on it.
    while gone.strong_count() > 0 {
        std::thread::yield_now();
    }
    appending.wait().unwrap();
    // Ends once the threads have.
    let store = loop {
        match try_open(&storage) {
            Err(OpenError::Locked) => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    assert_eq!(numbers(&store), [1, 2]);
}

#[test]
fn one_append_costs_one_write_and_one_sync() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 1).unwrap();
    wait_for_spare(&storage);
    let before = storage.calls();
    append(&store, 2, 5).unwrap();
    let after = storage.calls();
    assert_eq!(after.datasync - before.datasync, 1);
    assert_eq!(after.pwrite - before.pwrite, 1);
    assert_eq!(store.append(Append::new(Vec::new())).wait().unwrap(), Appended::NOTHING);
    assert_eq!(storage.calls(), after);
}
