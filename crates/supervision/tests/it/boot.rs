//! Starts of the listed children.

use steadfast_supervision::{
    Backoff, Command, ExitKind, Input, Outcome, RestartPolicy, Strategy, SupervisorPlan,
};

use crate::stage::{Stage, Start, plan, rules, transient};

fn three() -> Stage {
    let children = [("m", transient()), ("z", transient()), ("a", transient())];
    Stage::new(plan(Strategy::OneForOne, &children))
}

#[test]
fn s01_children_start_in_list_order_and_end_in_reverse() {
    let mut stage = three();
    stage.feed(Input::Start);
    assert_eq!(stage.told(), "start m, start z, start a, ready");
    stage.feed(Input::Stop);
    assert_eq!(
        stage.told(),
        "end a, close a shutdown, end z, close z shutdown, end m, close m shutdown"
    );
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn s02_a_failed_first_start_stops_the_started_in_reverse_and_names_the_child() {
    let mut stage = three();
    stage.will("a", &[Start::Fails]);
    stage.feed(Input::Start);
    assert_eq!(
        stage.told(),
        "start m, start z, start a, close a error, end z, close z shutdown, end m, close m shutdown"
    );
    let child = stage.key("a");
    assert!(matches!(stage.outcome, Some(Outcome::StartFailed(key, _)) if key == child));
}

#[test]
fn s04_ignore_keeps_the_spec_unless_temporary() {
    let children = [
        ("p", rules(RestartPolicy::permanent())),
        ("t", rules(RestartPolicy::temporary())),
        ("z", transient()),
    ];
    let mut stage = Stage::new(plan(Strategy::OneForOne, &children));
    stage.will("p", &[Start::Ignores]);
    stage.will("t", &[Start::Ignores]);
    stage.feed(Input::Start);
    assert_eq!(stage.states(), "p stopped, z running");
    stage.feed(Input::Stop);
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn a_child_that_fails_during_the_boot_is_restarted_right_after() {
    let mut stage = three();
    stage.will("a", &[Start::Hangs]);
    stage.feed(Input::Start);
    stage.panics("m");
    assert_eq!(stage.states(), "m restarting, z running, a starting");
    stage.told();
    let a = stage.key("a");
    stage.feed(Input::Started(a));
    assert_eq!(stage.told(), "ready, start m");
    assert_eq!(stage.states(), "m running, z running, a running");
}

#[test]
fn a_stop_during_the_boot_ends_the_starting_child_too() {
    let mut stage = three();
    stage.will("z", &[Start::Hangs]);
    stage.feed(Input::Start);
    stage.told();
    stage.feed(Input::Stop);
    assert_eq!(stage.told(), "end z, close z shutdown, end m, close m shutdown");
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn a_child_terminated_before_its_turn_is_skipped() {
    let mut stage = three();
    stage.will("m", &[Start::Hangs]);
    stage.feed(Input::Start);
    let (m, z) = (stage.key("m"), stage.key("z"));
    assert!(stage.ask(Command::Terminate(z)).is_ok());
    stage.feed(Input::Started(m));
    assert_eq!(stage.states(), "m running, z stopped, a running");
}

#[test]
fn a_child_added_during_the_boot_starts_last_and_may_fail_alone() {
    let mut stage = three();
    stage.will("m", &[Start::Hangs]);
    stage.will("new", &[Start::Fails]);
    stage.feed(Input::Start);
    let id = stage
        .command(Command::StartChild { name: Some("new".into()), rules: Some(transient().into()) });
    let m = stage.key("m");
    stage.feed(Input::Started(m));
    assert!(stage.answers[&id].is_err());
    assert_eq!(stage.told(), "start m, start z, start a, start new, close new error, ready");
    assert_eq!(stage.states(), "m running, z running, a running");
}

#[test]
fn an_empty_supervisor_is_ready_at_once() {
    let mut stage = Stage::new(SupervisorPlan::default());
    stage.feed(Input::Start);
    assert_eq!(stage.told(), "ready");
    stage.feed(Input::Stop);
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}

#[test]
fn inputs_that_no_longer_fit_change_nothing() {
    let mut stage = three();
    stage.feed(Input::Start);
    stage.told();
    let m = stage.key("m");
    stage.feed(Input::Started(m));
    stage.feed(Input::Permit(m));
    stage.feed(Input::Tick);
    stage.feed(Input::Start);
    assert_eq!(stage.told(), "drop m");
    stage.exits("m", ExitKind::Normal);
    stage.exits("m", ExitKind::Panic);
    assert_eq!(stage.told(), "close m normal");
    assert_eq!(Backoff::none().delay(3, 0.5).as_nanos(), 0);
}
