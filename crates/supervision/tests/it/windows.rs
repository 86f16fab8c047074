//! Restart budgets.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::Instant;
use steadfast_supervision::{
    AutoShutdown, Backoff, Budget, BudgetWindow, Command, Event, Granted, Input, Outcome,
    RestartPolicy, Strategy, SupervisorRules,
};

use crate::stage::{Stage, Start, plan, plan_with, rules, started, transient};

fn budgeted(restarts: u32, seconds: u64) -> SupervisorRules {
    SupervisorRules::default().with_budget(Budget::new(restarts, Duration::from_secs(seconds)))
}

fn two(own: SupervisorRules) -> Stage {
    Stage::started(plan_with(own, &[("a", transient()), ("b", transient())]))
}

#[test]
fn s18_the_third_crash_of_two_melts_down_in_reverse_order() {
    let mut stage = two(budgeted(2, 10));
    stage.panics("a");
    stage.panics("a");
    stage.told();
    stage.panics("a");
    assert_eq!(stage.told(), "close a panic, end b, close b shutdown");
    assert!(matches!(stage.outcome, Some(Outcome::Meltdown(..))));
}

#[test]
fn the_fourth_failure_inside_the_default_window_melts_down() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    for second in [0, 20, 20] {
        stage.advance(Duration::from_secs(second));
        stage.panics("a");
    }
    stage.advance(Duration::from_secs(20));
    assert!(stage.core.is_up());
    stage.panics("a");
    assert!(stage.core.is_gone(), "a restart exactly 60 s ago still counts");
}

#[test]
fn intensity_0_makes_the_first_failure_fatal() {
    let mut stage = two(budgeted(0, 1));
    stage.panics("a");
    assert!(matches!(stage.outcome, Some(Outcome::Meltdown(..))));
}

#[test]
fn s19_crashes_further_apart_than_the_period_are_survived() {
    let mut stage = two(budgeted(1, 1));
    for _ in 0..4 {
        stage.panics("a");
        stage.advance(Duration::from_millis(2_100));
    }
    assert!(stage.core.is_up());
}

#[test]
fn s20_the_window_slides() {
    let mut stage = two(budgeted(2, 10));
    for seconds in [0, 6, 5] {
        stage.advance(Duration::from_secs(seconds));
        stage.panics("a");
        assert!(stage.core.is_up());
    }
    stage.advance(Duration::from_secs(1));
    stage.panics("a");
    assert!(matches!(stage.outcome, Some(Outcome::Meltdown(..))));
}

#[test]
fn s21_failed_starts_spend_the_budget_while_commands_are_served() {
    let slow = transient().with_backoff(Backoff::constant(Duration::from_secs(1)));
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", slow), ("b", transient())]));
    stage.will("a", &[Start::Fails; 9]);
    stage.panics("a");
    stage.advance(Duration::from_millis(1_500));
    let b = stage.key("b");
    assert_eq!(stage.states(), "a restarting, b running");
    assert_eq!(stage.ask(Command::Terminate(b)), Ok(Granted::Done));
    stage.advance(Duration::from_secs(9));
    assert!(matches!(stage.outcome, Some(Outcome::Meltdown(..))));
    assert_eq!(stage.told().matches("start a").count(), 3);
}

#[test]
fn s21_a_stop_is_served_between_start_attempts() {
    let slow = transient().with_backoff(Backoff::constant(Duration::from_secs(1)));
    let mut stage = Stage::started(plan(Strategy::AllForOne, &[("a", slow.clone()), ("b", slow)]));
    stage.will("a", &[Start::Fails; 9]);
    stage.panics("a");
    stage.advance(Duration::from_millis(1_500));
    stage.feed(Input::Stop);
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn s38_the_own_budget_of_a_child_ends_it_after_two_retries() {
    let own = transient().with_budget(Budget::new(2, Duration::from_mins(1)));
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", own), ("b", transient())]));
    stage.will("a", &[Start::Fails; 9]);
    stage.panics("a");
    assert_eq!(stage.told(), "start a, start a, close a meltdown");
    assert_eq!(stage.core.stats(stage.now).budget_left, 3);
    assert!(stage.events.iter().any(|event| matches!(event, Event::BudgetSpent(_))));
    assert_eq!(stage.states(), "a stopped, b running");
}

#[test]
fn a_spent_own_budget_of_an_important_child_escalates() {
    let once = Budget::new(1, Duration::from_mins(1));
    let permanent = rules(RestartPolicy::permanent()).with_budget(once);
    let significant = transient().with_significant(true).with_budget(once);
    let own = SupervisorRules::default().with_auto_shutdown(AutoShutdown::AllSignificant);
    for child in [permanent, significant] {
        let mut stage = Stage::started(plan_with(own, &[("a", child), ("b", transient())]));
        stage.panics("a");
        assert!(stage.core.is_up());
        stage.panics("a");
        assert!(matches!(stage.outcome, Some(Outcome::Escalated(..))));
    }
}

#[test]
fn an_unlimited_budget_remembers_nothing() {
    let mut window = BudgetWindow::default();
    assert!((0..1_000).all(|_| window.charge(&Budget::unlimited(), Instant::ZERO)));
    assert_eq!(window.left(&Budget::unlimited(), Instant::ZERO), u32::MAX);
}

proptest! {
    #[test]
    fn the_window_agrees_with_a_count_over_the_whole_history(
        restarts in 0_u32..6,
        period in 1_u64..20,
        gaps in prop::collection::vec(0_u64..8, 0..60),
    ) {
        let budget = Budget::new(restarts, Duration::from_secs(period));
        let mut window = BudgetWindow::default();
        let mut history: Vec<u64> = Vec::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            history.push(now);
            let inside = history.iter().filter(|stamp| **stamp + period >= now).count();
            let afforded = window.charge(&budget, Instant::ZERO + Duration::from_secs(now));
            prop_assert_eq!(afforded, inside <= restarts as usize);
            if !afforded {
                break;
            }
        }
    }
}
