//! Requests and their answers.

use std::sync::Arc;
use std::time::Duration;

use steadfast_supervision::{
    Command, ExitKind, Granted, Input, Refusal, RestartPolicy, Strategy, SupervisorPlan,
    SupervisorRules,
};

use crate::stage::{Stage, Start, plan_with, rules, started, transient};

#[test]
fn s06_answers_for_a_live_child() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    assert_eq!(stage.start_child("a", transient()), Err(Refusal::AlreadyStarted(a)));
    assert_eq!(stage.ask(Command::Restart(a)), Err(Refusal::Running));
    assert_eq!(stage.ask(Command::Delete(a)), Err(Refusal::Running));
    assert_eq!(stage.ask(Command::Terminate(a)), Ok(Granted::Done));
}

#[test]
fn s06_answers_for_a_stopped_child() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    stage.exits("a", ExitKind::Normal);
    assert_eq!(stage.start_child("a", transient()), Err(Refusal::AlreadyPresent(a)));
    assert_eq!(stage.ask(Command::Terminate(a)), Ok(Granted::Done));
    assert_eq!(stage.ask(Command::Restart(a)), Ok(Granted::Running(a)));
    assert_eq!(stage.ask(Command::Terminate(a)), Ok(Granted::Done));
    assert_eq!(stage.ask(Command::Delete(a)), Ok(Granted::Done));
}

#[test]
fn s06_answers_for_an_unknown_child() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    let _unused = stage.ask(Command::Terminate(a));
    let _unused = stage.ask(Command::Delete(a));
    for command in [
        Command::Terminate(a),
        Command::Restart(a),
        Command::Recycle(a),
        Command::Delete(a),
        Command::Release(a),
        Command::ChangeRules(a, Arc::new(transient())),
    ] {
        assert_eq!(stage.ask(command), Err(Refusal::NotFound));
    }
    let reused = stage.start_child("b", transient()).expect("room");
    assert_ne!(reused, Granted::Running(a), "a key is never used twice");
}

#[test]
fn a_child_that_fails_to_start_by_command_is_forgotten() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.will("n", &[Start::Fails]);
    assert!(matches!(stage.start_child("n", transient()), Err(Refusal::StartFailed(_))));
    assert!(stage.core.find("n").is_none());
    assert_eq!(stage.core.stats(stage.now).budget_left, 3);
}

#[test]
fn a_stopped_child_that_fails_to_start_by_command_stays_stopped() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    let a = stage.key("a");
    stage.exits("a", ExitKind::Normal);
    stage.will("a", &[Start::Fails]);
    assert!(matches!(stage.ask(Command::Restart(a)), Err(Refusal::StartFailed(_))));
    assert_eq!(stage.states(), "a stopped");
}

#[test]
fn a_start_by_command_may_be_ignored() {
    let mut stage = started(Strategy::OneForOne, &[]);
    stage.will("p", &[Start::Ignores]);
    stage.will("t", &[Start::Ignores]);
    assert_eq!(stage.start_child("p", transient()), Ok(Granted::Ignored));
    assert_eq!(stage.start_child("t", rules(RestartPolicy::Never)), Ok(Granted::Ignored));
    assert_eq!(stage.states(), "p stopped");
}

#[test]
fn every_waiting_command_is_answered_when_the_supervisor_ends() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.stuck.insert("a".to_owned());
    stage.will("n", &[Start::Hangs]);
    let a = stage.key("a");
    let stop = stage.command(Command::Terminate(a));
    let start = stage.command(Command::StartChild {
        name: Some("n".into()),
        rules: Some(Arc::new(transient())),
    });
    stage.feed(Input::Stop);
    assert_eq!(stage.ask(Command::Terminate(a)), Err(Refusal::Stopped));
    stage.advance(Duration::from_secs(5));
    assert_eq!(stage.answers[&stop], Ok(Granted::Done));
    assert_eq!(stage.answers[&start], Err(Refusal::Interrupted));
    assert!(stage.core.is_gone());
    assert_eq!(stage.ask_when_gone(), Err(Refusal::Stopped));
}

#[test]
fn a_start_interrupted_by_a_group_restart_is_answered_when_it_is_done() {
    let mut stage = started(Strategy::AllForOne, &["a"]);
    stage.will("n", &[Start::Hangs, Start::Works]);
    let id = stage.command(Command::StartChild {
        name: Some("n".into()),
        rules: Some(Arc::new(transient())),
    });
    stage.panics("a");
    assert_eq!(stage.told(), "start n, end n, start a, start n");
    assert_eq!(stage.answers[&id], Ok(Granted::Running(stage.key("n"))));
}

#[test]
fn a_recycled_child_is_new_and_costs_nothing() {
    let mut stage = started(Strategy::AllForOne, &["a", "b"]);
    let a = stage.key("a");
    assert_eq!(stage.ask(Command::Recycle(a)), Ok(Granted::Running(a)));
    assert_eq!(stage.told(), "end a, start a");
    assert_eq!(stage.core.stats(stage.now).budget_left, 3);
}

#[test]
fn a_released_child_runs_on_and_frees_its_name() {
    let mut stage = started(Strategy::OneForOne, &["a", "b"]);
    let a = stage.key("a");
    assert_eq!(stage.ask(Command::Release(a)), Ok(Granted::Done));
    assert_eq!(stage.told(), "release a");
    assert!(stage.start_child("a", transient()).is_ok());
    assert_eq!(stage.states(), "b running, a running");
}

#[test]
fn an_adopted_actor_takes_the_last_place_and_keeps_its_mailbox() {
    let mut stage = started(Strategy::RestForOne, &["a", "b"]);
    let adopted =
        stage.ask(Command::Adopt { name: Some("x".into()), rules: Some(Arc::new(transient())) });
    assert_eq!(adopted, Ok(Granted::Running(stage.key("x"))));
    stage.panics("b");
    assert_eq!(stage.told(), "end x, start b, start x");
}

#[test]
fn children_beyond_the_limit_are_refused() {
    let own = SupervisorRules::default().with_children_max(1);
    let mut stage = Stage::started(plan_with(own, &[("a", transient())]));
    assert_eq!(stage.start_child("b", transient()), Err(Refusal::Full));
    let nameless = Command::StartChild { name: None, rules: None };
    assert_eq!(stage.ask(nameless), Err(Refusal::Incomplete));
}

#[test]
fn commands_waiting_for_one_child_are_bounded() {
    let mut stage = Stage::started(SupervisorPlan::default());
    stage.stuck.insert("a".to_owned());
    let _unused = stage.start_child("a", transient());
    let a = stage.key("a");
    for _ in 0..64 {
        stage.command(Command::Terminate(a));
    }
    assert_eq!(stage.ask(Command::Terminate(a)), Err(Refusal::Full));
}
