//! The gate over restarts and the history of failures.

use std::time::Duration;

use steadfast_base::{FailureKind, FailureRecord, Instant, Timestamp};
use steadfast_breaker::State;

use super::{ErrorHistory, RestartGate, RootRules};

struct Bench {
    gate: RestartGate<u32>,
    now: Instant,
    granted: Vec<u32>,
}

impl Bench {
    fn new() -> Self {
        let gate = RestartGate::new(&RootRules::default()).expect("valid defaults");
        Self { gate, now: Instant::ZERO, granted: Vec::new() }
    }

    /// A gate that the children 0..=100 have just opened; child 100 waits.
    fn open() -> Self {
        let mut bench = Self::new();
        for child in 0..=100 {
            bench.ask(child);
        }
        assert_eq!(bench.gate.state(), State::Open);
        assert_eq!(bench.granted.len(), 100);
        bench.granted.clear();
        bench
    }

    fn ask(&mut self, child: u32) {
        self.gate.ask(child, self.now, &mut self.granted);
    }

    fn up(&mut self, child: u32) {
        self.gate.up(&child, self.now, &mut self.granted);
    }

    fn failed(&mut self, child: u32) {
        self.gate.failed(&child, self.now, &mut self.granted);
    }

    /// Lets time pass and takes what is granted.
    fn after(&mut self, seconds: u64) -> Vec<u32> {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(at) = self.gate.next_wake().filter(|at| *at <= end) {
            self.now = at;
            self.gate.tick(at, &mut self.granted);
        }
        self.now = end;
        std::mem::take(&mut self.granted)
    }
}

#[test]
fn a_hundred_restarts_within_a_minute_pass_and_the_next_one_waits() {
    let bench = Bench::open();
    assert_eq!(bench.gate.waiting(), 1);
    assert_eq!(bench.gate.open_until(), Some(Instant::ZERO + Duration::from_secs(30)));
}

#[test]
fn restarts_that_are_spread_out_all_pass() {
    let mut bench = Bench::new();
    for child in 0..1_000 {
        bench.ask(child);
        bench.after(1);
    }
    assert_eq!(bench.gate.state(), State::Closed);
    assert_eq!(bench.gate.waiting(), 0);
}

#[test]
fn after_half_a_minute_one_at_a_time_is_tried_and_three_that_stay_up_close_it() {
    let mut bench = Bench::open();
    for child in 101..105 {
        bench.ask(child);
    }
    assert!(bench.after(29).is_empty());
    assert_eq!(bench.after(1), [100]);
    assert_eq!(bench.gate.state(), State::HalfOpen);
    bench.up(100);
    assert!(bench.after(4).is_empty());
    assert_eq!(bench.after(1), [101]);
    bench.up(101);
    assert_eq!(bench.after(5), [102]);
    bench.up(102);
    assert_eq!(bench.after(5), [103, 104]);
    assert_eq!(bench.gate.state(), State::Closed);
}

#[test]
fn a_tried_restart_that_fails_within_its_time_opens_again() {
    let mut bench = Bench::open();
    assert_eq!(bench.after(30), [100]);
    bench.up(100);
    bench.after(4);
    bench.failed(100);
    assert_eq!(bench.gate.state(), State::Open);
    bench.ask(100);
    assert!(bench.after(29).is_empty());
    assert_eq!(bench.after(1), [100]);
}

#[test]
fn a_tried_start_that_hangs_opens_again() {
    let mut bench = Bench::open();
    bench.ask(101);
    assert_eq!(bench.after(30), [100]);
    assert!(bench.after(59).is_empty());
    assert_eq!(bench.after(1), [101]);
}

#[test]
fn failures_of_others_do_not_count_while_trying() {
    let mut bench = Bench::open();
    assert_eq!(bench.after(30), [100]);
    bench.up(100);
    bench.failed(7);
    assert_eq!(bench.gate.state(), State::HalfOpen);
}

#[test]
fn what_is_withdrawn_makes_room_for_the_next() {
    let mut bench = Bench::open();
    bench.ask(101);
    bench.ask(102);
    bench.gate.withdraw(&101, bench.now, &mut bench.granted);
    assert_eq!(bench.after(30), [100]);
    bench.gate.withdraw(&100, bench.now, &mut bench.granted);
    assert_eq!(bench.after(0), [102]);
}

#[test]
fn a_reset_lets_all_through() {
    let mut bench = Bench::open();
    bench.ask(101);
    bench.gate.reset(bench.now, &mut bench.granted);
    assert_eq!(bench.after(0), [100, 101]);
    assert_eq!(bench.gate.state(), State::Closed);
}

#[test]
fn settings_out_of_range_are_all_named() {
    let endless = RootRules::default().with_trials(1, Duration::MAX).with_open_wait(Duration::MAX);
    drop(RestartGate::<u8>::new(&endless));
    let rules = RootRules::default().with_limit(0, Duration::ZERO).with_trials(0, Duration::ZERO);
    let faults = RestartGate::<u32>::new(&rules).expect_err("nothing but zeros");
    assert_eq!(faults.fields(), ["restarts_max", "window", "trials"]);
}

#[test]
fn the_history_keeps_the_newest() {
    let mut history = ErrorHistory::new(2);
    for nth in 0..3 {
        let at = Timestamp::from_unix_nanos(nth);
        history.record(FailureRecord::new(at, FailureKind::Panic, nth.to_string()));
    }
    let kept: Vec<&str> = history.iter().map(|failure| failure.message.as_str()).collect();
    assert_eq!((kept, history.total()), (vec!["1", "2"], 3));
    history.clear();
    assert!(history.is_empty());
    assert_eq!(history.total(), 3);
}
