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

/// A success of this thread.
fn hold(gate: &Gate, epoch: u32) -> bool {
    gate.hold_success(this_thread(), epoch, || Instant::ZERO)
}

/// A success of a thread that shares the shard of this one.
fn hold_beside(gate: &Gate, epoch: u32) -> bool {
    gate.hold_success(Caller::beside_this_thread(), epoch, || Instant::ZERO)
}

#[test]
fn a_clean_full_window_lets_any_number_of_successes_wait() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    assert!((0..500).all(|_| hold(&gate, epoch) && hold_beside(&gate, epoch)));
    let metrics = gate.lock().metrics(Instant::ZERO);
    assert_eq!((metrics.window.total, metrics.totals.successes), (100, 1_100));
}

#[test]
fn after_a_failure_each_counter_holds_at_most_eight_successes() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    record(&gate, Outcome::error());
    assert!(!hold(&gate, epoch), "the success that ends a row of failures does not wait");
    record(&gate, Outcome::Success);
    for hold in [hold, hold_beside] {
        let held = (0..20).filter(|_| hold(&gate, epoch)).count();
        assert_eq!(held, word::FEW as usize);
    }
}

#[test]
fn a_success_of_an_ended_period_is_not_held() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    assert!(hold(&gate, epoch));
    gate.lock().reset(Instant::ZERO);
    assert!(!hold(&gate, epoch));
    assert_eq!(gate.lock().metrics(Instant::ZERO).totals.successes, 101);
}

#[test]
fn below_twice_the_minimum_no_success_waits() {
    let gate = gate(Config::builder().no_slow_rate().build().expect("valid"));
    let epoch = gate.open_epoch().expect("closed");
    for results in 0..20 {
        assert!(!hold(&gate, epoch), "{results} results");
        record(&gate, Outcome::Success);
    }
    assert!(hold(&gate, epoch));
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
    assert!(gate.hold_success(this_thread(), epoch, || at(999)));
    assert!(!gate.hold_success(this_thread(), epoch, || at(1_000)));
}

#[test]
fn rejections_without_the_lock_are_counted_and_say_when_to_come_back() {
    let gate = clean_gate();
    gate.lock().open_for(Duration::from_secs(2), Instant::ZERO);
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    let rejection = gate.reject(this_thread(), || at(500), || at(500)).rejection().expect("open");
    assert_eq!(rejection.retry_after, Duration::from_millis(1_500));
    assert!(
        gate.reject(this_thread(), || at(2_000), || at(2_000)).rejection().is_none(),
        "the wait is over: the machine decides"
    );
    assert_eq!(gate.lock().metrics(at(500)).not_permitted, 1);
}

#[test]
fn the_last_second_of_a_wait_goes_by_the_time_itself_and_not_by_the_last_tick() {
    let gate = clean_gate();
    gate.lock().open_for(Duration::from_secs(2), Instant::ZERO);
    let at = |millis| Instant::ZERO + Duration::from_millis(millis);
    let long_before =
        gate.reject(this_thread(), || at(995), || unreachable!()).rejection().expect("open");
    assert_eq!(long_before.retry_after, Duration::from_millis(1_005), "a tick behind");
    let shortly_before =
        gate.reject(this_thread(), || at(1_995), || at(1_999)).rejection().expect("open");
    assert_eq!(shortly_before.retry_after, Duration::from_millis(1));
    assert!(gate.reject(this_thread(), || at(1_995), || at(2_000)).rejection().is_none());
}

#[test]
fn threads_that_share_a_shard_lose_no_success() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    // More threads than shards, so some of them are owners and some are not.
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    if !hold(&gate, epoch) {
                        record(&gate, Outcome::Success);
                    }
                }
            });
        }
    });
    assert_eq!(gate.lock().metrics(Instant::ZERO).totals.successes, 100 + 40_000);
}

#[test]
fn what_an_owner_counted_in_a_period_that_ended_is_late() {
    let gate = clean_gate();
    let epoch = gate.open_epoch().expect("closed");
    gate.lock().open_for(Duration::from_secs(2), Instant::ZERO);
    let open =
        gate.reject(this_thread(), || Instant::ZERO, || Instant::ZERO).rejection().expect("open");
    // As if the thread had been held up between its look at the word and its count.
    let shards = Shards::new(ShardCount::Many, epoch);
    shards.admit(this_thread(), epoch, false);
    assert!(shards.count(this_thread(), epoch, 1));
    let late = shards.take(open.epoch);
    assert_eq!(late, Taken { late_successes: 1, ..Taken::default() });
    shards.admit(this_thread(), open.epoch, true);
    assert!(!shards.count(this_thread(), epoch, 1), "an ended period takes no more");
    assert!(shards.count(this_thread(), open.epoch, 1));
    assert_eq!(shards.take(epoch + 9), Taken { late_rejections: 1, ..Taken::default() });
}

#[test]
fn a_thread_has_the_number_of_one_that_has_ended_and_of_none_alive() {
    let this = this_thread();
    let number = || std::thread::spawn(this_thread).join().expect("no panic");
    let first = number();
    // Tests on other threads may have taken the number in between, but not for ever.
    assert!((0..1_000).any(|_| number() == first));
    assert!(first != this && first.identity().is_some());
}
