//! Ups and downs.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::Instant;
use steadfast_reliability::{Condition, History, Observed};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn observed(up: u64, failures: u64, down: u64, repairs: u64) -> Observed {
    let (up, down) = (Duration::from_secs(up), Duration::from_secs(down));
    Observed { up, down, failures, repairs }
}

#[test]
fn the_period_under_way_counts_for_its_time_only() {
    let mut history = History::new(Condition::Up, at(10), 100);
    assert_eq!(history.observed(at(40)), observed(30, 0, 0, 0));
    assert!(history.record(Condition::Down, at(50)));
    assert_eq!(history.observed(at(55)), observed(40, 1, 5, 0));
    assert!(history.record(Condition::Up, at(60)));
    assert_eq!(history.observed(at(100)), observed(80, 1, 10, 1));
}

#[test]
fn the_same_condition_again_is_no_event() {
    let mut history = History::new(Condition::Up, at(0), 100);
    assert!(!history.record(Condition::Up, at(5)));
    assert_eq!(history.current(), (Condition::Up, at(0)));
    assert_eq!(history.observed(at(10)), observed(10, 0, 0, 0));
}

#[test]
fn the_oldest_periods_are_forgotten() {
    let mut history = History::new(Condition::Up, at(0), 2);
    history.record(Condition::Down, at(1_000));
    history.record(Condition::Up, at(1_001));
    history.record(Condition::Down, at(1_011));
    // Kept: down for 1 s, up for 10 s, and the down under way.
    assert_eq!(history.observed(at(1_014)), observed(10, 1, 4, 1));
}

#[test]
fn time_that_runs_backwards_counts_as_none() {
    let mut history = History::new(Condition::Up, at(100), 10);
    history.record(Condition::Down, at(50));
    history.record(Condition::Up, at(110));
    assert_eq!(history.observed(at(90)), observed(0, 1, 10, 1));
}

#[test]
fn availability_needs_time() {
    assert_eq!(Observed::default().availability(), None);
    assert_eq!(observed(3, 1, 1, 1).availability(), Some(0.75));
}

proptest! {
    #[test]
    fn a_history_agrees_with_adding_up_everything(waits in prop::collection::vec(0_u64..1_000, 0..40)) {
        let mut history = History::new(Condition::Up, at(0), 1_000);
        let (mut now, mut up) = (0, true);
        let mut sums = observed(0, 0, 0, 0);
        for wait in waits {
            now += wait;
            if up {
                sums.up += Duration::from_secs(wait);
                sums.failures += 1;
            } else {
                sums.down += Duration::from_secs(wait);
                sums.repairs += 1;
            }
            up = !up;
            history.record(if up { Condition::Up } else { Condition::Down }, at(now));
            prop_assert_eq!(history.observed(at(now)), sums);
        }
    }
}
