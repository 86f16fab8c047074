//! Restarts that ask the root first.

use steadfast_supervision::{Command, Input, Outcome, Strategy, SupervisorCore};

use crate::stage::{Stage, Start, plan, transient};

fn gated(strategy: Strategy) -> Stage {
    let children = [("a", transient()), ("b", transient())];
    let core = SupervisorCore::new(plan(strategy, &children)).expect("valid").with_permits();
    let mut stage = Stage::of(core);
    stage.feed(Input::Start);
    assert_eq!(stage.told(), "start a, start b, ready");
    stage
}

#[test]
fn a_restart_waits_for_its_permit_and_shows_restarting() {
    let mut stage = gated(Strategy::OneForOne);
    stage.panics("a");
    assert_eq!(stage.told(), "ask a");
    assert_eq!(stage.states(), "a restarting, b running");
    let a = stage.key("a");
    stage.feed(Input::Permit(a));
    assert_eq!(stage.told(), "start a");
}

#[test]
fn a_group_needs_one_permit_and_each_further_attempt_another() {
    let mut stage = gated(Strategy::AllForOne);
    stage.will("b", &[Start::Fails]);
    stage.panics("a");
    assert_eq!(stage.told(), "end b, ask a");
    let (a, b) = (stage.key("a"), stage.key("b"));
    stage.feed(Input::Permit(a));
    assert_eq!(stage.told(), "start a, start b, end a, ask b");
    stage.feed(Input::Permit(b));
    assert_eq!(stage.told(), "start a, start b");
}

#[test]
fn a_permit_no_longer_needed_is_given_back() {
    let mut stage = gated(Strategy::OneForOne);
    stage.panics("a");
    let a = stage.key("a");
    assert!(stage.ask(Command::Terminate(a)).is_ok());
    assert_eq!(stage.told(), "ask a, drop a, close a panic");
    stage.feed(Input::Permit(a));
    assert_eq!(stage.told(), "drop a");
}

#[test]
fn a_stop_gives_the_permit_of_a_group_back() {
    let mut stage = gated(Strategy::RestForOne);
    stage.panics("b");
    stage.feed(Input::Stop);
    assert_eq!(stage.told(), "ask b, drop b, close b panic, end a, close a shutdown");
    assert_eq!(stage.outcome, Some(Outcome::Stopped));
}
