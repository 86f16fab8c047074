//! Supervisors that end with their significant children.

use steadfast_supervision::{
    AutoShutdown, Command, ExitKind, Granted, Outcome, RestartPolicy, Strategy, SupervisorRules,
};

use crate::stage::{Stage, plan_with, rules, transient};

fn significant(auto: AutoShutdown, strategy: Strategy) -> Stage {
    let own = SupervisorRules::new(strategy).with_auto_shutdown(auto);
    let child = transient().with_significant(true);
    let children = [("a", child.clone()), ("b", child), ("c", transient())];
    Stage::started(plan_with(own, &children))
}

#[test]
fn s29_any_significant_ends_the_supervisor_with_a_normal_end_only() {
    let mut stage = significant(AutoShutdown::AnySignificant, Strategy::OneForOne);
    stage.panics("a");
    assert_eq!(stage.told(), "start a");
    stage.exits("c", ExitKind::Normal);
    assert!(stage.core.is_up());
    stage.told();
    stage.exits("a", ExitKind::Normal);
    assert_eq!(stage.told(), "close a normal, end b, close b shutdown");
    assert_eq!(stage.outcome, Some(Outcome::AutoShutdown));
}

#[test]
fn s30_all_significant_waits_for_the_last_one() {
    let mut stage = significant(AutoShutdown::AllSignificant, Strategy::OneForOne);
    stage.exits("a", ExitKind::Normal);
    assert!(stage.core.is_up());
    stage.exits("b", ExitKind::Shutdown);
    assert_eq!(stage.outcome, Some(Outcome::AutoShutdown));
}

#[test]
fn s30_terminate_never_triggers_it() {
    let mut stage = significant(AutoShutdown::AnySignificant, Strategy::OneForOne);
    for name in ["a", "b"] {
        let key = stage.key(name);
        assert_eq!(stage.ask(Command::Terminate(key)), Ok(Granted::Done));
    }
    assert!(stage.core.is_up());
}

#[test]
fn s30_a_siblings_restart_never_triggers_it() {
    let mut stage = significant(AutoShutdown::AnySignificant, Strategy::AllForOne);
    stage.panics("c");
    assert_eq!(stage.told(), "end b, end a, start a, start b, start c");
    assert!(stage.core.is_up());
}

#[test]
fn a_significant_temporary_child_triggers_it_however_it_ends() {
    let own = SupervisorRules::default().with_auto_shutdown(AutoShutdown::AnySignificant);
    let child = rules(RestartPolicy::temporary()).with_significant(true);
    for kind in [ExitKind::Normal, ExitKind::Panic] {
        let mut stage = Stage::started(plan_with(own, &[("a", child.clone())]));
        stage.exits("a", kind);
        assert_eq!(stage.outcome, Some(Outcome::AutoShutdown));
    }
}
