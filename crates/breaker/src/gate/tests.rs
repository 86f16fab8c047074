//! The lock-free path against the machine it stands for.

use std::time::Duration;

use super::*;
use crate::config::{Config, Window};
use crate::outcome::Outcome;

fn gate(config: Config) -> Gate {
    Gate::new(Machine::new(config).expect("valid"), ShardCount::Many)
}

fn clean_gate() -> Gate {
    let gate = gate(Config::builder().no_slow_rate().build().expect("valid"));
    for _ in 0..100 {
        record(&gate, Outcome::Success);
    }
    gate
}

fn record(gate: &Gate, outcome: Outcome) {
    gate.lock().record(outcome, Duration::ZERO, Instant::ZERO);
}

fn hold(gate: &Gate, shard: usize, epoch: u32) -> bool {
    gate.hold_success(shard, epoch, || Instant::ZERO)
}

#[test]
fn a_clean_full_window_lets_any_number_of_successes_wait() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    assert!((0..1_000).all(|call| hold(&gate, call % 3, epoch)));
    let metrics = gate.lock().metrics(Instant::ZERO);
    assert_eq!((metrics.window.total, metrics.totals.successes), (100, 1_100));
}

#[test]
fn after_a_failure_each_shard_holds_at_most_eight_successes() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    record(&gate, Outcome::error());
    assert!(!hold(&gate, 0, epoch), "the success that ends a row of failures does not wait");
    record(&gate, Outcome::Success);
    for shard in 0..2 {
        let held = (0..20).filter(|_| hold(&gate, shard, epoch)).count();
        assert_eq!(held, word::FEW as usize);
    }
}

#[test]
fn a_success_of_an_ended_period_is_not_held() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    assert!(hold(&gate, 0, epoch));
    gate.lock().reset(Instant::ZERO);
    assert!(!hold(&gate, 0, epoch));
    assert_eq!(gate.lock().metrics(Instant::ZERO).totals.successes, 101);
}

#[test]
fn below_twice_the_minimum_no_success_waits() {
    let gate = gate(Config::builder().no_slow_rate().build().expect("valid"));
    let epoch = gate.open_epoch().expect("closed");
    for results in 0..20 {
        assert!(!hold(&gate, 0, epoch), "{results} results");
        record(&gate, Outcome::Success);
    }
    assert!(hold(&gate, 0, epoch));
}

#[test]
fn in_a_time_window_successes_wait_only_within_their_bucket() {
    let window = Window::Time(Duration::from_secs(10));
    let gate = gate(Config::builder().window(window).no_slow_rate().build().expect("valid"));
    let epoch = gate.open_epoch().expect("closed");
    for _ in 0..64 {
        record(&gate, Outcome::Success);
    }
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    assert!(gate.hold_success(0, epoch, || at(999)));
    assert!(!gate.hold_success(0, epoch, || at(1_000)));
}

#[test]
fn rejections_without_the_lock_are_counted_and_say_when_to_come_back() {
    let gate = clean_gate();
    gate.lock().open_for(Duration::from_secs(2), Instant::ZERO);
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    let rejection = gate.reject(5, || at(500)).expect("open");
    assert_eq!(rejection.retry_after, Duration::from_millis(1_500));
    assert!(gate.reject(5, || at(2_000)).is_none(), "the wait is over: the machine decides");
    assert_eq!(gate.lock().metrics(at(500)).not_permitted, 1);
}
