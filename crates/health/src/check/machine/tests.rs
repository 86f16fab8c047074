//! Tests of the schedule, the dependencies and the blame, in virtual time without a runtime.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{Health, Instant};

use crate::check::graph::{Graph, Node};
use crate::check::judge::Finding;
use crate::check::status::CheckState;

use super::{Effect, Machine, Rules};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

/// Checks that answer at once, as they are told to; some hang.
struct World {
    machine: Machine,
    names: Vec<&'static str>,
    health: BTreeMap<&'static str, Option<Health>>,
    /// Time and name of each run.
    runs: Vec<(u64, &'static str)>,
    changes: Vec<(u64, &'static str, CheckState)>,
    now: u64,
}

impl World {
    /// Checks by name, interval in seconds and needs.
    fn new(checks: &[(&'static str, u64, &[&str])]) -> Self {
        let needs: Vec<Vec<String>> = checks
            .iter()
            .map(|(_, _, needs)| needs.iter().map(ToString::to_string).collect())
            .collect();
        let nodes: Vec<Node<'_>> = checks
            .iter()
            .zip(&needs)
            .map(|((name, ..), needs)| Node { name, needs, critical: true })
            .collect();
        let rules = checks.iter().map(|(name, interval, _)| Rules {
            name: (*name).to_owned(),
            interval: Duration::from_secs(*interval),
            timeout: Duration::from_secs(5),
            failure_threshold: 3,
            success_threshold: 2,
            liveness: false,
        });
        let machine = Machine::new(rules.collect(), Graph::new(&nodes).unwrap(), at(0));
        let names: Vec<&'static str> = checks.iter().map(|(name, ..)| *name).collect();
        let health = names.iter().map(|name| (*name, Some(Health::Healthy))).collect();
        Self { machine, names, health, runs: Vec::new(), changes: Vec::new(), now: 0 }
    }

    fn set(&mut self, name: &'static str, health: Option<Health>) {
        self.health.insert(name, health);
    }

    /// Lets time pass to `end`, answering every run at once unless its check hangs.
    fn run_to(&mut self, end: u64) {
        while let Some(next) = self.machine.next_wake().filter(|next| *next <= at(end)) {
            self.now = self.now.max(next.as_nanos() / 1_000_000_000);
            self.answer_all();
        }
        self.now = end;
    }

    fn answer_all(&mut self) {
        loop {
            let mut effects = Vec::new();
            self.machine.advance(at(self.now), &mut effects);
            let mut answered = false;
            for effect in effects {
                match effect {
                    Effect::Run { check, run } => {
                        let name = self.names[check];
                        self.runs.push((self.now, name));
                        if let Some(health) = self.health[name] {
                            let finding = Finding { health, reason: None };
                            self.machine.finished(check, run, at(self.now), finding);
                            answered = true;
                        }
                    }
                    Effect::Changed { check, to, .. } => {
                        self.changes.push((self.now, self.names[check], to));
                    }
                    Effect::Abandon { .. } | Effect::Overall { .. } => {}
                }
            }
            if !answered {
                break;
            }
        }
    }

    fn state(&self, name: &str) -> CheckState {
        self.machine.summary(at(self.now)).check(name).unwrap().state
    }

    fn runs_of(&self, name: &str) -> Vec<u64> {
        self.runs.iter().filter(|(_, run)| *run == name).map(|(at, _)| *at).collect()
    }
}

const DOWN: Option<Health> = Some(Health::Critical);
const UP: Option<Health> = Some(Health::Healthy);
const HANGS: Option<Health> = None;

#[test]
fn runs_are_due_at_the_start_and_then_every_interval() {
    let mut world = World::new(&[("a", 30, &[]), ("b", 45, &[])]);
    world.run_to(100);
    assert_eq!(world.runs_of("a"), [0, 30, 60, 90]);
    assert_eq!(world.runs_of("b"), [0, 45, 90]);
}

#[test]
fn periods_that_were_missed_are_not_caught_up_and_the_schedule_does_not_drift() {
    let mut world = World::new(&[("a", 30, &[])]);
    world.run_to(0);
    world.now = 100;
    world.answer_all();
    world.run_to(150);
    assert_eq!(world.runs_of("a"), [0, 100, 120, 150]);
}

#[test]
fn a_check_that_hangs_fails_at_its_time_out_and_holds_up_nobody() {
    let mut world = World::new(&[("hangs", 30, &[]), ("fine", 30, &[])]);
    world.set("hangs", HANGS);
    world.run_to(70);
    assert_eq!(world.runs_of("fine"), [0, 30, 60]);
    assert_eq!(
        world.changes,
        [(0, "fine", CheckState::Healthy), (65, "hangs", CheckState::Unhealthy)]
    );
    let status = world.machine.summary(at(70)).check("hangs").unwrap().clone();
    assert_eq!(status.reason.unwrap(), "did not answer within 5s");
}

#[test]
fn a_check_whose_interval_is_shorter_than_its_run_has_one_run_at_a_time() {
    let mut world = World::new(&[("slow", 2, &[])]);
    world.set("slow", HANGS);
    world.run_to(12);
    assert_eq!(world.runs_of("slow"), [0, 6, 12]);
}

#[test]
fn a_result_after_the_time_out_is_ignored() {
    let mut world = World::new(&[("slow", 30, &[])]);
    world.set("slow", HANGS);
    world.run_to(6);
    world.machine.finished(0, 1, at(6), Finding { health: Health::Healthy, reason: None });
    world.answer_all();
    assert_eq!(world.state("slow"), CheckState::Unknown);
}

#[test]
fn a_result_that_comes_late_but_before_its_time_out_was_noticed_is_late_too() {
    let mut world = World::new(&[("slow", 30, &[])]);
    world.set("slow", HANGS);
    world.run_to(0);
    world.machine.finished(0, 1, at(6), Finding { health: Health::Healthy, reason: None });
    assert_eq!(world.machine.summary(at(6)).check("slow").unwrap().failures_in_a_row, 1);
}

#[test]
fn a_check_whose_need_is_down_is_blocked_and_not_run() {
    let mut world = World::new(&[("api", 30, &["db"]), ("db", 30, &[])]);
    world.run_to(0);
    world.set("db", DOWN);
    world.set("api", DOWN);
    world.run_to(100);
    assert_eq!(world.runs_of("api"), [0]);
    assert_eq!(world.state("api"), CheckState::Blocked);
    let summary = world.machine.summary(at(100));
    let failed: Vec<String> = summary.failed_checks().into_iter().map(|check| check.name).collect();
    assert_eq!(failed, ["db"]);
    assert_eq!(summary.check("api").unwrap().blocked_by.as_deref(), Some("db"));
}

#[test]
fn blame_goes_to_the_root_of_a_chain() {
    let mut world = World::new(&[("page", 30, &["api"]), ("api", 30, &["db"]), ("db", 30, &[])]);
    for name in ["page", "api", "db"] {
        world.set(name, DOWN);
    }
    world.run_to(60);
    let summary = world.machine.summary(at(60));
    assert_eq!(summary.check("page").unwrap().blocked_by.as_deref(), Some("db"));
    assert_eq!(summary.failed_checks().len(), 1);
    assert_eq!(world.runs_of("page"), [0_u64; 0]);
}

#[test]
fn a_fast_check_takes_no_blame_for_its_slow_need() {
    let mut world = World::new(&[("api", 5, &["db"]), ("db", 3_600, &[])]);
    world.run_to(4);
    world.set("db", DOWN);
    world.set("api", DOWN);
    world.run_to(60);
    assert_eq!(world.state("db"), CheckState::Healthy, "one failure is below the threshold");
    assert_eq!(world.state("api"), CheckState::Healthy);
    assert_eq!(world.runs_of("db"), [0, 5]);
    assert_eq!(world.machine.summary(at(60)).check("api").unwrap().failures_in_a_row, 0);
}

#[test]
fn a_failure_counts_when_what_it_needs_passes() {
    let mut world = World::new(&[("api", 30, &["db"]), ("db", 3_600, &[])]);
    world.run_to(1);
    world.set("api", DOWN);
    world.run_to(95);
    assert_eq!(world.state("api"), CheckState::Unhealthy);
    assert_eq!(world.runs_of("db"), [0, 30, 60, 90]);
}

#[test]
fn a_failure_waits_for_the_verdict_on_a_need_that_hangs() {
    let mut world = World::new(&[("api", 30, &["db"]), ("db", 3_600, &[])]);
    world.run_to(1);
    world.set("api", DOWN);
    world.set("db", HANGS);
    world.run_to(34);
    assert_eq!(world.machine.summary(at(34)).check("api").unwrap().failures_in_a_row, 0);
    world.run_to(35);
    let summary = world.machine.summary(at(35));
    assert_eq!(summary.check("api").unwrap().failures_in_a_row, 0);
    assert_eq!(summary.check("db").unwrap().failures_in_a_row, 1);
}

#[test]
fn when_the_need_is_back_the_blocked_check_is_run_at_once() {
    let mut world = World::new(&[("api", 1_000, &["db"]), ("db", 30, &[])]);
    world.set("db", DOWN);
    world.run_to(60);
    assert_eq!(world.state("api"), CheckState::Blocked);
    world.set("db", UP);
    world.run_to(90);
    assert_eq!(world.state("api"), CheckState::Blocked, "one pass of the need is not enough");
    world.run_to(120);
    assert_eq!(world.state("api"), CheckState::Healthy);
    assert_eq!(world.runs_of("api"), [120]);
}

#[test]
fn an_unhealthy_check_that_becomes_blocked_is_no_longer_blamed() {
    let mut world = World::new(&[("api", 30, &["db"]), ("db", 30, &[])]);
    world.set("api", DOWN);
    world.run_to(60);
    assert_eq!(world.state("api"), CheckState::Unhealthy);
    world.set("db", DOWN);
    world.run_to(150);
    assert_eq!(world.state("api"), CheckState::Blocked);
}

#[test]
fn wanting_all_runs_each_once_beside_the_schedule() {
    let mut world = World::new(&[("api", 30, &["db"]), ("db", 30, &[])]);
    world.run_to(10);
    world.machine.want_all();
    assert!(!world.machine.looked_at_since(at(10)));
    world.answer_all();
    assert!(world.machine.looked_at_since(at(10)));
    world.run_to(30);
    assert_eq!(world.runs_of("api"), [0, 10, 30]);
    assert_eq!(
        world.runs,
        [(0, "db"), (0, "api"), (10, "db"), (10, "api"), (30, "db"), (30, "api")]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: nobody is both blamed and behind something that is down, everything is looked
    /// at again in time, and a chain of needs never runs in the wrong order.
    #[test]
    fn checks_are_never_blamed_behind_a_need_that_is_down_and_never_stuck(
        script in prop::collection::vec((0_usize..4, prop::option::of(0_u8..3), 1_u64..40), 1..40),
    ) {
        let names = ["page", "api", "db", "net"];
        let mut world = World::new(&[
            ("page", 7, &["api", "net"]), ("api", 11, &["db"]), ("db", 30, &["net"]), ("net", 19, &[]),
        ]);
        for (check, health, pause) in script {
            world.set(names[check], health.map(|health| match health {
                0 => Health::Healthy,
                1 => Health::Degraded,
                _ => Health::Critical,
            }));
            let end = world.now + pause;
            world.run_to(end);
            for (name, needs) in
                [("page", vec!["api", "net"]), ("api", vec!["db"]), ("db", vec!["net"])]
            {
                let down = needs.iter().any(|needed| {
                    matches!(world.state(needed), CheckState::Unhealthy | CheckState::Blocked)
                });
                prop_assert_eq!(world.state(name) == CheckState::Blocked, down, "{}", name);
            }
        }
        for name in names {
            world.set(name, UP);
        }
        // The longest interval, for two passes of each in a chain of four, with time-outs.
        let end = world.now + 4 * 2 * 40;
        world.run_to(end);
        for name in names {
            prop_assert_eq!(world.state(name), CheckState::Healthy, "{}", name);
        }
    }
}
