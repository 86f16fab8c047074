//! The healing task: asks the conditions, steps the machine, performs what it decides.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::AbortHandle;

use steadfast_base::Instant;

use crate::shell::{Answer, Crew, Seat, caught, shortened, wait};

use super::config::HealingConfig;
use super::machine::{Effect, Finding, Machine, Rules};
use super::record::HealingOutcome;
use super::rule::HealingRule;
use super::tell::Teller;

/// What the handles and the tasks share.
pub(super) struct Shared {
    machine: Mutex<Machine>,
    /// Results of acts that the healing task has not taken in; at most one for each component.
    inbox: Mutex<Vec<Ended>>,
    /// Effects of answers, left for the healing task; at most two for each component.
    left: Mutex<Vec<Effect>>,
    /// Wakes the healing task.
    kick: Notify,
    /// Notified after every step.
    stepped: Notify,
    /// How many looks were asked for.
    asked: AtomicU64,
    /// Up to which of them there was a whole look since.
    answered: AtomicU64,
    /// Whether the healing task has ended, for whatever reason.
    ended: AtomicBool,
    teller: Teller,
}

struct Ended {
    component: usize,
    act: u64,
    at: Instant,
    outcome: HealingOutcome,
}

impl Shared {
    pub(super) fn new(machine: Machine, teller: Teller) -> Self {
        Self {
            machine: Mutex::new(machine),
            inbox: Mutex::default(),
            left: Mutex::default(),
            kick: Notify::new(),
            stepped: Notify::new(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            teller,
        }
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        lock(&self.machine)
    }

    /// Asks for a look; answers its number.
    pub(super) fn ask_look(&self) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.machine().look_soon();
        self.kick.notify_one();
        number
    }

    pub(super) fn reconfigure(&self, rules: Vec<Rules>, config: &HealingConfig, now: Instant) {
        self.machine().reconfigure(rules, config, now);
        self.kick.notify_one();
    }

    pub(super) fn has_looked(&self, number: u64) -> bool {
        self.answered.load(Ordering::Acquire) >= number
    }

    /// Is ready after the next step.
    pub(super) fn stepped(&self) -> Notified<'_> {
        self.stepped.notified()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Leaves effects to the healing task.
    pub(super) fn leave(&self, effects: Vec<Effect>) {
        lock(&self.left).extend(effects);
        self.kick.notify_one();
    }

    fn put(&self, ended: Ended) {
        lock(&self.inbox).push(ended);
        self.kick.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The task that steps the machine, and the only one that performs its effects.
pub(super) struct Healer {
    shared: Arc<Shared>,
    places: Vec<Place>,
    crew: Crew,
}

struct Place {
    rule: HealingRule,
    /// Taken while its condition is asked.
    look: Seat,
    /// Taken while it is acted on.
    act: Seat,
    task: Option<AbortHandle>,
}

impl Healer {
    pub(super) fn new(shared: &Arc<Shared>, rules: Vec<HealingRule>, crew: &Crew) -> Self {
        let place = |rule| Place { rule, look: Seat::default(), act: Seat::default(), task: None };
        Self {
            shared: Arc::clone(shared),
            places: rules.into_iter().map(place).collect(),
            crew: crew.clone(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let asked = self.shared.asked.load(Ordering::Acquire);
            let (look, next) = self.step();
            if let Some(places) = look {
                self.look(places).await;
                self.shared.answered.store(asked, Ordering::Release);
            }
            self.shared.stepped.notify_waiters();
            wait(self.crew.time(), Some(next), &self.shared.kick).await;
        }
    }

    /// Takes in what has come; answers what to look at, and when to step again.
    fn step(&mut self) -> (Option<Vec<usize>>, Instant) {
        let now = self.crew.time().now();
        let mut effects = std::mem::take(&mut *lock(&self.shared.left));
        let (look, next) = {
            let results = std::mem::take(&mut *lock(&self.shared.inbox));
            let mut machine = self.shared.machine();
            for Ended { component, act, at, outcome } in results {
                machine.ended(component, act, at, outcome, &mut effects);
            }
            machine.tick(now, &mut effects);
            (machine.begin_look(now), machine.next_wake())
        };
        self.perform(effects);
        (look, next)
    }

    /// Asks the conditions and decides.
    async fn look(&mut self, places: Vec<usize>) {
        let seen: BTreeSet<usize> = places.into_iter().collect();
        let looked_at = self.places.iter().enumerate().filter(|(at, _)| seen.contains(at));
        let work = looked_at.map(|(_, place)| {
            let condition = Arc::clone(&place.rule.condition);
            (place.look.clone(), async move { condition.unwell().await })
        });
        let limit = self.shared.machine().condition_timeout();
        let answers = self.crew.gather(limit, work.collect()).await;
        let findings = seen.into_iter().zip(answers.into_iter().map(finding)).collect();
        let (now, at) = (self.crew.time().now(), self.crew.time().timestamp());
        let mut effects = Vec::new();
        self.shared.machine().decide(now, at, findings, &mut effects);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.shared.teller.tell(&effect);
            match effect {
                Effect::Act { component, act, .. } => self.act(component, act),
                Effect::Abandon { component } => {
                    let task = self.places.get_mut(component).and_then(|place| place.task.take());
                    if let Some(task) = task {
                        task.abort();
                    }
                }
                _ => {}
            }
        }
    }

    fn act(&mut self, component: usize, act: u64) {
        let Some(place) = self.places.get_mut(component) else { return };
        let (shared, time) = (Arc::clone(&self.shared), self.crew.time().clone());
        let Some(taken) = place.act.take() else {
            let reason = "has not returned from an earlier act; it blocks its thread".to_owned();
            let outcome = HealingOutcome::Failed(reason);
            shared.put(Ended { component, act, at: time.now(), outcome });
            return;
        };
        let action = Arc::clone(&place.rule.action);
        place.task = self.crew.spawn(async move {
            let outcome = match caught(action.heal()).await {
                Answer::Given(Ok(())) => HealingOutcome::Succeeded,
                Answer::Given(Err(error)) => HealingOutcome::Failed(shortened(&error.to_string())),
                Answer::Panicked(text) => HealingOutcome::Panicked(text),
                Answer::Late => HealingOutcome::TimedOut,
            };
            // The seat is free before the result can lead to the next act.
            drop(taken);
            shared.put(Ended { component, act, at: time.now(), outcome });
        });
    }
}

impl Drop for Healer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.stepped.notify_waiters();
    }
}

fn finding(answer: Answer<Option<String>>) -> Finding {
    match answer {
        Answer::Given(None) => Finding::Well,
        Answer::Given(Some(reason)) => Finding::Unwell(shortened(&reason)),
        Answer::Panicked(text) => Finding::Unknown(text),
        Answer::Late => Finding::Unknown("did not answer in time".to_owned()),
    }
}
