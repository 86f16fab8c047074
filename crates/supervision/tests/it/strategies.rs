//! Who is stopped and started with whom.

use std::time::Duration;

use steadfast_supervision::{
    Backoff, Budget, Choice, Command, Directive, Event, ExitKind, Granted, Input, Outcome, Refusal,
    RestartPolicy, Strategy, SupervisorRules,
};

use crate::stage::{Stage, Start, plan, plan_with, rules, started, transient};

const TEN: Duration = Duration::from_secs(10);

#[test]
fn s10_one_for_one_restarts_only_the_failed_child() {
    let mut stage = started(Strategy::OneForOne, &["a", "b"]);
    stage.panics("a");
    assert_eq!(stage.told(), "start a");
}

#[test]
fn s11_all_for_one_renews_all_for_one_unit_of_budget() {
    let mut stage = started(Strategy::AllForOne, &["a", "b", "c"]);
    stage.panics("b");
    assert_eq!(stage.told(), "end c, end a, start a, start b, start c");
    assert_eq!(stage.core.stats(stage.now).budget_left, 2);
}

#[test]
fn s12_rest_for_one_renews_the_failed_and_the_later_ones() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c", "d", "e"]);
    stage.panics("c");
    assert_eq!(stage.told(), "end e, end d, start c, start d, start e");
}

#[test]
fn s13_temporary_bystanders_are_stopped_and_not_brought_back() {
    for strategy in [Strategy::AllForOne, Strategy::RestForOne] {
        let temporary = rules(RestartPolicy::temporary());
        let children = [("a", transient()), ("t", temporary), ("b", transient())];
        let mut stage = Stage::started(plan(strategy, &children));
        stage.panics("a");
        assert_eq!(stage.told(), "end b, end t, close t shutdown, start a, start b");
        assert!(stage.core.is_up());
    }
}

#[test]
fn a_failing_temporary_child_takes_no_sibling_down() {
    let children = [("t", rules(RestartPolicy::temporary())), ("b", transient())];
    let mut stage = Stage::started(plan(Strategy::AllForOne, &children));
    stage.panics("t");
    assert_eq!(stage.told(), "close t panic");
}

#[test]
fn a_finished_sibling_takes_part_in_a_group_restart() {
    let mut stage = started(Strategy::AllForOne, &["a", "b"]);
    stage.exits("a", ExitKind::Normal);
    stage.panics("b");
    assert_eq!(stage.told(), "close a normal, start a, start b");
}

#[test]
fn all_for_one_retries_all_when_a_sibling_fails_to_start() {
    let mut stage = started(Strategy::AllForOne, &["a", "b", "c"]);
    stage.will("b", &[Start::Fails]);
    stage.panics("a");
    assert_eq!(stage.told(), "end c, end b, start a, start b, end a, start a, start b, start c");
    assert_eq!(stage.core.stats(stage.now).budget_left, 1);
}

#[test]
fn rest_for_one_retries_from_the_sibling_that_failed_to_start() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c", "d"]);
    stage.will("c", &[Start::Fails]);
    stage.panics("b");
    assert_eq!(stage.told(), "end d, end c, start b, start c, start c, start d");
    assert_eq!(stage.core.stats(stage.now).budget_left, 1);
}

#[test]
fn a_member_that_fails_while_the_group_is_stopped_is_not_restarted_twice() {
    let mut stage = started(Strategy::AllForOne, &["a", "b", "c"]);
    stage.stuck.insert("c".to_owned());
    stage.panics("b");
    stage.panics("a");
    let c = stage.key("c");
    stage.feed(Input::Exited(c, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.told(), "end c, start a, start b, start c");
    assert_eq!(stage.core.stats(stage.now).budget_left, 2);
    assert!(stage.events.iter().any(|event| matches!(event, Event::ShutdownError(..))));
}

#[test]
fn a_child_outside_the_group_is_handled_next_as_its_own_restart() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c"]);
    stage.stuck.insert("c".to_owned());
    stage.panics("b");
    stage.panics("a");
    assert_eq!(stage.told(), "end c");
    stage.stuck.clear();
    let c = stage.key("c");
    stage.feed(Input::Exited(c, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.told(), "start b, start c, end c, end b, start a, start b, start c");
    assert_eq!(stage.core.stats(stage.now).budget_left, 1);
}

#[test]
fn a_failure_while_a_group_rests_widens_the_group() {
    let slow = transient().with_backoff(Backoff::constant(Duration::from_secs(1)).with_jitter(0.0));
    let children = [("a", slow.clone()), ("b", slow.clone()), ("c", slow)];
    let mut stage = Stage::started(plan(Strategy::RestForOne, &children));
    stage.panics("c");
    stage.advance(Duration::from_millis(500));
    stage.panics("a");
    assert_eq!(stage.told(), "end b");
    stage.advance(Duration::from_millis(999));
    assert_eq!(stage.told(), "");
    stage.advance(Duration::from_millis(1));
    assert_eq!(stage.told(), "start a, start b, start c");
}

#[test]
fn a_new_child_that_fails_while_a_group_rests_leaves_no_one_behind() {
    let slow = transient().with_backoff(Backoff::constant(Duration::from_secs(1)).with_jitter(0.0));
    let children = [("a", slow.clone()), ("b", slow.clone())];
    let mut stage = Stage::started(plan(Strategy::RestForOne, &children));
    stage.panics("a");
    assert!(stage.start_child("n", slow).is_ok());
    stage.panics("n");
    stage.advance(Duration::from_secs(1));
    assert_eq!(stage.told(), "end b, start n, start a, start b, start n");
}

#[test]
fn who_is_not_restarted_does_not_wait_for_a_group() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c", "d"]);
    stage.stuck.insert("d".to_owned());
    stage.panics("c");
    assert_eq!(stage.told(), "end d");
    let a = stage.key("a");
    let choice = Choice { directive: Directive::Stop, ..stage.choice() };
    stage.feed(Input::Exited(a, ExitKind::Panic.into(), choice));
    assert_eq!(stage.states(), "a stopped, b running, c restarting, d stopping");
    stage.exits("b", ExitKind::Normal);
    assert_eq!(stage.states(), "a stopped, b stopped, c restarting, d stopping");
    assert_eq!(stage.told(), "close a panic, close b normal", "who asked them hears of it now");
    stage.stuck.clear();
    let d = stage.key("d");
    stage.feed(Input::Exited(d, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.told(), "start c, start d");
    assert_eq!(stage.states(), "a stopped, b stopped, c running, d running");
}

#[test]
fn a_group_restart_starts_those_that_had_stopped_too_but_for_temporary_ones() {
    let temporary = rules(RestartPolicy::temporary());
    let children = [("a", transient()), ("b", transient()), ("t", temporary), ("c", transient())];
    let mut stage = Stage::started(plan(Strategy::AllForOne, &children));
    let b = stage.key("b");
    assert_eq!(stage.ask(Command::Terminate(b)), Ok(Granted::Done));
    stage.exits("a", ExitKind::Normal);
    stage.exits("t", ExitKind::Normal);
    assert_eq!(stage.states(), "a stopped, b stopped, c running");
    stage.panics("c");
    assert_eq!(stage.states(), "a running, b running, c running");
}

#[test]
fn errors_reported_while_a_group_moves_are_decided_once() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c"]);
    stage.stuck.insert("c".to_owned());
    stage.panics("b");
    let a = stage.key("a");
    for _ in 0..1_000 {
        stage.feed(Input::Reported(a, ExitKind::Error.into(), stage.choice()));
    }
    stage.stuck.clear();
    let c = stage.key("c");
    stage.feed(Input::Exited(c, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.states(), "a running, b running, c running");
    assert_eq!(stage.core.stats(stage.now).budget_left, 1, "one for b, one for a");
}

#[test]
fn an_escalation_does_not_wait_for_a_group() {
    let mut stage = started(Strategy::RestForOne, &["a", "b", "c"]);
    stage.stuck.insert("c".to_owned());
    stage.panics("b");
    assert_eq!(stage.told(), "end c");
    let a = stage.key("a");
    let choice = Choice { directive: Directive::Escalate, ..stage.choice() };
    stage.feed(Input::Exited(a, ExitKind::Panic.into(), choice));
    assert!(!stage.core.is_up(), "it ends as soon as c does");
    stage.stuck.clear();
    let c = stage.key("c");
    stage.feed(Input::Exited(c, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.told(), "close a panic, close c shutdown, close b panic");
    assert!(matches!(&stage.outcome, Some(Outcome::Escalated(child, _)) if *child == a));
}

#[test]
fn commands_are_served_during_a_group_restart() {
    let mut stage = started(Strategy::AllForOne, &["a", "b", "c"]);
    stage.stuck.insert("c".to_owned());
    stage.panics("a");
    assert_eq!(stage.states(), "a restarting, b running, c stopping");
    let (a, b, c) = (stage.key("a"), stage.key("b"), stage.key("c"));
    assert_eq!(stage.ask(Command::Terminate(a)), Ok(Granted::Done));
    assert_eq!(stage.ask(Command::Terminate(b)), Ok(Granted::Done));
    let waits = stage.command(Command::Terminate(c));
    assert!(!stage.answers.contains_key(&waits));
    stage.feed(Input::Exited(c, ExitKind::Shutdown.into(), stage.choice()));
    assert_eq!(stage.answers[&waits], Ok(Granted::Done));
    assert!(stage.core.is_up());
}

#[test]
fn a_child_waiting_for_its_group_shows_restarting_and_can_be_terminated() {
    let slow = transient().with_backoff(Backoff::constant(Duration::from_secs(9)));
    let mut stage = Stage::started(plan(Strategy::AllForOne, &[("a", slow.clone()), ("b", slow)]));
    stage.panics("a");
    assert_eq!(stage.states(), "a restarting, b restarting");
    let a = stage.key("a");
    assert_eq!(stage.ask(Command::Restart(a)), Err(Refusal::Restarting));
    assert_eq!(stage.ask(Command::Delete(a)), Err(Refusal::Restarting));
    assert_eq!(stage.ask(Command::Terminate(a)), Ok(Granted::Done));
    assert_eq!(stage.ask(Command::Delete(a)), Ok(Granted::Done));
    stage.advance(Duration::from_secs(10));
    assert_eq!(stage.states(), "b running");
}

#[test]
fn s17_a_meltdown_is_a_failure_for_the_parent() {
    let own = SupervisorRules::default().with_budget(Budget::new(0, Duration::from_secs(5)));
    let mut inner = Stage::started(plan_with(own, &[("grandchild", transient())]));
    inner.panics("grandchild");
    assert!(matches!(inner.outcome, Some(Outcome::Meltdown(..))));
    let nested = steadfast_supervision::ChildRules::supervisor().with_backoff(Backoff::none());
    let mut outer = Stage::started(plan(Strategy::OneForOne, &[("inner", nested)]));
    outer.exits("inner", ExitKind::Meltdown);
    assert_eq!(outer.told(), "start inner");
}

#[test]
fn what_failed_is_renewed_at_once_and_what_ended_in_order_has_nothing_left() {
    let delayed = rules(RestartPolicy::transient()).with_backoff(Backoff::constant(TEN));
    let children = [("a", delayed.clone()), ("b", delayed.clone()), ("c", delayed)];
    let mut stage = Stage::started(plan(Strategy::AllForOne, &children));
    stage.stuck.insert("c".to_owned());
    stage.panics("b");
    assert_eq!((stage.told().as_str(), stage.renewed.join(" ").as_str()), ("end c", "b"));
    stage.advance(TEN);
    assert_eq!(stage.told(), "kill c, end a, start a, start b, start c");
    assert_eq!(stage.renewed, ["b", "c"], "a had ended in order");
    stage.will("a", &[Start::Fails]);
    stage.stuck.clear();
    stage.exits("a", ExitKind::Killed);
    stage.advance(3 * TEN);
    assert_eq!(stage.renewed, ["b", "c", "a"], "a start that failed leaves nothing behind");
}

#[test]
fn what_fails_while_others_start_is_renewed_before_its_turn_comes() {
    let mut stage = started(Strategy::RestForOne, &["a", "b"]);
    stage.will("b", &[Start::Hangs]);
    stage.panics("b");
    assert_eq!((stage.told().as_str(), stage.renewed.join(" ").as_str()), ("start b", "b"));
    stage.panics("a");
    assert_eq!((stage.told().as_str(), stage.renewed.join(" ").as_str()), ("", "b a"));
    let b = stage.key("b");
    stage.feed(Input::Started(b));
    assert_eq!(stage.told(), "end b, start a, start b");
    assert_eq!(stage.renewed, ["b", "a"], "once");
}
