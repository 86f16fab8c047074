//! Projections: retries, poison, orders, panics, upcasting; in virtual time.

use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_eventlog::{EventStore, MemoryStore, Position, Retention, Seq, Upcasters, block_on};
use steadfast_sourcing::projection::{
    MemoryView, OnPoison, ProjectionEnd, ProjectionSettings, ProjectionState, Projector,
};
use steadfast_supervision::{ChildSpec, Supervisor};

use crate::views::{
    CommitFault, Failing, Ledger, Numbers, append, both, describe, expected, projector, run_to,
};

fn log(test: &TestSystem) -> Arc<dyn EventStore> {
    Arc::new(MemoryStore::new(test.time().clone()))
}

fn small() -> ProjectionSettings {
    ProjectionSettings::default().with_batch_events_max(4)
}

#[test]
fn what_fails_for_a_while_is_tried_again_after_growing_delays() {
    let test = TestSystem::new();
    let log = log(&test);
    let last = append(&*log, 1..=20);
    let output = Failing::default();
    *output.faults.lock().unwrap() = vec![CommitFault::Fails; 3];
    let projector = projector(&log, output.clone(), test.time().clone()).with_settings(small());
    assert!(test.run(run_to(&projector, last)));
    assert_eq!(test.elapsed(), Duration::from_millis(100 + 200 + 400));
    assert_eq!(output.view.read(Ledger::clone), expected(&*log));
    let status = test.run(projector.handle().status());
    assert_eq!((status.retries_total, status.lag, status.events_total), (3, 0, 20));
    assert_eq!(status.state, ProjectionState::Idle);
    assert!(status.last_error.unwrap().1.ends_with("out of order"));
}

#[test]
fn a_commit_with_a_lost_answer_is_not_made_twice() {
    let test = TestSystem::new();
    let log = log(&test);
    let last = append(&*log, 1..=20);
    let output = Failing::default();
    *output.faults.lock().unwrap() = vec![CommitFault::StoresAndFails; 4];
    let projector = projector(&log, output.clone(), test.time().clone()).with_settings(small());
    assert!(test.run(run_to(&projector, last)));
    assert_eq!(output.view.read(Ledger::clone), expected(&*log));
}

#[test]
fn poison_stops_the_projection_in_front_of_it_and_is_named() {
    let test = TestSystem::new();
    let log = log(&test);
    let last = append(&*log, 1..=20);
    let view = MemoryView::<Ledger>::default();
    let numbers = Numbers { fails_on: Some(7), ..Numbers::default() };
    let time = test.time().clone();
    let projector = Projector::new("numbers", numbers, Arc::clone(&log), view.clone(), time);
    let handle = projector.handle();
    let skipping = async {
        assert!(!handle.reached(last).await);
        let status = handle.status().await;
        assert_eq!(status.state, ProjectionState::Failed, "{}", describe(&handle).await);
        assert_eq!(status.retries_total, 8);
        let poison = status.poison.unwrap();
        assert_eq!(poison.actor.as_str(), "actor-1");
        assert_eq!(view.read(|ledger| ledger.sum), (1..7).sum::<u64>());
        assert!(view.offset() < poison.position, "it stands in front of it");
        handle.skip(poison.position);
        assert!(handle.reached(last).await, "{}", describe(&handle).await);
        handle.stop();
        poison
    };
    let (end, poison) = test.run(both(projector.run(), skipping));
    assert_eq!(end, ProjectionEnd::Stopped);
    let status = test.run(handle.status());
    assert_eq!((status.skipped_total, status.skipped, status.poison), (1, vec![poison], None));
    assert_eq!(view.read(|ledger| ledger.sum), (1..=20).sum::<u64>() - 7);
    assert_eq!(view.read(|ledger| ledger.positions.len()), 19);
}

#[test]
fn poison_is_skipped_where_the_settings_say_so() {
    let test = TestSystem::new();
    let log = log(&test);
    let last = append(&*log, 1..=20);
    let view = MemoryView::<Ledger>::default();
    let numbers = Numbers { fails_on: Some(1), ..Numbers::default() };
    let projector =
        Projector::new("numbers", numbers, Arc::clone(&log), view.clone(), test.time().clone())
            .with_settings(small().with_on_poison(OnPoison::Skip));
    assert!(test.run(run_to(&projector, last)));
    assert_eq!(test.run(projector.handle().status()).skipped_total, 1);
    assert_eq!(view.read(|ledger| ledger.sum), (2..=20).sum::<u64>());
}

#[test]
fn a_rebuild_gives_what_continuing_gave() {
    let test = TestSystem::new();
    let log = log(&test);
    let first = append(&*log, 1..=10);
    let view = MemoryView::<Ledger>::default();
    let time = test.time().clone();
    assert!(test.run(run_to(&projector(&log, view.clone(), time.clone()), first)));
    let last = append(&*log, 11..=25);
    let projector = projector(&log, view.clone(), time).with_settings(small());
    assert!(test.run(run_to(&projector, last)));
    let continued = view.read(Ledger::clone);
    assert_eq!(continued, expected(&*log));
    // Ordered while nobody runs it, and again while it follows.
    projector.handle().rebuild();
    assert!(test.run(run_to(&projector, last)));
    assert_eq!(view.read(Ledger::clone), continued);
    let handle = projector.handle();
    let ordering = async {
        assert!(handle.reached(last).await);
        handle.rebuild();
        test.settle().await;
        assert!(handle.reached(last).await);
        handle.stop();
    };
    test.run(both(projector.run(), ordering));
    assert_eq!(view.read(Ledger::clone), continued);
    assert_eq!(test.run(handle.status()).events_total, 15 + 25 + 25);
}

#[test]
fn a_rebuild_never_empties_what_the_log_cannot_give_again() {
    let test = TestSystem::new();
    let log = log(&test);
    let first = append(&*log, 1..=10);
    let view = MemoryView::<Ledger>::default();
    let projector = projector(&log, view.clone(), test.time().clone());
    assert!(test.run(run_to(&projector, first)));
    let built = view.read(Ledger::clone);
    for actor in ["actor-0", "actor-1", "actor-2", "noise"] {
        block_on(log.release(&actor.into(), Seq::MAX)).expect("released");
    }
    let policy = Retention::default().with_events_max(4);
    assert!(block_on(log.retain(&policy)).expect("retained").events > 0);
    projector.handle().rebuild();
    let last = append(&*log, [11]);
    assert!(!test.run(run_to(&projector, last)), "it stands still");
    let status = test.run(projector.handle().status());
    let said = status.last_error.expect("it says why").1;
    assert!(said.contains("have been removed"), "{said}");
    assert_eq!(view.read(Ledger::clone), built, "the output is as it was");
    projector.handle().resume();
    assert!(test.run(run_to(&projector, last)), "it goes on with the output it has");
    assert_eq!(view.read(|ledger| ledger.sum), built.sum + 11);
    // A new one begins with what there is.
    let left = MemoryView::<Ledger>::default();
    let fresh = crate::views::projector(&log, left.clone(), test.time().clone());
    fresh.handle().rebuild();
    assert!(test.run(run_to(&fresh, last)));
    assert_eq!(left.read(Ledger::clone), expected(&*log));
}

#[test]
fn an_actor_that_follows_is_restarted_after_a_panic_and_stops_with_the_log() {
    let test = TestSystem::new();
    let log = log(&test);
    append(&*log, 1..=5);
    let view = MemoryView::<Ledger>::default();
    let numbers = Numbers { panics_on: Some(6), ..Numbers::default() };
    let projector =
        Projector::new("numbers", numbers, Arc::clone(&log), view.clone(), test.time().clone());
    let handle = projector.handle();
    test.run(async {
        let child = ChildSpec::new("numbers", move || projector.actor());
        Supervisor::one_for_one().child(child).start(&test, "top").await.unwrap();
        test.settle().await;
        assert_eq!(handle.status().await.state, ProjectionState::Live);
        let poison = append(&*log, [6]);
        append(&*log, [7, 8]);
        test.advance(Duration::from_millis(10)).await;
        assert_eq!(handle.status().await.state, ProjectionState::Idle);
        assert_eq!(view.read(|ledger| ledger.sum), (1..=5).sum::<u64>(), "the unit is not stored");
        let actor = test.lookup_handle("/test/top/numbers").unwrap();
        test.advance(Duration::from_millis(150)).await;
        assert!(actor.incarnation() > 1);
        assert!(poison > view.offset());
    });
}

#[test]
fn an_actor_ends_when_the_log_is_closed_and_everything_is_in_the_output() {
    let test = TestSystem::new();
    let log = log(&test);
    append(&*log, 1..=5);
    let view = MemoryView::<Ledger>::default();
    let projector = projector(&log, view.clone(), test.time().clone());
    let all = test.run(async {
        let factory = projector.clone();
        let actor = test.spawn("numbers", move || factory.actor()).await.unwrap();
        append(&*log, 6..=9);
        let all = expected(&*log);
        log.close().await.unwrap();
        assert_eq!(actor.stopped().await.name(), "normal");
        all
    });
    assert_eq!(view.read(Ledger::clone), all);
}

#[test]
fn old_payloads_are_brought_up_to_date_and_unknown_ones_are_poison() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Old {
        pair: (u64, u64),
    }
    let test = TestSystem::new();
    let log = log(&test);
    let mut old = crate::views::event(1);
    let payload = steadfast_eventlog::Payload::encode;
    let named = steadfast_eventlog::CodecId::NAMED;
    old.payload = payload(named, "test.Number", 1, &Old { pair: (3, 4) }).unwrap();
    let mut unknown = crate::views::event(2);
    unknown.payload = payload(named, "test.Number", 9, &Old { pair: (5, 6) }).unwrap();
    log.append(vec![old, unknown].into()).wait().unwrap();
    let upcasters =
        Upcasters::new().current("test.Number", 2).step("test.Number", 1, |old: Old| {
            [old.pair.0, old.pair.1].map(|number| crate::views::Number { number }).into()
        });
    let view = MemoryView::<Ledger>::default();
    let projector = projector(&log, view.clone(), test.time().clone()).with_upcasters(upcasters);
    assert!(!test.run(run_to(&projector, Position::new(2))));
    assert_eq!(view.read(|ledger| (ledger.sum, ledger.positions.clone())), (7, vec![1, 1]));
    let status = test.run(projector.handle().status());
    assert_eq!(status.poison.map(|poison| poison.version), Some(9));
    assert!(status.last_error.unwrap().1.contains("version 9 of type test.Number"));
}

#[test]
fn a_lingering_projection_stores_few_units() {
    let test = TestSystem::new();
    let log = log(&test);
    let view = MemoryView::<Ledger>::default();
    let linger = ProjectionSettings::default().with_linger(Duration::from_millis(100));
    let projector = projector(&log, view.clone(), test.time().clone()).with_settings(linger);
    let handle = projector.handle();
    test.run(both(projector.run(), async {
        test.settle().await;
        for number in 1..=9 {
            append(&*log, [number]);
            test.advance(Duration::from_millis(10)).await;
        }
        assert_eq!(handle.status().await.units_total, 0);
        test.advance(Duration::from_millis(20)).await;
        assert_eq!(handle.status().await.units_total, 1);
        handle.stop();
    }));
    assert_eq!(view.read(Ledger::clone), expected(&*log));
}

#[test]
fn a_second_run_of_one_projector_is_refused() {
    let test = TestSystem::new();
    let log = log(&test);
    let projector = projector(&log, MemoryView::default(), test.time().clone());
    let other = projector.clone();
    let ends = test.run(both(projector.run(), async {
        let end = other.run().await;
        other.handle().stop();
        end
    }));
    assert_eq!(ends, (ProjectionEnd::Stopped, ProjectionEnd::Busy));
}
