//! Callers who block and write themselves, the newest events at hand, and queries that read nothing.

use std::time::Duration;

use steadfast_base::storage::Persist;
use steadfast_base::{CorrelationId, VirtualClock};
use steadfast_eventlog::segment_store::TAIL_EVENTS;
use steadfast_eventlog::{Blocking, Expected, Position, Seq};

use super::*;

#[test]
fn a_blocking_append_is_written_on_the_thread_of_its_caller() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    wait_for_spare(&storage);
    let blocking = Blocking::new(Arc::new(store.clone()));
    let before = storage.calls();
    for number in 1..=20 {
        let placed = blocking.append(event(number)).unwrap().first().unwrap();
        assert_eq!(placed.position.get(), number);
    }
    let after = storage.calls();
    assert!(after.datasync - before.datasync >= 20);
    assert_eq!(numbers(&store), (1..=20).collect::<Vec<_>>());
    let disk = storage.crash(|_, _| Persist::Nothing);
    assert_eq!(numbers(&open(&disk)), (1..=20).collect::<Vec<_>>());
    block_on(store.close()).unwrap();
    assert!(matches!(blocking.append(event(21)), Err(AppendError::Closed { .. })));
}

#[test]
fn blocking_and_other_appends_take_their_turns_in_the_order_of_the_calls() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    append(&store, 1, 1).unwrap();
    wait_for_spare(&storage);
    let clock = VirtualClock::new();
    storage.slow_syncs(clock.time(), Duration::from_millis(1));
    let waiting = |count: usize| {
        while clock.pending() < count {
            std::thread::yield_now();
        }
    };
    std::thread::scope(|scope| {
        // Writes itself, and sleeps in its sync.
        let own = scope.spawn(|| store.append_blocking(batch(2, 1)));
        waiting(1);
        let behind = store.append(batch(3, 1));
        let last = scope.spawn(|| store.append_blocking(batch(4, 1)));
        assert_eq!(numbers(&store), [1]);
        clock.advance(Duration::from_millis(1));
        assert_eq!(own.join().unwrap().unwrap().first().unwrap().position.get(), 2);
        // The two behind are one group, or two: each waits for a sync of its own then.
        while !last.is_finished() {
            clock.advance(Duration::from_millis(1));
            std::thread::yield_now();
        }
        assert_eq!(behind.wait().unwrap().first().unwrap().position.get(), 3);
        assert_eq!(last.join().unwrap().unwrap().first().unwrap().position.get(), 4);
    });
    assert_eq!(numbers(&store), [1, 2, 3, 4]);
    storage.slow_syncs(clock.time(), Duration::ZERO);
}

#[test]
fn a_failed_sync_poisons_the_log_for_blocking_callers_too() {
    let storage = SimulatedStorage::new();
    let store = open(&storage);
    store.append_blocking(batch(1, 1)).unwrap();
    wait_for_spare(&storage);
    storage.fail_sync(0);
    let error = store.append_blocking(batch(2, 2)).unwrap_err();
    assert!(matches!(error, AppendError::CommitUnknown { .. }), "{error:?}");
    assert_eq!(error.into_events().len(), 2);
    let steps = storage.steps();
    let error = store.append_blocking(batch(4, 1)).unwrap_err();
    assert!(matches!(error, AppendError::Poisoned { .. }), "{error:?}");
    assert!(matches!(append(&store, 5, 1), Err(AppendError::Poisoned { .. })));
    assert_eq!(storage.steps(), steps);
}

#[test]
fn an_idle_log_gets_its_mark_after_a_blocking_append() {
    let storage = SimulatedStorage::new();
    let config = config().with_mark_after(Some(Duration::from_millis(1)));
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    let marks = || {
        let file = storage.contents(&segment(1)).unwrap();
        let blocks = file[4_096..].chunks_exact(4_096);
        blocks.filter(|block| block.starts_with(b"SFFR") && block[6] & 4 != 0).count()
    };
    for number in 1..=3 {
        store.append_blocking(batch(number, 1)).unwrap();
        let wanted = usize::try_from(number).unwrap();
        while marks() < wanted {
            std::thread::yield_now();
        }
    }
}

#[test]
fn while_anybody_subscribes_the_newest_ten_thousand_events_are_read_from_memory() {
    let events = TAIL_EVENTS as u64 + 50;
    let storage = SimulatedStorage::new();
    let config = Config::new("log").with_segment_bytes(16 << 20).with_mark_after(None);
    let config = config.with_seal_level(None);
    let store = SegmentStore::open_on(Arc::new(storage.clone()), config, Time::system()).unwrap();
    let subscription = store.subscribe(Position::ZERO, Query::all());
    for first in (1..=events).step_by(50) {
        append(&store, first, 50).unwrap();
    }
    wait_for_spare_of(16 << 20, &storage);
    let preads = |from: u64| {
        let before = storage.calls().pread;
        let query = Query::all().positions(Position::new(from)..);
        let found = block_on(store.read(query).all()).unwrap();
        assert_eq!(found.len() as u64, events + 1 - from);
        storage.calls().pread - before
    };
    assert_eq!(preads(51), 0, "ten thousand events are at hand");
    assert!(preads(50) > 0, "no more than ten thousand are");
    drop(subscription);
    assert!(preads(51) > 0, "nobody listens");
}

#[test]
fn s10_a_retry_adds_no_byte_also_after_a_kill() {
    let storage = SimulatedStorage::new();
    let store = open_unsealed(&storage);
    let mut request = batch(1, 3);
    for event in &mut request.events {
        event.actor = "P".into();
    }
    let request = request.expecting(Expected::NoStream);
    let first = store.append(request.clone()).wait().unwrap();
    let check = |storage: &SimulatedStorage, store: &SegmentStore| {
        let before = segments(storage);
        let again = store.append(request.clone()).wait().unwrap();
        assert!(again.duplicate && again.places == first.places);
        assert!(segments(storage) == before, "bytes were added");
    };
    check(&storage, &store);
    storage.kill();
    drop(store);
    let store = open_unsealed(&storage);
    check(&storage, &store);
    assert_eq!(block_on(store.actor(&"P".into())).unwrap().highest, Seq::new(3));
}

#[test]
fn s16_unknown_correlations_hardly_ever_read_a_segment() {
    let storage = SimulatedStorage::new();
    let config = || config().with_segment_bytes(64 << 10).with_tail_events(0);
    let open =
        || SegmentStore::open_on(Arc::new(storage.clone()), config(), Time::system()).unwrap();
    let store = open();
    for first in (1..=400).step_by(20) {
        let work = |number: u64| CorrelationId::from_u128(u128::from(number / 20 + 1));
        let flow = |number| event(number).with_correlation(work(number));
        store.append(Append::new((first..first + 20).map(flow).collect())).wait().unwrap();
    }
    let sealed = |store: &SegmentStore| block_on(store.statistics()).unwrap();
    while sealed(&store).segments_unsealed > 1 {
        std::thread::yield_now();
    }
    assert!(sealed(&store).segments > 1);
    wait_for_spare(&storage);
    let before = storage.calls().pread;
    for unknown in 0..100_000_u128 {
        let query = Query::correlation(CorrelationId::from_u128(1 << 64 | unknown << 3));
        assert!(block_on(store.read(query).all()).unwrap().is_empty());
    }
    let read = storage.calls().pread - before;
    assert!(read <= 1_000, "{read} reads for 100,000 unknown ids");
}
