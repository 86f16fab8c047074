//! Listeners: order, isolation, limits, sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use steadfast_base::{MemorySink, Sink};
use steadfast_breaker::{EventKind, Outcome, State, limits};

use crate::bench::Bench;

#[test]
fn s34_a_listener_that_panics_changes_no_result_and_stops_no_other() {
    let bench = Bench::a();
    bench.breaker.on_event(|_| panic!("a bad listener")).expect("room");
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    bench
        .breaker
        .on_event(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .expect("room");
    assert_eq!(bench.breaker.call(|| Ok::<_, ()>(7)), Ok(7));
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    assert_eq!(bench.window(), (1, 0, 0));
}

#[test]
fn a_call_is_told_before_what_it_caused() {
    let bench = Bench::a();
    bench.calls("eeee");
    bench.take_events();
    bench.calls("e");
    let kinds: Vec<_> = bench.take_events().iter().map(|event| event.kind).collect();
    assert!(matches!(
        kinds[..],
        [EventKind::Failure { .. }, EventKind::Exceeded(_), EventKind::Transition { .. }]
    ));
}

#[test]
fn rejected_and_ignored_calls_are_told() {
    let bench = Bench::a();
    bench.calls("i");
    bench.breaker.set_state(State::Open).expect("legal");
    assert!(bench.is_rejected());
    assert_eq!(bench.count(|kind| *kind == EventKind::Ignored), 1);
    assert_eq!(bench.count(|kind| matches!(kind, EventKind::NotPermitted(_))), 1);
}

#[test]
fn a_listener_may_use_the_breaker_it_listens_to() {
    let bench = Bench::a();
    let breaker = bench.breaker.clone();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    bench
        .breaker
        .on_change(move |_| {
            if breaker.state() == State::Open {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
        .expect("room");
    bench.breaker.set_state(State::Open).expect("legal");
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[test]
fn listeners_are_bounded_and_removable() {
    let bench = Bench::a();
    let id = bench.breaker.on_change(|_| ()).expect("room");
    for _ in 2..limits::LISTENERS_MAX {
        bench.breaker.on_change(|_| ()).expect("room");
    }
    assert!(bench.breaker.on_change(|_| ()).is_err());
    assert!(bench.breaker.remove_listener(id));
    assert!(!bench.breaker.remove_listener(id));
    assert!(bench.breaker.on_change(|_| ()).is_ok());
}

#[test]
fn a_sink_hears_of_changes_by_name() {
    let bench = Bench::a();
    let sink = Arc::new(MemorySink::new(16));
    bench.breaker.report_to(Arc::clone(&sink) as Arc<dyn Sink>).expect("room");
    bench.call(Outcome::StayAway(crate::bench::secs(1.0)), 0.0);
    bench.breaker.reset();
    let names: Vec<_> = sink.events().iter().map(|event| event.name).collect();
    assert_eq!(names, ["breaker.transition", "breaker.reset"]);
}
