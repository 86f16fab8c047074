//! Breakers in a pipeline.

use std::cell::Cell;
use std::pin::pin;
use std::task::Poll;

use steadfast_base::{FailureKind, Instant};
use steadfast_breaker::{CircuitBreaker, Config, ConfigBuilder, OnDrop, State};
use steadfast_policy::{Error, Reason, Retry, names};

use crate::bench::{Bench, ms, poll};

fn breaker(bench: &Bench, config: ConfigBuilder) -> CircuitBreaker {
    let config = config.build().expect("valid");
    CircuitBreaker::new("b", config, bench.clock.time()).expect("valid")
}

/// Settings that time calls, and settings that do not.
fn both() -> [ConfigBuilder; 2] {
    [Config::builder(), Config::builder().no_slow_rate()]
}

#[test]
fn s59_an_open_breaker_neither_makes_nor_polls_the_call() {
    for config in both() {
        let bench = Bench::new();
        let breaker = breaker(&bench, config);
        breaker.set_state(State::Open).unwrap();
        let pipeline = bench.builder().breaker(&breaker).build().unwrap();
        let made = Cell::new(0);
        let result = poll(pin!(pipeline.run(|_| {
            made.set(made.get() + 1);
            std::future::pending::<Result<(), ()>>()
        })));
        let Poll::Ready(Err(Error::Rejected(rejection))) = result else { panic!("{result:?}") };
        assert_eq!((rejection.policy, rejection.reason), (names::BREAKER, Reason::Open));
        assert_eq!(rejection.state, Some(State::Open));
        assert_eq!(rejection.retry_after.unwrap().as_secs(), 60);
        let count = |_| {
            made.set(9);
            Ok::<_, ()>(())
        };
        assert!(pipeline.call(count).is_err());
        assert_eq!(made.get(), 0);
    }
}

#[test]
fn every_attempt_of_a_retry_outside_counts() {
    for config in both() {
        let bench = Bench::new();
        let breaker = breaker(&bench, config);
        let retry = Retry::constant(ms(10)).max_attempts(10);
        let pipeline = bench.builder().retry(retry).breaker(&breaker).build().unwrap();
        let result = bench.block_on(pipeline.run(|_| async { Err::<(), _>("down") }));
        assert!(result.unwrap_err().is_rejected(), "open after five, and rejections end the retry");
        assert_eq!(breaker.metrics().totals.failures, 5);
    }
}

#[test]
fn a_timeout_inside_is_a_failure_of_that_kind() {
    for config in both() {
        let bench = Bench::new();
        let breaker = breaker(&bench, config);
        let pipeline = bench.builder().breaker(&breaker).attempt_timeout(ms(100)).build().unwrap();
        let run = pipeline.run(|_| std::future::pending::<Result<(), ()>>());
        assert!(bench.block_on(run).is_err_and(|error| error.is_timeout()));
        assert_eq!(breaker.metrics().totals.failures_by_kind, [(FailureKind::Timeout, 1)]);
    }
}

#[test]
fn the_call_timeout_of_the_breaker_limits_the_call() {
    let bench = Bench::new();
    let breaker = breaker(&bench, Config::builder().call_timeout(ms(300)));
    let pipeline = bench.builder().breaker(&breaker).build().unwrap();
    let deadline = Cell::new(None);
    let result = bench.block_on(pipeline.run(|call| {
        deadline.set(call.deadline());
        std::future::pending::<Result<(), ()>>()
    }));
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!(bench.elapsed(), 300);
    assert!(deadline.get().is_some());
    assert_eq!(breaker.metrics().totals.failures_by_kind, [(FailureKind::Timeout, 1)]);
}

#[test]
fn a_call_timeout_set_by_the_breakers_own_handle_holds_in_the_pipeline() {
    for config in both() {
        let bench = Bench::new();
        let breaker = breaker(&bench, config.clone());
        let builder = bench.builder().total_deadline(ms(5_000)).breaker(&breaker);
        let pipeline = builder.build().unwrap();
        let hang = || bench.block_on(pipeline.run(|_| std::future::pending::<Result<(), ()>>()));
        breaker.reconfigure(config.clone().call_timeout(ms(200)).build().unwrap()).unwrap();
        let Err(Error::Timeout(timed_out)) = hang() else { panic!("it hangs") };
        assert_eq!((timed_out.after, bench.elapsed()), (ms(200), 200));
        let sync = pipeline.call(|call| Ok::<_, ()>(call.deadline()));
        assert_eq!(sync, Ok(Some(Instant::ZERO + ms(400))));
        breaker.reconfigure(config.build().unwrap()).unwrap();
        let Err(Error::Timeout(timed_out)) = hang() else { panic!("it hangs") };
        assert_eq!(timed_out.after, ms(5_000));
    }
}

#[test]
fn a_deadline_outside_is_a_slow_failure_by_the_drop_rule() {
    for config in both() {
        let bench = Bench::new();
        let breaker = breaker(&bench, config);
        let pipeline = bench.builder().total_deadline(ms(2_000)).breaker(&breaker).build().unwrap();
        let run = pipeline.run(|_| std::future::pending::<Result<(), ()>>());
        assert!(bench.block_on(run).is_err_and(|error| error.is_timeout()));
        assert_eq!(breaker.metrics().totals.failures_by_kind, [(FailureKind::Timeout, 1)]);
    }
}

#[test]
fn rejections_further_in_and_calls_never_started_count_as_nothing() {
    let bench = Bench::new();
    let (outer, inner) = (breaker(&bench, Config::builder()), breaker(&bench, Config::builder()));
    inner.set_state(State::ForcedOpen).unwrap();
    let pipeline = bench.builder().breaker(&outer).breaker(&inner).build().unwrap();
    for _ in 0..20 {
        assert!(pipeline.call(|_| Ok::<_, ()>(())).unwrap_err().is_rejected());
    }
    assert_eq!(outer.state(), State::Closed);
    assert_eq!(outer.metrics().window.total, 0);
}

#[test]
fn a_dropped_run_gives_the_probe_back() {
    for config in both() {
        let bench = Bench::new();
        let config = config.probes(1, steadfast_breaker::ProbeVerdict::Successes(1));
        let breaker = breaker(&bench, config);
        breaker.set_state(State::Open).unwrap();
        breaker.set_state(State::HalfOpen).unwrap();
        let pipeline = bench.builder().breaker(&breaker).build().unwrap();
        {
            let mut run = pin!(pipeline.run(|_| std::future::pending::<Result<(), ()>>()));
            assert!(poll(run.as_mut()).is_pending());
            assert!(pipeline.call(|_| Ok::<_, ()>(())).is_err());
        }
        assert_eq!(pipeline.call(|_| Ok::<_, ()>(())), Ok(()));
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[test]
fn a_classification_of_ones_own_decides_what_fails() {
    let bench = Bench::new();
    let breaker = breaker(&bench, Config::builder().on_drop(OnDrop::Release));
    let by_status = |result: &Result<u16, Error<&str>>| match result {
        Ok(500..) => steadfast_breaker::Outcome::error(),
        Ok(_) => steadfast_breaker::Outcome::Success,
        Err(_) => steadfast_breaker::Outcome::Ignored,
    };
    let guard = steadfast_policy::Guard::new(breaker.clone()).classify(by_status);
    let pipeline = bench.builder().breaker(guard).build().unwrap();
    assert_eq!(pipeline.call(|_| Ok::<_, &str>(503)), Ok(503));
    assert_eq!(pipeline.call(|_| Err::<u16, _>("not found")), Err(Error::Inner("not found")));
    let window = breaker.metrics().window;
    assert_eq!((window.total, window.failed), (1, 1));
}
