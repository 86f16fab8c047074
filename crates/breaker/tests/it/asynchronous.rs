//! Asynchronous calls, their time-outs and drops, and the driving future.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use steadfast_base::{FailureKind, VirtualClock};
use steadfast_breaker::{CallError, EventKind, ProbeVerdict, Recovery, State};

use crate::bench::{Bench, config_a, secs};

/// Polls a future to its end, letting time pass to the next timer whenever it is pending.
pub(crate) fn block_on<F: Future>(clock: &VirtualClock, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
        assert!(clock.advance_to_next(), "the future waits for something that is not time");
    }
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_ready_call_counts_and_a_failed_one_too() {
    let bench = Bench::a();
    let good = bench.breaker.call_async(|| ready(Ok::<_, ()>(7)));
    assert_eq!(block_on(&bench.clock, good), Ok(7));
    let bad = bench.breaker.call_async(|| ready(Err::<(), _>("no")));
    assert_eq!(block_on(&bench.clock, bad), Err(CallError::Inner("no")));
    assert_eq!(bench.window(), (2, 1, 0));
}

#[test]
fn s59_an_open_breaker_neither_makes_nor_polls_the_call() {
    let bench = Bench::a();
    bench.breaker.set_state(State::Open).expect("legal");
    let made = AtomicUsize::new(0);
    let call = bench.breaker.call_async(|| {
        made.fetch_add(1, Ordering::Relaxed);
        pending::<Result<(), ()>>()
    });
    let result = poll(pin!(call));
    assert!(matches!(result, Poll::Ready(Err(CallError::Rejected(_)))));
    assert_eq!(made.load(Ordering::Relaxed), 0);
}

#[test]
fn s19_a_dropped_future_gives_its_place_back() {
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate)).half_opened();
    {
        let mut call = pin!(bench.breaker.call_async(pending::<Result<(), ()>>));
        assert!(poll(call.as_mut()).is_pending());
        assert!(bench.breaker.acquire().is_err());
        bench.advance(0.1);
    }
    assert_eq!(bench.window(), (0, 0, 0));
    assert!(!bench.is_rejected());
}

#[test]
fn an_outer_timeout_is_seen_as_a_slow_failure() {
    // Also without a slow-call rate, which would time every call.
    for config in [config_a(), config_a().no_slow_rate()] {
        let bench = Bench::new(config);
        {
            let mut call = pin!(bench.breaker.call_async(pending::<Result<(), ()>>));
            assert!(poll(call.as_mut()).is_pending());
            bench.advance(4.0);
        }
        let metrics = bench.breaker.metrics();
        assert_eq!((metrics.window.total, metrics.window.failed), (1, 1));
        assert_eq!(metrics.totals.failures_by_kind, [(FailureKind::Timeout, 1)]);
    }
}

#[test]
fn s47_a_call_that_takes_too_long_is_dropped_and_fails() {
    let bench = Bench::new(config_a().call_timeout(secs(2.0)));
    let time = bench.clock.time();
    let slow = async {
        time.sleep(secs(4.0)).await;
        Ok::<_, ()>(())
    };
    let result = block_on(&bench.clock, bench.breaker.call_async(|| slow));
    assert_eq!(result, Err(CallError::TimedOut(secs(2.0))));
    assert_eq!(bench.clock.time().now().as_nanos(), 2_000_000_000);
    let metrics = bench.breaker.metrics();
    assert_eq!(metrics.totals.failures_by_kind, [(FailureKind::Timeout, 1)]);
}

#[test]
fn a_call_that_is_ready_registers_no_timer() {
    let bench = Bench::new(config_a().call_timeout(secs(2.0)));
    let call = bench.breaker.call_async(|| {
        assert_eq!(bench.clock.pending(), 0);
        ready(Ok::<_, ()>(()))
    });
    assert_eq!(block_on(&bench.clock, call), Ok(()));
    assert_eq!(bench.clock.pending(), 0);
}

#[test]
fn a_panic_of_the_future_is_a_failure_and_goes_on() {
    let bench = Bench::a();
    let call = bench.breaker.call_async(|| async {
        assert!(bench.clock.pending() > 0, "out of paper");
        Ok::<_, ()>(())
    });
    let caught =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(&bench.clock, call)));
    assert!(caught.is_err());
    assert_eq!(bench.breaker.metrics().totals.failures_by_kind, [(FailureKind::Panic, 1)]);
}

#[test]
fn the_future_of_a_call_can_be_sent_and_holds_no_lock() {
    let bench = Bench::a();
    let breaker = bench.breaker.clone();
    let call = async move { breaker.call_async(|| ready(Ok::<_, ()>(1))).await };
    let clock = bench.clock.clone();
    let result = std::thread::spawn(move || block_on(&clock, call)).join().expect("no panic");
    assert_eq!(result, Ok(1));
}

#[test]
fn s08_a_driven_automatic_breaker_probes_on_time_without_traffic() {
    let bench = Bench::new(config_a().recovery(Recovery::Automatic));
    let mut driving = pin!(bench.breaker.clone().drive());
    assert!(poll(driving.as_mut()).is_pending());
    bench.breaker.set_state(State::Open).expect("legal");
    bench.take_events();
    assert!(poll(driving.as_mut()).is_pending());
    bench.advance(4.999);
    assert!(poll(driving.as_mut()).is_pending());
    assert_eq!(bench.transitions(), 0);
    bench.advance(0.001);
    assert!(poll(driving.as_mut()).is_pending());
    let probing =
        |kind: &EventKind| matches!(kind, EventKind::Transition { to: State::HalfOpen, .. });
    assert_eq!(bench.count(probing), 1);
    bench.advance(1_000.0);
    assert!(poll(driving.as_mut()).is_pending());
    assert_eq!(bench.transitions(), 1);
}

struct Wakes(AtomicUsize);

impl std::task::Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_driving_future_is_woken_by_a_new_deadline() {
    let bench = Bench::new(config_a().recovery(Recovery::Automatic));
    let counter = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&counter));
    let mut driving = pin!(bench.breaker.clone().drive());
    let mut poll = || driving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(poll());
    bench.breaker.set_state(State::Open).expect("legal");
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert!(poll());
    bench.advance(5.0);
    assert_eq!(counter.0.load(Ordering::Relaxed), 2);
    assert!(poll());
    assert_eq!(bench.state(), State::HalfOpen);
}
