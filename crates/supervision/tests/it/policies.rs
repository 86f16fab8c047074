//! Restart policies and directives.

use steadfast_supervision::{
    Choice, Command, Directive, ExitKind, Granted, Input, Outcome, RestartPolicy, Strategy,
};

use crate::stage::{Stage, Start, exit, plan, rules, started, transient};

const ENDS: [ExitKind; 7] = [
    ExitKind::Normal,
    ExitKind::Shutdown,
    ExitKind::Killed,
    ExitKind::Error,
    ExitKind::Panic,
    ExitKind::Meltdown,
    ExitKind::Escalated,
];

/// The ends after which a child of this policy is started again.
fn restarts(policy: RestartPolicy) -> Vec<ExitKind> {
    let restarted = |kind: &ExitKind| {
        let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", rules(policy))]));
        stage.exits("a", *kind);
        stage.told().contains("start a")
    };
    ENDS.into_iter().filter(restarted).collect()
}

#[test]
fn s07_permanent_children_return_after_every_end() {
    assert_eq!(restarts(RestartPolicy::permanent()), ENDS);
}

#[test]
fn s08_transient_children_return_after_failures_and_keep_their_spec() {
    assert_eq!(restarts(RestartPolicy::transient()), ENDS[2..]);
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.exits("a", ExitKind::Normal);
    assert_eq!(stage.states(), "a stopped");
    let a = stage.key("a");
    assert_eq!(stage.ask(Command::Restart(a)), Ok(Granted::Running(a)));
    assert_eq!(stage.states(), "a running");
}

#[test]
fn s09_temporary_children_never_return_and_lose_their_spec() {
    assert_eq!(restarts(RestartPolicy::temporary()), []);
    for kind in ENDS {
        let temporary = rules(RestartPolicy::temporary());
        let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", temporary)]));
        stage.exits("a", kind);
        assert_eq!(stage.told(), format!("close a {kind}"));
        assert!(stage.core.find("a").is_none());
    }
}

#[test]
fn on_stop_children_return_after_all_but_an_ordered_shutdown() {
    let ends = restarts(RestartPolicy::OnStop);
    assert_eq!(ends.len(), 6);
    assert!(!ends.contains(&ExitKind::Shutdown));
}

#[test]
fn stop_ends_the_child_for_good_and_keeps_its_spec() {
    let permanent = rules(RestartPolicy::permanent());
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", permanent)]));
    stage.directive = Directive::Stop;
    stage.panics("a");
    assert_eq!(stage.told(), "close a panic");
    assert_eq!(stage.states(), "a stopped");
}

#[test]
fn escalate_stops_all_and_ends_as_escalated() {
    let mut stage = started(Strategy::OneForOne, &["a", "b"]);
    stage.directive = Directive::Escalate;
    stage.panics("a");
    assert_eq!(stage.told(), "close a panic, end b, close b shutdown");
    assert!(matches!(stage.outcome, Some(Outcome::Escalated(..))));
}

#[test]
fn s39_resume_keeps_the_state_and_spends_no_budget() {
    let mut stage = started(Strategy::AllForOne, &["a", "b"]);
    stage.directive = Directive::Resume;
    for _ in 0..10 {
        stage.panics("a");
        assert_eq!(stage.told(), "resume a");
    }
    let stats = stage.core.stats(stage.now);
    assert_eq!((stats.budget_left, stats.errors_total, stats.restarts_total), (3, 10, 0));
}

#[test]
fn s39_resume_stops_the_child_where_no_state_is_left() {
    for kind in [ExitKind::Killed, ExitKind::Meltdown, ExitKind::Escalated] {
        let mut stage = started(Strategy::OneForOne, &["a"]);
        stage.directive = Directive::Resume;
        stage.exits("a", kind);
        assert_eq!(stage.told(), format!("close a {kind}"));
    }
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.will("a", &[Start::Fails]);
    let key = stage.key("a");
    let restart = Choice::from(Directive::Restart);
    stage.directive = Directive::Resume;
    stage.feed(Input::Exited(key, exit(ExitKind::Panic), restart));
    assert_eq!(stage.told(), "start a, close a error");
    assert_eq!(stage.states(), "a stopped");
}

#[test]
fn a_reported_error_restarts_the_running_child() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c"]);
    let b = stage.key("b");
    stage.feed(Input::Reported(b, exit(ExitKind::Error), Choice::default()));
    assert_eq!(stage.told(), "end c, end b, start b, start c");
    let health = stage.core.health(b, stage.now).expect("a child");
    assert_eq!((health.errors, health.restarts), (1, 1));
    assert_eq!(health.last_error.as_deref(), Some("error: boom"));
}

#[test]
fn a_reported_error_with_resume_only_counts_and_with_stop_ends_the_child() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    stage.feed(Input::Reported(a, exit(ExitKind::Error), Directive::Resume.into()));
    assert_eq!(stage.told(), "");
    assert_eq!(stage.core.health(a, stage.now).expect("a child").errors, 1);
    stage.feed(Input::Reported(a, exit(ExitKind::Error), Directive::Stop.into()));
    assert_eq!(stage.told(), "end a, close a error");
}

#[test]
fn the_decider_is_not_asked_about_normal_ends() {
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", transient())]));
    stage.directive = Directive::Escalate;
    stage.exits("a", ExitKind::Normal);
    assert_eq!(stage.told(), "close a normal");
    assert!(stage.core.is_up());
}
