//! Open: the wait, its growth, rejections.

use steadfast_breaker::{
    CircuitBreaker, Config, EventKind, Machine, Outcome, ProbeVerdict, Recovery, State, Window,
};

use crate::bench::{Bench, config_a, secs};

#[test]
fn s07_the_wait_is_over_at_its_deadline_and_probing_starts_empty() {
    let bench = Bench::a();
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(3.0);
    assert!(bench.is_rejected());
    bench.advance(2.0);
    assert!(!bench.is_rejected());
    bench.advance(1.0);
    assert!(!bench.is_rejected());
    let metrics = bench.breaker.metrics();
    assert_eq!(metrics.state, State::HalfOpen);
    assert_eq!((metrics.window.total, metrics.not_permitted, metrics.probes), (0, 0, 0));
}

#[test]
fn s08_without_traffic_a_lazy_breaker_reads_open() {
    let bench = Bench::a();
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(6.0);
    assert_eq!(bench.state(), State::Open);
    assert_eq!(bench.breaker.metrics().next_attempt_in, Some(secs(0.0)));
}

#[test]
fn s08_without_a_driver_an_automatic_breaker_reads_half_open() {
    let bench = Bench::new(config_a().recovery(Recovery::Automatic));
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(6.0);
    assert_eq!(bench.state(), State::HalfOpen);
    let probing = bench.take_events().into_iter().last().expect("a transition");
    assert_eq!(probing.at.as_nanos(), 5_000_000_000, "at the deadline, not when it was noticed");
}

#[test]
fn s26_the_open_wait_grows_with_failed_probings_and_starts_again_after_closing() {
    let config = config_a().open_wait_growth(1.5, secs(3_600.0)).probes(1, ProbeVerdict::Rate);
    let bench = Bench::new(config);
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(5.0);
    bench.calls("e");
    bench.advance(6.0);
    assert!(bench.is_rejected());
    bench.advance(1.6);
    bench.calls("s");
    assert_eq!(bench.state(), State::Closed);
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(5.1);
    assert!(!bench.is_rejected());
}

#[test]
fn s27_a_timed_opening_lasts_as_long_as_told() {
    let bench = Bench::a();
    bench.breaker.open_for(secs(7_200.0));
    bench.advance(3_600.0);
    assert!(bench.is_rejected());
    bench.advance(3_601.0);
    assert!(!bench.is_rejected());
}

#[test]
fn s27_a_rejection_tells_the_rest_of_the_wait() {
    let bench = Bench::a();
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(0.001);
    let rejection = bench.breaker.acquire().expect_err("open");
    assert_eq!((rejection.state, rejection.retry_after), (State::Open, secs(4.999)));
    let error = bench.breaker.call(|| Ok::<_, ()>(())).expect_err("open");
    assert_eq!(error.rejection(), Some(&rejection));
}

#[test]
fn s35_the_attempt_counts_failed_probings_and_closing_resets_it() {
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate));
    bench.breaker.set_state(State::Open).expect("legal");
    let fail_probe = || {
        bench.advance(5.0);
        bench.calls("e");
    };
    (0..4).for_each(|_| fail_probe());
    bench.advance(5.0);
    bench.calls("s");
    bench.breaker.set_state(State::Open).expect("legal");
    (0..2).for_each(|_| fail_probe());
    let attempts: Vec<_> = bench
        .take_events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Transition { to: State::Open, attempt, .. } => Some(attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [0, 1, 2, 3, 4, 0, 1, 2]);
}

#[test]
fn reset_while_open_forgets_the_old_deadline() {
    let bench = Bench::new(config_a().recovery(Recovery::Automatic));
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(4.0);
    bench.breaker.reset();
    bench.breaker.set_state(State::Open).expect("legal");
    bench.advance(2.0);
    assert_eq!(bench.state(), State::Open, "the first opening's wait would be over");
    bench.advance(3.0);
    assert_eq!(bench.state(), State::HalfOpen);
}

#[test]
fn rejections_carry_the_time_to_come_back_in_every_state() {
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate));
    bench.breaker.set_state(State::ForcedOpen).expect("legal");
    assert_eq!(bench.breaker.acquire().expect_err("forced").retry_after, secs(5.0));
    let bench = Bench::new(config_a().probes(1, ProbeVerdict::Rate)).half_opened();
    let _probe = bench.breaker.acquire().expect("the first probe");
    bench.advance(0.25);
    let rejection = bench.breaker.acquire().expect_err("the place is taken");
    assert_eq!((rejection.state, rejection.retry_after), (State::HalfOpen, secs(0.75)));
}

#[test]
fn a_success_that_opens_an_untimed_breaker_opens_it_for_the_whole_wait() {
    let clock = steadfast_base::VirtualClock::new();
    let config = config_a().window(Window::Calls(10)).no_slow_rate().build().expect("valid");
    let breaker = CircuitBreaker::new("untimed", config, clock.time()).expect("valid");
    for _ in 0..4 {
        assert!(breaker.call(|| Err::<(), _>(())).is_err());
    }
    clock.advance(secs(100.0));
    assert!(breaker.call(|| Ok::<_, ()>(())).is_ok());
    assert_eq!(breaker.metrics().next_attempt_in, Some(secs(5.0)));
}

#[test]
fn shared_and_pure_breakers_reject_alike() {
    let clock = steadfast_base::VirtualClock::new();
    let config = Config::consecutive(1);
    let shared = CircuitBreaker::new("shared", config.clone(), clock.time()).expect("valid");
    let mut pure = Machine::new(config).expect("valid");
    let now = steadfast_base::Instant::ZERO;
    shared.acquire().expect("closed").finish(Outcome::error());
    let ticket = pure.admit(now).expect("closed");
    pure.finish(ticket, Outcome::error(), now);
    for seconds in [0.0, 12.0, 47.9] {
        clock.advance(secs(seconds));
        let now = clock.time().now();
        assert_eq!(shared.acquire().expect_err("open"), pure.admit(now).expect_err("open"));
    }
}
