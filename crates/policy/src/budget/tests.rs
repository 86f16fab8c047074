//! Budgets, stepped with the time.

use std::time::Duration;

use super::*;

fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

fn ratio(ratio: f64, per_second: f64, burst: u32) -> Budget {
    Budget::new(BudgetSettings::Ratio { ratio, per_second, burst }).unwrap()
}

fn withdrawals(budget: &Budget, now: Instant) -> u32 {
    let mut made = 0;
    while budget.withdraw(now) {
        made += 1;
    }
    made
}

#[test]
fn s46_half_of_the_tokens_turn_extra_calls_off_and_one_success_on() {
    let budget = Budget::new(BudgetSettings::throttle(10, 0.1)).unwrap();
    for (failures, allowed) in [(1, true), (2, true), (3, true), (4, true), (5, false)] {
        budget.failed();
        assert_eq!(budget.withdraw(Instant::ZERO), allowed, "after {failures} failures");
    }
    assert!((budget.tokens() - 5.0).abs() < 1e-9);
    budget.succeeded();
    assert!((budget.tokens() - 5.1).abs() < 1e-9);
    assert!(budget.withdraw(Instant::ZERO));
}

#[test]
fn a_throttle_neither_sinks_below_zero_nor_rises_above_its_maximum() {
    let budget = Budget::new(BudgetSettings::throttle(10, 0.5)).unwrap();
    (0..100).for_each(|_| budget.failed());
    assert!(budget.tokens().abs() < 1e-9);
    (0..100).for_each(|_| budget.succeeded());
    assert!((budget.tokens() - 10.0).abs() < 1e-9);
}

#[test]
fn extra_calls_are_a_share_of_the_first_attempts() {
    let budget = ratio(0.1, 0.0, 10);
    assert_eq!(withdrawals(&budget, at(0.0)), 10, "saved up at the start");
    (0..40).for_each(|_| budget.deposit());
    assert_eq!(withdrawals(&budget, at(0.0)), 4);
    (0..1_000).for_each(|_| budget.deposit());
    assert_eq!(withdrawals(&budget, at(0.0)), 10, "no more than the burst is saved up");
    assert_eq!(budget.refused(), 3);
}

#[test]
fn time_earns_a_reserve() {
    let budget = ratio(0.0, 10.0, 10);
    assert_eq!(withdrawals(&budget, at(1.0)), 10);
    assert_eq!(withdrawals(&budget, at(1.25)), 2);
    assert_eq!(withdrawals(&budget, at(1.3)), 1, "the half token was not lost");
    assert_eq!(withdrawals(&budget, at(9.0)), 10);
    assert_eq!(withdrawals(&budget, at(2.0)), 0, "time does not run backwards");
}

#[test]
fn new_settings_cut_what_is_saved_up() {
    let budget = ratio(0.1, 0.0, 100);
    budget.reconfigure(BudgetSettings::Ratio { ratio: 0.1, per_second: 0.0, burst: 3 }).unwrap();
    assert!(budget.reconfigure(BudgetSettings::ratio(-1.0)).is_err());
    assert_eq!(withdrawals(&budget, at(0.0)), 3);
}

#[test]
fn two_threads_never_get_more_than_there_is() {
    let budget = ratio(0.01, 0.0, 50);
    let spend = |budget: Budget| {
        let calls = (0..10_000).filter(|_| {
            budget.deposit();
            budget.withdraw(at(0.0))
        });
        u64::try_from(calls.count()).unwrap()
    };
    let other = {
        let budget = budget.clone();
        std::thread::spawn(move || spend(budget))
    };
    let spent = spend(budget.clone()) + other.join().unwrap();
    assert!(spent <= 50 + 200, "{spent} extra calls");
    assert!(spent >= 200, "{spent} extra calls");
}

#[test]
fn every_fault_is_listed() {
    let settings = BudgetSettings::Ratio { ratio: f64::NAN, per_second: -1.0, burst: 0 };
    assert_eq!(settings.validate().unwrap_err().faults().len(), 3);
    assert_eq!(BudgetSettings::throttle(0, 0.0).validate().unwrap_err().faults().len(), 2);
}
