//! By hand: forced states, illegal changes, new settings, health.

use std::sync::Arc;

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_breaker::{Config, EventKind, Outcome, State, Totals, Window};

use crate::asynchronous::block_on;
use crate::bench::{Bench, config_a, secs};

#[test]
fn s22_forced_open_rejects_without_events_and_without_a_timer() {
    let bench = Bench::a();
    bench.breaker.set_state(State::ForcedOpen).expect("legal");
    assert!(bench.is_rejected());
    assert!(bench.is_rejected());
    bench.advance(6.0);
    assert!(bench.is_rejected());
    assert_eq!(bench.breaker.metrics().not_permitted, 3);
    assert_eq!(bench.count(|kind| matches!(kind, EventKind::NotPermitted(_))), 0);
}

#[test]
fn s23_disabled_lets_calls_through_and_records_nothing() {
    let bench = Bench::a();
    bench.breaker.set_state(State::Disabled).expect("legal");
    bench.take_events();
    bench.calls("eeeee");
    let metrics = bench.breaker.metrics();
    assert_eq!((metrics.state, metrics.window.total), (State::Disabled, 0));
    assert_eq!(metrics.totals.failures, 0);
    assert!(bench.take_events().is_empty());
}

#[test]
fn s23_a_call_dropped_or_cancelled_while_disabled_leaves_no_trace() {
    let bench = Bench::a();
    let earlier = bench.breaker.acquire_owned().expect("closed");
    bench.breaker.set_state(State::Disabled).expect("legal");
    bench.take_events();
    drop(earlier);
    drop(bench.breaker.acquire().expect("disabled"));
    bench.breaker.acquire().expect("disabled").cancel();
    let slow = bench.breaker.acquire().expect("disabled");
    bench.advance(100.0);
    drop(slow);
    assert_eq!(bench.breaker.metrics().totals, Totals::default());
    assert!(bench.take_events().is_empty());
}

#[test]
fn s22_a_call_of_an_earlier_state_that_is_dropped_is_not_told_of() {
    for state in [State::ForcedOpen, State::Open, State::MetricsOnly] {
        let bench = Bench::a();
        let earlier = bench.breaker.acquire_owned().expect("closed");
        bench.breaker.set_state(state).expect("legal");
        bench.take_events();
        drop(earlier);
        assert!(bench.take_events().is_empty(), "{state}");
        assert_eq!(bench.breaker.metrics().totals.dropped, 1);
    }
}

#[test]
fn s24_metrics_only_reports_what_would_have_opened_once() {
    let bench = Bench::a();
    bench.breaker.set_state(State::MetricsOnly).expect("legal");
    bench.take_events();
    bench.calls("eeesse");
    assert_eq!(bench.state(), State::MetricsOnly);
    assert_eq!((bench.transitions(), bench.exceeded()), (0, 1));
    assert_eq!(bench.count(|kind| matches!(kind, EventKind::Failure { .. })), 4);
    assert_eq!(bench.count(|kind| matches!(kind, EventKind::Success { .. })), 2);
}

#[test]
fn s25_a_closed_breaker_cannot_be_made_to_probe() {
    let bench = Bench::a();
    let error = bench.breaker.set_state(State::HalfOpen).expect_err("illegal");
    assert_eq!((error.from(), error.to()), (State::Closed, State::HalfOpen));
    assert_eq!(bench.state(), State::Closed);
}

#[test]
fn s25_moving_to_the_current_state_is_silent() {
    let bench = Bench::a();
    for state in [State::Open, State::HalfOpen, State::Disabled, State::MetricsOnly, State::Closed]
    {
        bench.breaker.set_state(state).expect("legal");
        bench.breaker.set_state(state).expect("legal");
    }
    assert_eq!(bench.transitions(), 5);
}

#[test]
fn every_state_can_be_left_for_every_other_by_hand() {
    let states = [
        State::Open,
        State::HalfOpen,
        State::ForcedOpen,
        State::Disabled,
        State::MetricsOnly,
        State::Closed,
    ];
    for from in states {
        for to in states {
            let bench = Bench::a();
            bench.breaker.set_state(State::Open).expect("legal");
            bench.breaker.set_state(from).expect("legal");
            let moved = bench.breaker.set_state(to);
            let illegal = (from, to) == (State::Closed, State::HalfOpen);
            assert_eq!((moved.is_err(), bench.state()), (illegal, if illegal { from } else { to }));
        }
    }
}

#[test]
fn reset_is_one_event_and_keeps_the_totals() {
    let bench = Bench::a();
    bench.calls("eeeee");
    bench.take_events();
    bench.breaker.reset();
    let events = bench.take_events();
    assert_eq!(
        events.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::Reset(State::Open)]
    );
    let metrics = bench.breaker.metrics();
    assert_eq!(
        (metrics.state, metrics.window.total, metrics.totals.failures),
        (State::Closed, 0, 5)
    );
}

#[test]
fn new_settings_hold_from_the_next_call() {
    let bench = Bench::a();
    bench.calls("ee");
    let config = config_a().min_calls(3).slow_rate(secs(0.5), 1.0).build().expect("valid");
    bench.breaker.reconfigure(config).expect("valid");
    bench.call(Outcome::error(), 0.6);
    assert_eq!((bench.state(), bench.window()), (State::Open, (3, 3, 1)));
}

#[test]
fn turning_the_timing_of_calls_on_and_off_is_seen_by_running_breakers() {
    let bench = Bench::new(config_a().no_slow_rate());
    bench.call(Outcome::Success, 100.0);
    assert_eq!(bench.window().2, 0);
    bench.breaker.reconfigure(config_a().build().expect("valid")).expect("valid");
    bench.call(Outcome::Success, 5.0);
    assert_eq!(bench.window().2, 1);
}

#[test]
fn bad_settings_are_refused_and_the_old_ones_kept() {
    let bench = Bench::a();
    let mut bad = Config::default();
    bad.window = Window::Calls(0);
    assert!(bench.breaker.reconfigure(bad).is_err());
    assert_eq!(bench.breaker.config(), config_a().build().expect("valid"));
}

#[test]
fn health_follows_the_state() {
    let bench = Bench::a();
    assert_eq!(bench.breaker.health(), Health::Healthy);
    bench.breaker.set_state(State::Open).expect("legal");
    assert_eq!(bench.breaker.health(), Health::Critical);
    bench.breaker.set_state(State::HalfOpen).expect("legal");
    assert_eq!(bench.breaker.health(), Health::Degraded);
}

struct Fixed(&'static str, Health, bool);

#[async_trait]
impl HealthCheck for Fixed {
    fn name(&self) -> &str {
        self.0
    }

    fn critical(&self) -> bool {
        self.2
    }

    async fn check(&self) -> HealthReport {
        self.1.into()
    }
}

#[test]
fn healthy_checks_let_an_open_breaker_probe_at_once() {
    let bench = Bench::a();
    bench.breaker.add_health_check(Arc::new(Fixed("ping", Health::Healthy, true))).expect("room");
    bench.breaker.set_state(State::Open).expect("legal");
    let run = block_on(&bench.clock, bench.breaker.run_health_checks());
    assert_eq!(run.health, Health::Healthy);
    assert_eq!(bench.state(), State::HalfOpen);
}

#[test]
fn one_unhealthy_check_keeps_an_open_breaker_waiting() {
    for (health, critical, expected) in [
        (Health::Critical, true, Health::Critical),
        (Health::Critical, false, Health::Degraded),
        (Health::Degraded, true, Health::Degraded),
    ] {
        let bench = Bench::a();
        let add = |check| bench.breaker.add_health_check(Arc::new(check)).expect("room");
        add(Fixed("ping", Health::Healthy, true));
        add(Fixed("disk", health, critical));
        bench.breaker.set_state(State::Open).expect("legal");
        let run = block_on(&bench.clock, bench.breaker.run_health_checks());
        assert_eq!((run.health, bench.state()), (expected, State::Open));
        assert_eq!(run.reports.len(), 2);
    }
}

#[test]
fn checks_do_not_touch_a_forced_open_breaker() {
    let bench = Bench::a();
    bench.breaker.add_health_check(Arc::new(Fixed("ping", Health::Healthy, true))).expect("room");
    bench.breaker.set_state(State::ForcedOpen).expect("legal");
    block_on(&bench.clock, bench.breaker.run_health_checks());
    assert_eq!(bench.state(), State::ForcedOpen);
}
