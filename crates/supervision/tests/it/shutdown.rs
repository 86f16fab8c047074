//! Ordered ends, time limits and kills.

use std::collections::VecDeque;
use std::time::Duration;

use steadfast_base::Instant;
use steadfast_supervision::{
    ChildRules, Choice, Command, Effect, Event, ExitKind, Granted, Input, KILL_WAIT, Outcome,
    Shutdown, Strategy, SupervisorCore,
};

use crate::stage::{Stage, exit, plan, started, transient};

#[test]
fn s23_a_stuck_child_is_killed_when_its_time_is_over() {
    let slow = transient().with_shutdown(Shutdown::Graceful(Duration::from_secs(1)));
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", slow.clone()), ("b", slow)]));
    stage.stuck.insert("b".to_owned());
    stage.feed(Input::Stop);
    stage.advance(Duration::from_millis(999));
    assert_eq!(stage.told(), "end b");
    stage.advance(Duration::from_millis(1));
    assert_eq!(stage.told(), "kill b, close b killed, end a, close a shutdown");
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn s24_brutal_kill_skips_the_orderly_end() {
    let brutal = transient().with_shutdown(Shutdown::BrutalKill);
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("a", brutal)]));
    stage.feed(Input::Stop);
    assert_eq!(stage.told(), "kill a, close a killed");
    assert!(stage.events.is_empty(), "an ordered kill is no error");
}

#[test]
fn s25_children_that_end_by_themselves_during_the_stop_are_not_restarted() {
    let kinds = [
        ExitKind::Normal,
        ExitKind::Shutdown,
        ExitKind::Killed,
        ExitKind::Error,
        ExitKind::Panic,
        ExitKind::Meltdown,
        ExitKind::Escalated,
    ];
    for kind in kinds {
        let mut stage = started(Strategy::AllForOne, &["a", "b", "c"]);
        stage.stuck.extend(["b".to_owned(), "c".to_owned()]);
        stage.feed(Input::Stop);
        stage.exits("a", kind);
        stage.exits("c", kind);
        stage.exits("b", ExitKind::Shutdown);
        let told = stage.told();
        assert_eq!(told, format!("end c, close a {kind}, close c {kind}, end b, close b shutdown"));
        assert_eq!(stage.outcome, Some(Outcome::Stopped));
        let errors = stage.events.iter().filter(|event| matches!(event, Event::ShutdownError(..)));
        assert_eq!(errors.count(), if kind.is_failure() { 2 } else { 0 });
    }
}

#[test]
fn supervisors_are_given_all_the_time_they_need() {
    let nested = ChildRules::supervisor();
    let mut stage = Stage::started(plan(Strategy::OneForOne, &[("s", nested)]));
    stage.stuck.insert("s".to_owned());
    stage.feed(Input::Stop);
    assert_eq!(stage.core.next_wake(), None);
    stage.exits("s", ExitKind::Shutdown);
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn a_kill_ends_all_at_once_and_gives_up_within_a_second() {
    let mut stage = started(Strategy::OneForOne, &["a", "b", "c"]);
    stage.exits("b", ExitKind::Normal);
    stage.told();
    stage.feed(Input::Kill);
    assert_eq!(stage.told(), "kill a, kill c, close a killed, close c killed");
    assert_eq!(stage.outcome, Some(Outcome::Killed));

    let mut core = started(Strategy::OneForOne, &["a"]).core;
    let mut effects = Vec::new();
    let start = Instant::ZERO;
    core.step(start, Input::Kill, &mut effects);
    assert_eq!(core.next_wake(), Some(start + KILL_WAIT));
    core.step(start + KILL_WAIT, Input::Tick, &mut effects);
    assert!(core.is_gone());
}

#[test]
fn a_kill_overtakes_an_ordered_stop() {
    let mut stage = started(Strategy::OneForOne, &["a", "b"]);
    stage.stuck.insert("b".to_owned());
    stage.feed(Input::Stop);
    stage.feed(Input::Kill);
    assert_eq!(stage.told(), "end b, kill a, kill b, close a killed, close b killed");
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn terminate_waits_for_the_end_and_later_ones_share_the_answer() {
    let mut stage = started(Strategy::OneForOne, &["a"]);
    stage.stuck.insert("a".to_owned());
    let a = stage.key("a");
    let first = stage.command(Command::Terminate(a));
    let second = stage.command(Command::Terminate(a));
    assert!(stage.answers.is_empty());
    stage.advance(Duration::from_secs(5));
    assert_eq!(stage.answers[&first], Ok(Granted::Done));
    assert_eq!(stage.answers[&second], Ok(Granted::Done));
    assert_eq!(stage.told(), "end a, kill a, close a killed");
}

#[test]
fn a_failure_while_being_terminated_does_not_bring_the_child_back() {
    let mut stage = started(Strategy::AllForOne, &["a", "b"]);
    stage.stuck.insert("a".to_owned());
    let a = stage.key("a");
    let id = stage.command(Command::Terminate(a));
    stage.feed(Input::Exited(a, exit(ExitKind::Panic), stage.choice()));
    assert_eq!(stage.answers[&id], Ok(Granted::Done));
    assert_eq!(stage.states(), "a stopped, b running");
}

/// Steps a machine whose actors do at once what they are told; counts the effects.
fn drive(core: &mut SupervisorCore, input: Input) -> usize {
    let mut inputs = VecDeque::from([input]);
    let mut effects = Vec::new();
    let mut count = 0;
    while let Some(input) = inputs.pop_front() {
        core.step(Instant::ZERO, input, &mut effects);
        for effect in effects.drain(..) {
            count += 1;
            match effect {
                Effect::Start(key, _) => inputs.push_back(Input::Started(key)),
                Effect::End { child, .. } => {
                    let exit = ExitKind::Shutdown.into();
                    inputs.push_back(Input::Exited(child, exit, Choice::default()));
                }
                _ => {}
            }
        }
    }
    count
}

#[test]
fn s28_a_hundred_thousand_listed_children_start_restart_together_and_stop() {
    let names: Vec<String> = (0..100_000).map(|place| format!("c{place}")).collect();
    let children: Vec<_> = names.iter().map(|name| (name.as_str(), transient())).collect();
    let mut core = SupervisorCore::new(plan(Strategy::AllForOne, &children)).expect("valid");
    assert_eq!(drive(&mut core, Input::Start), 100_001);
    let middle = core.find("c50000").expect("listed");
    let panic = Input::Exited(middle, ExitKind::Panic.into(), Choice::default());
    let told = drive(&mut core, panic);
    assert_eq!(
        told,
        3 + 99_999 + 100_000 + 100_000,
        "two reports, one renewed, ends, starts, reports"
    );
    drive(&mut core, Input::Stop);
    assert!(core.is_gone());
}
