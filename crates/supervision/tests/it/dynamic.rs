//! Many children of one template.

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::Instant;
use steadfast_supervision::{
    Budget, ChildKey, ChildRules, Choice, Command, CommandId, Effect, Event, ExitKind, Granted,
    Input, Outcome, Refusal, RestartPolicy, Shutdown, SupervisorCore, SupervisorPlan,
};

use crate::stage::{Stage, Start, exit, rules, transient};

const NEW: Command = Command::StartChild { name: None, rules: None };

fn dynamic(template: ChildRules) -> Stage {
    Stage::started(SupervisorPlan::dynamic(template))
}

fn child(stage: &mut Stage) -> ChildKey {
    let granted = stage.ask(NEW).expect("a start");
    let Granted::Running(key) = granted else { unreachable!("not started: {granted:?}") };
    key
}

#[test]
fn children_restart_alone_and_share_the_budget() {
    let mut stage = dynamic(transient());
    let keys = [child(&mut stage), child(&mut stage)];
    stage.told();
    for key in keys.iter().cycle().take(3) {
        stage.feed(Input::Exited(*key, exit(ExitKind::Panic), stage.choice()));
    }
    assert_eq!(stage.told(), "start #0, start #1, start #0");
    stage.feed(Input::Exited(keys[1], exit(ExitKind::Panic), stage.choice()));
    assert!(matches!(stage.outcome, Some(Outcome::Meltdown(key, _)) if key == keys[1]));
}

#[test]
fn s04_ended_and_ignored_children_are_not_stored() {
    let mut stage = dynamic(transient());
    let key = child(&mut stage);
    stage.feed(Input::Exited(key, ExitKind::Normal.into(), stage.choice()));
    stage.will("#0", &[Start::Ignores, Start::Fails]);
    assert_eq!(stage.ask(NEW), Ok(Granted::Ignored));
    assert!(matches!(stage.ask(NEW), Err(Refusal::StartFailed(_))));
    assert_eq!(stage.core.stats(stage.now).children, 0);
    assert_eq!(stage.ask(Command::Terminate(key)), Err(Refusal::NotFound));
}

#[test]
fn all_are_told_at_once_and_survivors_are_killed_together() {
    let mut stage = dynamic(transient());
    for _ in 0..4 {
        child(&mut stage);
    }
    stage.told();
    stage.stuck.extend(["#1".to_owned(), "#3".to_owned()]);
    stage.feed(Input::Stop);
    assert_eq!(
        stage.told(),
        "end #0, end #1, end #2, end #3, close #0 shutdown, close #2 shutdown"
    );
    assert_eq!(stage.core.next_wake(), Some(stage.now + Duration::from_secs(5)));
    stage.advance(Duration::from_secs(5));
    assert_eq!(stage.told(), "kill #1, kill #3, close #1 killed, close #3 killed");
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn ends_other_than_asked_for_are_reported_by_reason() {
    let mut stage = dynamic(transient());
    let keys: Vec<_> = (0..5).map(|_| child(&mut stage)).collect();
    stage.stuck.extend((0..5).map(|slot| format!("#{slot}")));
    stage.feed(Input::Stop);
    let ends = [ExitKind::Panic, ExitKind::Normal, ExitKind::Panic, ExitKind::Error];
    for (key, kind) in keys.iter().zip(ends.into_iter().chain([ExitKind::Shutdown])) {
        stage.feed(Input::Exited(*key, exit(kind), stage.choice()));
    }
    let expected = Event::ShutdownErrors {
        groups: vec![(exit(ExitKind::Error), 1), (exit(ExitKind::Panic), 2)],
        others: 0,
    };
    assert!(stage.events.contains(&expected), "{:?}", stage.events);
}

#[test]
fn children_with_rules_of_their_own_keep_their_time_limit() {
    let mut stage = dynamic(transient().with_shutdown(Shutdown::Infinity));
    let own = transient().with_shutdown(Shutdown::Graceful(Duration::from_secs(1)));
    assert!(stage.start_child("own", own).is_ok());
    stage.stuck.insert("own".to_owned());
    stage.feed(Input::Stop);
    stage.advance(Duration::from_secs(1));
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn a_new_template_holds_for_all_children_at_once() {
    let mut stage = dynamic(transient());
    let key = child(&mut stage);
    let permanent = Arc::new(rules(RestartPolicy::permanent()));
    assert_eq!(stage.ask(Command::ChangeTemplate(permanent)), Ok(Granted::Done));
    stage.told();
    stage.feed(Input::Exited(key, ExitKind::Normal.into(), stage.choice()));
    assert_eq!(stage.told(), "start #0");
}

#[test]
fn restart_and_delete_do_not_apply() {
    let mut stage = dynamic(transient());
    let key = child(&mut stage);
    assert_eq!(stage.ask(Command::Restart(key)), Err(Refusal::WrongKind));
    assert_eq!(stage.ask(Command::Delete(key)), Err(Refusal::WrongKind));
    assert_eq!(stage.ask(Command::Terminate(key)), Ok(Granted::Done));
    assert_eq!(stage.core.stats(stage.now).children, 0);
}

#[test]
fn s28_a_hundred_thousand_children_start_fail_and_stop() {
    let template = ChildRules::worker().with_budget(Budget::unlimited());
    let mut core = SupervisorCore::new(SupervisorPlan::dynamic(template)).expect("valid");
    let mut effects = Vec::new();
    let mut keys = Vec::new();
    core.step(Instant::ZERO, Input::Start, &mut effects);
    for id in 0..100_000 {
        effects.clear();
        core.step(Instant::ZERO, Input::Command(CommandId(id), NEW), &mut effects);
        let Some(Effect::Start(key, _)) = effects.last() else { panic!("no start") };
        keys.push(*key);
        core.step(Instant::ZERO, Input::Started(*key), &mut effects.clone());
    }
    effects.clear();
    for key in &keys {
        let exit = exit(ExitKind::Panic);
        core.step(Instant::ZERO, Input::Exited(*key, exit, Choice::default()), &mut effects);
    }
    assert_eq!(core.stats(Instant::ZERO).restarting, 100_000);
    let due = core.next_wake().expect("restarts are due");
    effects.clear();
    core.step(due, Input::Tick, &mut effects);
    assert_eq!(effects.len(), 100_000);
    core.step(due, Input::Stop, &mut effects);
    for key in keys {
        let exit = exit(ExitKind::Shutdown);
        core.step(due, Input::Exited(key, exit, Choice::default()), &mut effects);
    }
    assert!(core.is_gone());
}
