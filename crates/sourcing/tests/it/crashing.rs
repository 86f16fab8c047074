//! Views in files through crashes at every step, and a live view over rolling segments.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use steadfast_base::Time;
use steadfast_base::storage::{Persist, SimulatedStorage, Storage};
use steadfast_eventlog::segment_store::{Config, SEGMENT_BYTES_MIN, SegmentStore};
use steadfast_eventlog::{EventStore, MemoryStore, block_on};
use steadfast_sourcing::projection::{
    FileView, MemoryView, ProjectionEnd, ProjectionSettings, ViewOpenError,
};
use steadfast_supervision::Backoff;

use crate::views::{Ledger, append, expected, projector, run_to};

const PATH: &str = "views/numbers";

fn open(storage: &SimulatedStorage) -> FileView<Ledger> {
    FileView::open(Arc::new(storage.clone()), PATH, 1).expect("a view is never lost")
}

/// Gives up at the first failure.
fn impatient() -> ProjectionSettings {
    ProjectionSettings::default().with_batch_events_max(3).with_retries(0, Backoff::none())
}

/// Which of the first items survive; all the further ones do.
fn subset(mask: u32) -> impl Fn(usize, &steadfast_base::storage::Unsynced) -> Persist {
    move |index, _| {
        let survives = index >= 12 || mask >> index & 1 == 1;
        if survives { Persist::All } else { Persist::Nothing }
    }
}

#[test]
fn a_crash_at_any_step_leaves_every_event_in_the_output_exactly_once() {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let last = append(&*log, 1..=10);
    let all = expected(&*log);
    let run = |storage: &SimulatedStorage| {
        let Ok(view) = FileView::open(Arc::new(storage.clone()), PATH, 1) else { return false };
        let projector = projector(&log, view, Time::system()).with_settings(impatient());
        block_on(run_to(&projector, last))
    };
    let whole = SimulatedStorage::new();
    assert!(run(&whole));
    let mut outcomes = 0;
    for step in 0..=whole.steps() {
        let storage = SimulatedStorage::new();
        storage.crash_after(step);
        run(&storage);
        let doubtful = storage.unsynced().len().min(12);
        for mask in 0..1_u32 << doubtful {
            let after = storage.crash(subset(mask));
            let half = open(&after);
            let stored = half.read(Ledger::clone);
            assert!(all.positions.starts_with(&stored.positions), "step {step}, mask {mask:b}");
            drop(half);
            assert!(run(&after), "step {step}, mask {mask:b}");
            assert_eq!(open(&after).read(Ledger::clone), all, "step {step}, mask {mask:b}");
            outcomes += 1;
        }
    }
    assert!(outcomes > 60, "only {outcomes} outcomes were looked at");
}

#[test]
fn a_view_survives_the_process_and_goes_on_where_it_was() {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let storage = SimulatedStorage::new();
    for part in [1..=10, 11..=17, 18..=30] {
        let last = append(&*log, part);
        let view = open(&storage);
        let projector = projector(&log, view.clone(), Time::system()).with_settings(impatient());
        assert!(block_on(run_to(&projector, last)));
        assert_eq!(view.read(Ledger::clone), expected(&*log));
        drop((projector, view));
    }
}

#[test]
fn a_failed_sync_leaves_the_old_unit_and_the_next_try_goes_on() {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let last = append(&*log, 1..=10);
    let storage = SimulatedStorage::new();
    storage.fail_sync(1);
    let view = open(&storage);
    let settings = impatient().with_retries(1, Backoff::none());
    let projector = projector(&log, view.clone(), Time::system()).with_settings(settings);
    assert!(block_on(run_to(&projector, last)));
    assert_eq!(view.read(Ledger::clone), expected(&*log));
}

#[test]
fn a_damaged_view_is_an_error_until_it_is_given_up() {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let last = append(&*log, 1..=10);
    let storage = SimulatedStorage::new();
    assert!(block_on(run_to(&projector(&log, open(&storage), Time::system()), last)));
    storage.flip_bit(Path::new(PATH), 8 * 50);
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    let opened = FileView::<Ledger>::open(Arc::clone(&shared), PATH, 1);
    assert!(matches!(opened, Err(ViewOpenError::Damaged(_))), "{opened:?}");
    let view = FileView::<Ledger>::open_anew(Arc::clone(&shared), PATH, 1).unwrap();
    let locked = FileView::<Ledger>::open(shared, PATH, 1);
    assert!(matches!(locked, Err(ViewOpenError::Locked)), "{locked:?}");
    assert!(block_on(run_to(&projector(&log, view.clone(), Time::system()), last)));
    assert_eq!(view.read(Ledger::clone), expected(&*log));
}

#[test]
fn a_view_of_another_version_starts_empty() {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let last = append(&*log, 1..=10);
    let storage = SimulatedStorage::new();
    assert!(block_on(run_to(&projector(&log, open(&storage), Time::system()), last)));
    let view = FileView::<Ledger>::open(Arc::new(storage), PATH, 2).unwrap();
    assert_eq!((view.read(Ledger::clone), view.offset().get()), (Ledger::default(), 0));
}

#[test]
fn a_live_view_has_no_gap_and_no_duplicate_over_rolling_segments() {
    let storage = Arc::new(SimulatedStorage::new());
    let config = Config::new("log").with_segment_bytes(SEGMENT_BYTES_MIN).with_tail_events(50);
    let store = SegmentStore::open_on(storage, config, Time::system()).unwrap();
    let log: Arc<dyn EventStore> = Arc::new(store.clone());
    append(&*log, 1..=100);
    let view = MemoryView::<Ledger>::default();
    let settings = ProjectionSettings::default().with_batch_events_max(64);
    let projector = projector(&log, view.clone(), Time::system()).with_settings(settings);
    thread::scope(|scope| {
        let runner = scope.spawn(|| block_on(projector.run()));
        for part in [101..=400_u64, 401..=700, 701..=1_000] {
            append(&*log, part);
            block_on(store.begin_segment()).unwrap();
        }
        let last = append(&*log, 1_001..=1_010);
        assert!(block_on(projector.handle().reached(last)));
        assert_eq!(view.read(Ledger::clone), expected(&*log));
        block_on(log.close()).unwrap();
        assert_eq!(runner.join().unwrap(), ProjectionEnd::LogClosed);
    });
}
