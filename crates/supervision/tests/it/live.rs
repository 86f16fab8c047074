//! Changes of rules while the supervisor runs, figures and dry runs.

use std::sync::Arc;
use std::time::Duration;

use steadfast_supervision::{
    Affected, Budget, Command, ExitKind, Granted, Impact, Refusal, RestartPolicy, Strategy,
    SupervisorRules,
};

use crate::stage::{Stage, plan, plan_with, rules, started, transient};

#[test]
fn the_strategy_changes_while_running() {
    let mut stage = started(Strategy::OneForOne, &["a", "b"]);
    let all = SupervisorRules::new(Strategy::AllForOne);
    assert_eq!(stage.ask(Command::Reconfigure(all)), Ok(Granted::Done));
    assert_eq!(stage.told(), "");
    stage.panics("a");
    assert_eq!(stage.told(), "end b, start a, start b");
}

#[test]
fn a_smaller_budget_counts_what_was_spent_before() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.panics("a");
    stage.panics("a");
    let small = SupervisorRules::default().with_budget(Budget::new(2, Duration::from_mins(1)));
    assert_eq!(stage.ask(Command::Reconfigure(small)), Ok(Granted::Done));
    stage.panics("a");
    assert!(stage.core.is_gone());
}

#[test]
fn faulty_changes_change_nothing() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let dynamic = SupervisorRules::new(Strategy::Dynamic);
    assert!(matches!(stage.ask(Command::Reconfigure(dynamic)), Err(Refusal::Invalid(_))));
    let a = stage.key("a");
    let significant = Arc::new(transient().with_significant(true));
    assert!(matches!(stage.ask(Command::ChangeRules(a, significant)), Err(Refusal::Invalid(_))));
    let template = Arc::new(transient());
    assert_eq!(stage.ask(Command::ChangeTemplate(template)), Err(Refusal::WrongKind));
    assert_eq!(stage.core.rules().strategy, Strategy::OneForOne);
}

#[test]
fn the_rules_of_a_child_change_while_it_runs() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    let permanent = Arc::new(rules(RestartPolicy::permanent()));
    assert_eq!(stage.ask(Command::ChangeRules(a, permanent)), Ok(Granted::Done));
    stage.exits("a", ExitKind::Normal);
    assert_eq!(stage.told(), "start a");
}

/// The names a failure would touch; stopped ones in parentheses.
fn impact(stage: &Stage, name: &str) -> (String, bool) {
    let Impact { children, exceeds_budget } =
        stage.core.affected_by(stage.key(name), stage.now).expect("a child");
    let names = children.iter().map(|Affected { child, restarted }| {
        let name = stage.core.name(*child).expect("named");
        if *restarted { name.to_string() } else { format!("({name})") }
    });
    (names.collect::<Vec<_>>().join(" "), exceeds_budget)
}

#[test]
fn a_dry_run_tells_who_would_be_touched() {
    let children =
        [("a", transient()), ("b", transient()), ("t", rules(RestartPolicy::temporary()))];
    let expected = [
        (Strategy::OneForOne, ["a", "b", "(t)"]),
        (Strategy::AllForOne, ["a b (t)", "a b (t)", "(t)"]),
        (Strategy::RestForOne, ["a b (t)", "b (t)", "(t)"]),
    ];
    for (strategy, touched) in expected {
        let stage = Stage::started(plan(strategy, &children));
        for (name, touched) in ["a", "b", "t"].into_iter().zip(touched) {
            assert_eq!(impact(&stage, name), (touched.to_owned(), false));
        }
    }
}

#[test]
fn a_dry_run_foresees_a_meltdown() {
    let own = SupervisorRules::default().with_budget(Budget::new(1, Duration::from_secs(9)));
    let mut stage = Stage::started(plan_with(own, &[("a", transient()), ("b", transient())]));
    stage.panics("a");
    assert_eq!(impact(&stage, "b"), ("(a) (b)".to_owned(), true));
    stage.advance(Duration::from_secs(10));
    assert_eq!(impact(&stage, "b"), ("b".to_owned(), false));
}

#[test]
fn figures_tell_what_happened() {
    let mut stage = started(Strategy::OneForOne, &["a", "b", "c"]);
    stage.advance(Duration::from_secs(3));
    stage.panics("a");
    stage.advance(Duration::from_secs(2));
    stage.exits("b", ExitKind::Normal);
    let stats = stage.core.stats(stage.now);
    assert_eq!((stats.children, stats.running, stats.stopped), (3, 2, 1));
    assert_eq!((stats.errors_total, stats.restarts_total, stats.budget_left), (1, 1, 2));
    assert_eq!(stats.uptime, Some(Duration::from_secs(5)));
    let health = stage.core.health(stage.key("a"), stage.now).expect("a child");
    assert_eq!(health.uptime, Some(Duration::from_secs(2)));
    assert_eq!(health.last_error.as_deref(), Some("panic: boom"));
}
