//! The machine alone: what its shared form does not show.

use std::time::Duration;

use steadfast_base::Instant;

use super::*;
use crate::config::ProbeWait;
use crate::event::{Cause, EventKind};
use crate::limits;
use crate::outcome::Outcome;

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

fn fail(machine: &mut Machine, now: Instant) {
    let ticket = machine.admit(now).expect("admitted");
    machine.finish(ticket, Outcome::error(), now);
}

/// The breaker over all restarts of a supervision tree.
fn restart_breaker() -> Machine {
    let mut config = Config::failure_limit(100, Duration::from_mins(1));
    config.open_wait.initial = Duration::from_secs(30);
    config.half_open.calls = 1;
    Machine::new(config).expect("valid")
}

#[test]
fn failure_limit_opens_on_the_first_failure_beyond_it() {
    let mut machine = restart_breaker();
    for _ in 0..100 {
        fail(&mut machine, at(1.0));
    }
    assert_eq!(machine.state(), State::Closed);
    fail(&mut machine, at(2.0));
    assert_eq!(machine.state(), State::Open);
    let changes = machine.take_changes();
    assert!(
        changes.iter().any(|change| change.kind == EventKind::Exceeded(Cause::FailureLimit(100)))
    );
}

#[test]
fn failure_limit_slides_exactly() {
    let mut machine = restart_breaker();
    for _ in 0..100 {
        fail(&mut machine, at(0.5));
    }
    fail(&mut machine, at(60.5));
    assert_eq!(machine.state(), State::Closed, "failures of 60 s ago no longer count");
    let mut machine = restart_breaker();
    for _ in 0..100 {
        fail(&mut machine, at(0.5));
    }
    fail(&mut machine, at(60.4));
    assert_eq!(machine.state(), State::Open);
}

#[test]
fn restarts_are_probed_one_at_a_time_and_three_that_stay_up_close() {
    let mut machine = restart_breaker();
    for _ in 0..=100 {
        fail(&mut machine, at(0.0));
    }
    assert!(machine.admit(at(29.9)).is_err());
    for probe in 0..3 {
        let started = at(30.0 + 5.0 * f64::from(probe));
        let ticket = machine.admit(started).expect("one probe");
        assert!(machine.admit(started).is_err(), "only one at a time");
        machine.finish(ticket, Outcome::Success, started + Duration::from_secs(5));
    }
    assert_eq!(machine.state(), State::Closed);
    fail(&mut machine, at(46.0));
    assert_eq!(machine.state(), State::Closed, "the failures before the opening are forgotten");
}

#[test]
fn time_that_goes_back_changes_nothing() {
    let mut machine = Machine::new(Config::consecutive(1)).expect("valid");
    fail(&mut machine, at(10.0));
    let rejection = machine.admit(at(3.0)).expect_err("open");
    assert_eq!(rejection.retry_after, Duration::from_mins(1));
}

#[test]
fn successes_counted_elsewhere_end_a_row_of_failures() {
    let mut machine = Machine::new(Config::consecutive(2)).expect("valid");
    fail(&mut machine, at(0.0));
    machine.take_in_counted(1);
    fail(&mut machine, at(0.0));
    assert_eq!(machine.state(), State::Closed);
}

#[test]
fn untaken_changes_are_bounded() {
    let mut machine = Machine::new(Config::default()).expect("valid");
    for _ in 0..limits::UNTAKEN_CHANGES_MAX * 2 {
        machine.reset(at(0.0));
    }
    assert_eq!(machine.take_changes().len(), limits::UNTAKEN_CHANGES_MAX);
}

#[test]
fn half_open_without_traffic_waits_for_ever() {
    let config = Config::builder().recovery(Recovery::Automatic).build().expect("valid");
    let mut machine = Machine::new(config).expect("valid");
    machine.set_state(State::Open, at(0.0)).expect("legal");
    assert_eq!(machine.next_tick(), Some(at(60.0)));
    machine.tick(at(60.0));
    assert_eq!(machine.next_tick(), None);
    machine.tick(at(600_000.0));
    assert_eq!(machine.state(), State::HalfOpen);
    let _probe = machine.admit(at(600_000.0)).expect("admitted");
    assert_eq!(machine.next_tick(), Some(at(600_060.0)));
}

#[test]
fn an_unlimited_probe_wait_never_ends_probing() {
    let mut config = Config::default();
    config.half_open.max_wait = ProbeWait::Unlimited;
    config.half_open.calls = 1;
    let mut machine = Machine::new(config).expect("valid");
    machine.set_state(State::Open, at(0.0)).expect("legal");
    let _probe = machine.admit(at(60.0)).expect("admitted");
    assert_eq!(machine.next_tick(), None);
    let rejection = machine.admit(at(1_000_000.0)).expect_err("the place is taken");
    assert_eq!(rejection.state, State::HalfOpen);
    assert_eq!(rejection.retry_after, Duration::from_mins(1));
}

#[test]
fn new_settings_keep_the_state_and_the_open_wait() {
    let mut machine = Machine::new(Config::default()).expect("valid");
    machine.set_state(State::Open, at(0.0)).expect("legal");
    let config = Config::builder().open_wait(Duration::from_secs(1)).build().expect("valid");
    machine.reconfigure(config, at(1.0)).expect("valid");
    assert_eq!(machine.open_until(), Some(at(60.0)));
    assert!(machine.reconfigure(Config::builder_with_faults(), at(1.0)).is_err());
    assert_eq!(machine.config().open_wait.initial, Duration::from_secs(1));
}

impl Config {
    fn builder_with_faults() -> Self {
        Self { min_calls: 0, ..Self::default() }
    }
}
