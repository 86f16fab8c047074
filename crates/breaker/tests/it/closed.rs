//! Closed: windows, rates, slow calls, failures in a row.

use std::time::Duration;

use steadfast_base::FailureKind;
use steadfast_breaker::{Cause, Config, EventKind, Outcome, State, Window};

use crate::bench::{Bench, config_a, secs};

fn calls(window: u32) -> steadfast_breaker::ConfigBuilder {
    Config::builder().window(Window::Calls(window)).no_consecutive_failures()
}

#[test]
fn s01_four_errors_below_the_minimum_stay_closed() {
    let bench = Bench::a();
    bench.calls("eeee");
    let metrics = bench.breaker.metrics();
    assert_eq!(
        (metrics.state, metrics.failure_rate, metrics.window.total),
        (State::Closed, None, 4)
    );
}

#[test]
fn s02_a_success_can_be_the_result_that_opens() {
    let bench = Bench::a();
    bench.calls("eees");
    assert_eq!(bench.state(), State::Closed);
    bench.calls("s");
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.failure_rate), (State::Open, Some(0.6)));
    assert_eq!(bench.count(|kind| *kind == EventKind::Exceeded(Cause::FailureRate(0.6))), 1);
    assert_eq!(metrics.not_permitted, 0);
    assert!(bench.is_rejected());
    assert_eq!(bench.breaker.metrics().not_permitted, 1);
}

#[test]
fn s03_the_rate_opens_when_it_reaches_the_threshold() {
    let bench = Bench::a();
    for letter in ["s", "s", "s", "e", "e"] {
        bench.calls(letter);
        bench.advance(1.0);
    }
    assert_eq!(bench.breaker.metrics().failure_rate, Some(0.4));
    assert_eq!(bench.state(), State::Closed);
    bench.calls("e");
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn s04_slow_calls_open_although_few_fail() {
    let bench = Bench::a();
    for (outcome, seconds) in [
        (Outcome::error(), 5.0),
        (Outcome::Success, 5.0),
        (Outcome::error(), 0.1),
        (Outcome::Success, 0.1),
        (Outcome::Success, 5.0),
    ] {
        assert_eq!(bench.state(), State::Closed);
        bench.call(outcome, seconds);
    }
    let metrics = bench.breaker.metrics();
    assert_eq!(metrics.state, State::Open);
    assert_eq!((metrics.slow_rate, metrics.failure_rate), (Some(0.6), Some(0.4)));
}

#[test]
fn s05_a_call_of_exactly_the_threshold_is_not_slow() {
    let bench = Bench::a();
    bench.call(Outcome::Success, 4.0);
    assert_eq!(bench.window(), (1, 0, 0));
    bench.call(Outcome::Success, 4.001);
    assert_eq!(bench.window(), (2, 0, 1));
}

#[test]
fn s06_each_exceeded_rate_is_reported_once() {
    let bench = Bench::new(config_a().window(Window::Time(secs(60.0))));
    for _ in 0..5 {
        bench.call(Outcome::error(), 5.0);
    }
    let failure = |kind: &EventKind| matches!(kind, EventKind::Exceeded(Cause::FailureRate(_)));
    let slow = |kind: &EventKind| matches!(kind, EventKind::Exceeded(Cause::SlowRate(_)));
    assert_eq!((bench.count(failure), bench.count(slow), bench.transitions()), (1, 1, 1));
}

#[test]
fn s29_a_ring_forgets_the_oldest_result() {
    let bench = Bench::new(calls(4).min_calls(1).failure_rate(1.0));
    bench.breaker.set_state(State::MetricsOnly).expect("legal");
    bench.calls("esss");
    assert_eq!(bench.breaker.metrics().failure_rate, Some(0.25));
    bench.calls("s");
    assert_eq!(bench.breaker.metrics().failure_rate, Some(0.0));
}

#[test]
fn s29_a_million_successes_weigh_no_more_than_the_window() {
    let config = calls(100).no_slow_rate().build().expect("valid");
    let clock = steadfast_base::VirtualClock::new();
    let breaker = steadfast_breaker::CircuitBreaker::new("ring", config, clock.time());
    let breaker = breaker.expect("valid");
    for _ in 0..1_000_000 {
        assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
    }
    for failures in 1..=50 {
        assert_eq!(breaker.state(), State::Closed, "{failures} failures");
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.metrics().failure_rate, Some(0.5));
    assert_eq!(breaker.metrics().totals.successes, 1_000_000);
}

#[test]
fn s30_buckets_of_a_time_window_leave_as_a_whole() {
    let bench = Bench::new(config_a().window(Window::Time(secs(5.0))).slow_rate(secs(0.1), 1.0));
    bench.breaker.record(Outcome::error(), secs(0.0));
    bench.advance(0.1);
    bench.breaker.record(Outcome::Success, secs(0.0));
    bench.advance(0.7);
    bench.breaker.record(Outcome::error(), secs(0.5));
    bench.advance(4.0);
    assert_eq!(bench.window(), (3, 2, 1));
    bench.advance(1.0);
    assert_eq!(bench.window(), (0, 0, 0));
}

#[test]
fn s33_a_classifier_can_call_an_ok_a_failure() {
    let bench = Bench::a();
    let bad = |result: &Result<&str, ()>| match result {
        Ok("bad") | Err(()) => Outcome::error(),
        Ok(_) => Outcome::Success,
    };
    assert_eq!(bench.breaker.call_with(&bad, || Ok("accepted")), Ok("accepted"));
    assert_eq!(bench.breaker.call_with(&bad, || Ok("bad")), Ok("bad"));
    assert_eq!(bench.window(), (2, 1, 0));
}

#[test]
fn s35_the_threshold_itself_opens_and_the_minimum_is_needed() {
    let low = || calls(100).min_calls(10).failure_rate(0.1);
    let bench = Bench::new(low());
    bench.calls("sssssssse");
    assert_eq!(bench.state(), State::Closed);
    bench.calls("s");
    assert_eq!((bench.state(), bench.breaker.metrics().failure_rate), (State::Open, Some(0.1)));
}

#[test]
fn five_failures_in_a_row_open_by_default() {
    let bench = Bench::new(Config::builder());
    bench.calls("eeeeseeee");
    assert_eq!(bench.state(), State::Closed);
    bench.calls("e");
    assert_eq!(bench.state(), State::Open);
    // 9 of 10 failed by then, so both rules are reported.
    assert_eq!(bench.exceeded(), 2);
    let bench = Bench::new(Config::builder());
    bench.calls("eeeee");
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.failure_rate), (State::Open, None), "too few for a rate");
    assert_eq!(metrics.consecutive_failures, 5);
}

#[test]
fn an_ignored_result_does_not_end_a_row_of_failures() {
    let bench = Bench::new(Config::builder());
    bench.calls("eeieiee");
    assert_eq!(bench.state(), State::Open);
}

#[test]
fn in_a_time_window_a_success_can_open_when_older_successes_have_left() {
    let bench = Bench::new(config_a().min_calls(2));
    bench.calls("sssss");
    bench.advance(15.0);
    bench.calls("ee");
    assert_eq!(bench.state(), State::Closed);
    bench.advance(6.0);
    bench.calls("s");
    assert_eq!(bench.state(), State::Open, "two of three");
}

#[test]
fn successes_held_back_count_before_the_next_failure() {
    // Without listeners and slow calls, successes may be held back.
    let config = calls(64).min_calls(4).no_slow_rate().build().expect("valid");
    let clock = steadfast_base::VirtualClock::new();
    let breaker =
        steadfast_breaker::CircuitBreaker::new("held", config, clock.time()).expect("valid");
    let call = |ok: bool| breaker.call(|| if ok { Ok(()) } else { Err(()) }).is_ok();
    assert!((0..20).all(|_| call(true)));
    for round in 0..500 {
        assert!(!call(false));
        assert!((0..=round % 23).all(|_| call(true)));
        let window = breaker.metrics().window;
        assert_eq!(window.total, (22 + round).min(64).max(window.total));
        assert!(window.failed <= 32, "round {round}: {window:?}");
        assert_eq!(breaker.state(), State::Closed);
    }
    assert_eq!(breaker.metrics().totals.failures, 500);
}

#[test]
fn a_failure_keeps_its_kind_and_a_server_can_ask_to_be_left_alone() {
    let bench = Bench::a();
    bench.call(Outcome::failure(FailureKind::ResourceExhausted), 0.0);
    bench.call(Outcome::failure(FailureKind::Timeout), 0.0);
    bench.call(Outcome::StayAway(secs(30.0)), 0.0);
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.next_attempt_in), (State::Open, Some(secs(30.0))));
    let kinds: Vec<_> = metrics.totals.failures_by_kind;
    assert_eq!(
        kinds,
        [
            (FailureKind::ResourceExhausted, 1),
            (FailureKind::Timeout, 1),
            (FailureKind::Rejection, 1)
        ]
    );
    bench.advance(2.0);
    let metrics = bench.breaker.metrics();
    assert_eq!(metrics.since_last_failure, Some(secs(2.0)));
    assert_eq!(metrics.last_failure.map(|last| last.kind), Some(FailureKind::Rejection));
}

#[test]
fn a_server_that_asks_for_no_time_cannot_shorten_the_open_wait() {
    let bench = Bench::new(config_a().consecutive_failures(2).open_wait(secs(5.0)));
    bench.calls("e");
    bench.call(Outcome::StayAway(Duration::ZERO), 0.0);
    assert_eq!(bench.breaker.metrics().next_attempt_in, Some(secs(5.0)));
    bench.advance(5.0);
    let probe = bench.breaker.acquire().expect("half-open");
    probe.finish(Outcome::StayAway(secs(1.0)));
    assert_eq!(bench.breaker.metrics().next_attempt_in, Some(secs(5.0)));
    bench.advance(5.0);
    let probe = bench.breaker.acquire().expect("half-open");
    probe.finish(Outcome::StayAway(secs(60.0)));
    assert_eq!(bench.breaker.metrics().next_attempt_in, Some(secs(60.0)));
    bench.breaker.reset();
    bench.call(Outcome::StayAway(secs(1.0)), 0.0);
    assert_eq!(bench.breaker.metrics().next_attempt_in, Some(secs(1.0)), "no rule opened it");
}

#[test]
fn a_panic_of_the_call_is_a_failure_and_goes_on() {
    let bench = Bench::a();
    let call = || bench.breaker.call(|| -> Result<(), ()> { panic!("out of paper") });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    assert!(caught.is_err());
    assert_eq!(bench.window(), (1, 1, 0));
    assert_eq!(bench.breaker.metrics().totals.failures_by_kind, [(FailureKind::Panic, 1)]);
}
