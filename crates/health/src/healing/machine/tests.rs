//! Tests of what is healed when, in virtual time without a runtime.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{Instant, Timestamp};

use crate::healing::config::{Approval, GovernorConfig, HealingConfig, OnExpiry};
use crate::healing::governor::GovernorRule;
use crate::healing::record::{HealingOutcome, HealingPhase, UnknownRequest};

use super::{Effect, Finding, Machine, Rules, Settled};

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn rules(components: usize, approval: Option<&Approval>) -> Vec<Rules> {
    let rules = |number| Rules {
        component: format!("c{number}"),
        action: "act".to_owned(),
        cooldown: Duration::from_mins(5),
        timeout: Duration::from_secs(30),
        approval: approval.cloned(),
    };
    (0..components).map(rules).collect()
}

/// All components may be acted on at once.
fn free() -> HealingConfig {
    let governor = GovernorConfig { share_max: 1.0, ..Default::default() };
    HealingConfig { governor, ..Default::default() }
}

struct World {
    machine: Machine,
    unwell: BTreeMap<usize, &'static str>,
    /// Acts that began: time in seconds, component.
    acts: Vec<(u64, usize)>,
    effects: Vec<Effect>,
}

impl World {
    fn new(rules: Vec<Rules>, config: &HealingConfig) -> Self {
        let machine = Machine::new(rules, config, at(0));
        Self { machine, unwell: BTreeMap::new(), acts: Vec::new(), effects: Vec::new() }
    }

    /// Steps at `now`; acts that begin are not ended.
    fn step(&mut self, now: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.machine.tick(at(now), &mut effects);
        if let Some(places) = self.machine.begin_look(at(now)) {
            let finding = |place| match self.unwell.get(&place) {
                Some(reason) => Finding::Unwell((*reason).to_owned()),
                None => Finding::Well,
            };
            let findings = places.into_iter().map(|place| (place, finding(place))).collect();
            self.machine.decide(at(now), Timestamp::UNIX_EPOCH, findings, &mut effects);
        }
        for effect in &effects {
            if let Effect::Act { component, .. } = effect {
                self.acts.push((now, *component));
            }
        }
        self.effects.extend(effects.iter().cloned());
        effects
    }

    /// Steps at `now` and ends every act at once.
    fn step_and_end(&mut self, now: u64, outcome: &HealingOutcome) {
        for effect in self.step(now) {
            if let Effect::Act { component, act, .. } = effect {
                self.machine.ended(component, act, at(now), outcome.clone(), &mut self.effects);
            }
        }
    }

    fn run_to(&mut self, end: u64, outcome: &HealingOutcome) {
        while self.machine.next_wake() <= at(end) {
            let now = self.machine.next_wake().as_nanos().div_ceil(1_000_000_000);
            self.step_and_end(now, outcome);
        }
    }

    fn settled(&self) -> Vec<Settled> {
        let settled = |effect: &Effect| match effect {
            Effect::Answered { settled, .. } => Some(*settled),
            _ => None,
        };
        self.effects.iter().filter_map(settled).collect()
    }
}

#[test]
fn an_unwell_component_is_acted_on_again_only_after_its_cooldown() {
    let mut world = World::new(rules(1, None), &free());
    world.unwell.insert(0, "stuck");
    world.run_to(700, &HealingOutcome::Succeeded);
    assert_eq!(world.acts, [(0, 0), (300, 0), (600, 0)]);
    assert_eq!(world.machine.stats().success_rate(), Some(1.0));
    assert_eq!(world.machine.stats().recovered, 0, "it is still unwell");
}

#[test]
fn the_next_look_tells_whether_an_act_helped() {
    let mut world = World::new(rules(1, None), &free());
    world.unwell.insert(0, "stuck");
    world.step_and_end(0, &HealingOutcome::Succeeded);
    world.unwell.clear();
    world.step_and_end(60, &HealingOutcome::Succeeded);
    let record = world.machine.history().next().unwrap();
    assert_eq!((record.recovered, record.reason.as_str()), (Some(true), "stuck"));
    assert_eq!(world.machine.stats().recovered, 1);
}

#[test]
fn an_act_that_hangs_is_ended_at_its_time_out_and_a_late_result_is_ignored() {
    let mut world = World::new(rules(1, None), &free());
    world.unwell.insert(0, "stuck");
    world.step(0);
    assert_eq!(world.machine.status(at(1))[0].phase, HealingPhase::Acting);
    assert!(world.step(30).contains(&Effect::Abandon { component: 0 }));
    world.machine.ended(0, 1, at(31), HealingOutcome::Succeeded, &mut world.effects);
    let outcomes: Vec<_> = world.machine.history().map(|record| record.outcome.clone()).collect();
    assert_eq!(outcomes, [HealingOutcome::TimedOut]);
    assert_eq!(world.machine.stats().success_rate(), Some(0.0));
    assert_eq!(world.machine.status(at(31))[0].phase, HealingPhase::CoolingDown);
}

#[test]
fn what_cannot_be_seen_is_not_acted_on() {
    let mut world = World::new(rules(1, None), &free());
    let mut effects = Vec::new();
    for now in [0, 60] {
        let findings = vec![(0, Finding::Unknown("no answer".to_owned()))];
        world.machine.decide(at(now), Timestamp::UNIX_EPOCH, findings, &mut effects);
    }
    assert_eq!(effects, [Effect::Puzzled { component: 0, reason: "no answer".to_owned() }]);
}

#[test]
fn the_governor_bounds_how_many_components_are_acted_on_at_once() {
    let mut world = World::new(rules(8, None), &HealingConfig::default());
    for place in 0..8 {
        world.unwell.insert(place, "stuck");
    }
    world.run_to(299, &HealingOutcome::Succeeded);
    // Two of eight at a time, and each counts for a minute after its act.
    assert_eq!(
        world.acts,
        [(0, 0), (0, 1), (60, 2), (60, 3), (120, 4), (120, 5), (180, 6), (180, 7)]
    );
    let deferred = world.effects.iter().filter(|effect| {
        matches!(effect, Effect::Deferred { rule: GovernorRule::BlastRadius, .. })
    });
    assert_eq!(deferred.count(), 6, "each is told once");
}

#[test]
fn the_governor_bounds_how_many_acts_begin_within_its_window() {
    let governor = GovernorConfig {
        share_max: 1.0,
        actions_max: 3,
        window: Duration::from_mins(10),
        ..Default::default()
    };
    let config = HealingConfig { governor, ..Default::default() };
    let mut world = World::new(rules(5, None), &config);
    for place in 0..5 {
        world.unwell.insert(place, "stuck");
    }
    world.run_to(600, &HealingOutcome::Failed("no".to_owned()));
    // Those not acted on yet come first when there is room again.
    assert_eq!(world.acts, [(0, 0), (0, 1), (0, 2), (600, 3), (600, 4), (600, 0)]);
}

#[test]
fn a_paused_healing_looks_and_does_nothing() {
    let mut world = World::new(rules(1, None), &free());
    world.unwell.insert(0, "stuck");
    world.machine.set_paused(true);
    world.run_to(120, &HealingOutcome::Succeeded);
    assert_eq!(world.acts, []);
    assert_eq!(world.machine.status(at(120))[0].unwell.as_deref(), Some("stuck"));
    world.machine.set_paused(false);
    world.run_to(180, &HealingOutcome::Succeeded);
    assert_eq!(world.acts, [(180, 0)]);
}

#[test]
fn the_history_forgets_the_oldest_and_the_figures_forget_nothing() {
    let config = HealingConfig { history_max: 2, ..free() };
    let mut world = World::new(rules(1, None), &config);
    world.unwell.insert(0, "stuck");
    world.run_to(900, &HealingOutcome::Succeeded);
    let numbers: Vec<u64> = world.machine.history().map(|record| record.number).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(world.machine.stats().ended, 4);
}

#[test]
fn an_approved_act_begins_if_the_component_is_still_unwell() {
    let mut world = World::new(rules(1, Some(&Approval::default())), &free());
    world.unwell.insert(0, "stuck");
    world.step(0);
    assert_eq!(world.acts, []);
    let request = world.machine.requests(at(0)).remove(0);
    assert_eq!(request.expires_in, Duration::from_mins(15));
    world.machine.answer(request.id, true, "ada", at(10), &mut Vec::new()).unwrap();
    world.step_and_end(10, &HealingOutcome::Succeeded);
    let record = world.machine.history().next().unwrap();
    assert_eq!(record.approved_by.as_deref(), Some("ada"));
    assert_eq!(world.acts, [(10, 0)]);
}

#[test]
fn a_request_is_withdrawn_when_the_component_recovers() {
    let mut world = World::new(rules(1, Some(&Approval::default())), &free());
    world.unwell.insert(0, "stuck");
    world.step(0);
    let id = world.machine.requests(at(0))[0].id;
    world.machine.answer(id, true, "ada", at(10), &mut Vec::new()).unwrap();
    world.unwell.clear();
    world.step(10);
    assert_eq!(world.acts, []);
    assert_eq!(world.settled(), [Settled::Withdrawn]);
    let late = world.machine.answer(id, true, "ada", at(11), &mut Vec::new());
    assert_eq!(late, Err(UnknownRequest(id)));
}

#[test]
fn a_denied_request_is_not_asked_again_before_the_cooldown_is_over() {
    let mut world = World::new(rules(1, Some(&Approval::default())), &free());
    world.unwell.insert(0, "stuck");
    world.step(0);
    world.machine.answer(1, false, "ada", at(30), &mut Vec::new()).unwrap();
    world.run_to(329, &HealingOutcome::Succeeded);
    assert_eq!(world.machine.requests(at(329)).len(), 0);
    world.run_to(360, &HealingOutcome::Succeeded);
    assert_eq!(world.machine.requests(at(360))[0].id, 2);
    assert_eq!(world.acts, []);
}

#[test]
fn without_an_answer_the_safe_default_is_to_do_nothing() {
    let mut world = World::new(rules(1, Some(&Approval::default())), &free());
    world.unwell.insert(0, "stuck");
    world.run_to(899, &HealingOutcome::Succeeded);
    assert_eq!(world.machine.requests(at(899)).len(), 1);
    assert_eq!(
        world.machine.answer(1, true, "ada", at(900), &mut Vec::new()),
        Err(UnknownRequest(1))
    );
    world.run_to(900, &HealingOutcome::Succeeded);
    assert_eq!(world.settled(), [Settled::Expired]);
    world.run_to(5_000, &HealingOutcome::Succeeded);
    assert_eq!(world.acts, []);
}

#[test]
fn an_act_may_be_done_because_nobody_answered() {
    let approval = Approval { expires_after: Duration::from_secs(90), on_expiry: OnExpiry::Act };
    let mut world = World::new(rules(1, Some(&approval)), &free());
    world.unwell.insert(0, "stuck");
    world.run_to(90, &HealingOutcome::Succeeded);
    assert_eq!(world.acts, [(90, 0)]);
    assert_eq!(world.settled(), [Settled::ActsUnanswered]);
}

#[test]
fn an_approval_that_the_governor_holds_back_expires() {
    let approval = Approval { expires_after: Duration::from_secs(50), on_expiry: OnExpiry::Skip };
    let mut rules = rules(2, None);
    rules[1].approval = Some(approval);
    let mut world = World::new(rules, &HealingConfig::default());
    world.unwell.insert(0, "stuck");
    world.unwell.insert(1, "stuck");
    world.step(0);
    world.machine.answer(1, true, "ada", at(5), &mut Vec::new()).unwrap();
    world.step(5);
    assert_eq!(world.acts, [(0, 0)]);
    world.step(50);
    assert_eq!(world.settled(), [Settled::Expired]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: acts of one component never overlap and respect the cooldown, no window has more
    /// acts than allowed, no more components are acted on at once than the share.
    #[test]
    fn the_bounds_hold_whatever_happens(
        steps in prop::collection::vec(
            (0_usize..6, any::<bool>(), 0_u8..4, 1_u64..120), 1..120,
        ),
    ) {
        let governor = GovernorConfig {
            actions_max: 3, window: Duration::from_secs(400), share_max: 0.4, settle: Duration::from_secs(20),
        };
        let config = HealingConfig { governor, ..Default::default() };
        let mut rules = rules(6, None);
        rules[0].approval = Some(Approval::default());
        let mut world = World::new(rules, &config);
        let mut acting: BTreeMap<usize, u64> = BTreeMap::new();
        let mut ended: BTreeMap<usize, u64> = BTreeMap::new();
        let mut now = 0;
        for (place, unwell, what, pause) in steps {
            now += pause;
            if unwell {
                world.unwell.insert(place, "stuck");
            } else {
                world.unwell.remove(&place);
            }
            if what == 0 {
                for request in world.machine.requests(at(now)) {
                    let _ =
                        world.machine.answer(request.id, unwell, "ada", at(now), &mut Vec::new());
                }
            }
            if let Some(act) = acting.remove(&place).filter(|_| what < 3) {
                let before = world.machine.stats().ended;
                let outcome = HealingOutcome::Succeeded;
                world.machine.ended(place, act, at(now), outcome, &mut Vec::new());
                if world.machine.stats().ended > before {
                    ended.insert(place, now);
                }
            }
            let admitted_before = acting.clone();
            for effect in world.step(now) {
                match effect {
                    Effect::Abandon { component } => {
                        acting.remove(&component);
                        ended.insert(component, now);
                    }
                    Effect::Act { component, act, .. } => {
                        prop_assert!(!acting.contains_key(&component), "{admitted_before:?}");
                        if let Some(last) = ended.get(&component) {
                            prop_assert!(now - last >= 300);
                        }
                        acting.insert(component, act);
                        let settling = ended.iter().filter(|(other, at)| {
                            !acting.contains_key(other) && now - **at < 20
                        });
                        prop_assert!(acting.len() + settling.count() <= 2);
                    }
                    _ => {}
                }
            }
            let within = world.acts.iter().filter(|(began, _)| now - began < 400).count();
            prop_assert!(within <= 3);
        }
    }
}
