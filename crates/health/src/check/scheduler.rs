//! The scheduling task: steps the machine, runs the checks, tells what changed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::AbortHandle;

use steadfast_base::{Health, HealthCheck, Instant, Value};

use crate::names;
use crate::shell::{Answer, Crew, Reporter, Seat, caught, shortened, wait};

use super::graph::Graph;
use super::judge::Finding;
use super::machine::{Effect, Machine, Rules};

/// What the handles and the tasks share.
pub(super) struct Shared {
    machine: Mutex<Machine>,
    /// Results of runs that the scheduling task has not taken in; at most one for each check.
    inbox: Mutex<Vec<Ended>>,
    /// Wakes the scheduling task.
    kick: Notify,
    /// Notified after every step.
    stepped: Notify,
    /// Whether the scheduling task has ended, for whatever reason.
    ended: AtomicBool,
}

struct Ended {
    check: usize,
    run: u64,
    at: Instant,
    finding: Finding,
}

impl Shared {
    pub(super) fn new(machine: Machine) -> Self {
        Self {
            machine: Mutex::new(machine),
            inbox: Mutex::default(),
            kick: Notify::new(),
            stepped: Notify::new(),
            ended: AtomicBool::new(false),
        }
    }

    /// Wants a run of every check now.
    pub(super) fn want_all(&self) {
        self.machine().want_all();
        self.kick.notify_one();
    }

    pub(super) fn reconfigure(&self, rules: Vec<Rules>, graph: Graph, now: Instant) {
        self.machine().reconfigure(rules, graph, now);
        self.kick.notify_one();
    }

    /// Is ready after the next step.
    pub(super) fn stepped(&self) -> Notified<'_> {
        self.stepped.notified()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, ended: Ended) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        self.kick.notify_one();
    }

    fn take_inbox(&self) -> Vec<Ended> {
        std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The task that steps the machine; the only one that does.
pub(super) struct Scheduler {
    shared: Arc<Shared>,
    places: Vec<Place>,
    crew: Crew,
    reporter: Reporter,
}

struct Place {
    check: Arc<dyn HealthCheck>,
    seat: Seat,
    task: Option<AbortHandle>,
}

impl Scheduler {
    pub(super) fn new(
        shared: &Arc<Shared>,
        checks: Vec<Arc<dyn HealthCheck>>,
        crew: &Crew,
        reporter: Reporter,
    ) -> Self {
        let place = |check| Place { check, seat: Seat::default(), task: None };
        Self {
            shared: Arc::clone(shared),
            places: checks.into_iter().map(place).collect(),
            crew: crew.clone(),
            reporter,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            let next = self.step();
            self.shared.stepped.notify_waiters();
            wait(self.crew.time(), next, &self.shared.kick).await;
        }
    }

    fn step(&mut self) -> Option<Instant> {
        let mut effects = Vec::new();
        let next = {
            let results = self.shared.take_inbox();
            let mut machine = self.shared.machine();
            for Ended { check, run, at, finding } in results {
                machine.finished(check, run, at, finding);
            }
            machine.advance(self.crew.time().now(), &mut effects);
            machine.next_wake()
        };
        for effect in effects {
            match effect {
                Effect::Run { check, run } => self.start_run(check, run),
                Effect::Abandon { check } => self.abandon(check),
                Effect::Changed { check, from, to } => {
                    self.tell_changed(check, from.as_str(), to.as_str());
                }
                Effect::Overall { from, to } => self.tell_overall(from, to),
            }
        }
        next
    }

    fn start_run(&mut self, check: usize, run: u64) {
        let Some(place) = self.places.get_mut(check) else { return };
        let (shared, time) = (Arc::clone(&self.shared), self.crew.time().clone());
        let Some(taken) = place.seat.take() else {
            let finding = failure("has not returned from an earlier run; it blocks its thread");
            shared.put(Ended { check, run, at: time.now(), finding });
            return;
        };
        let health_check = Arc::clone(&place.check);
        place.task = self.crew.spawn(async move {
            let finding = match caught(health_check.check()).await {
                Answer::Given(report) => Finding {
                    health: report.health,
                    reason: report.reason.map(|reason| shortened(&reason)),
                },
                Answer::Panicked(text) => failure(&text),
                Answer::Late => failure("did not answer"),
            };
            // The seat is free before the result can lead to the next run.
            drop(taken);
            shared.put(Ended { check, run, at: time.now(), finding });
        });
    }

    fn abandon(&mut self, check: usize) {
        let task = self.places.get_mut(check).and_then(|place| place.task.take());
        if let Some(task) = task {
            task.abort();
        }
    }

    fn tell_changed(&self, check: usize, from: &str, to: &str) {
        let Some(status) = self.shared.machine().status(check, self.crew.time().now()) else {
            return;
        };
        self.reporter.emit(
            names::CHECK_CHANGED,
            &[
                (names::CHECK, Value::Str(&status.name)),
                (names::FROM, Value::Str(from)),
                (names::TO, Value::Str(to)),
                (names::REASON, Value::Str(status.reason.as_deref().unwrap_or_default())),
            ],
        );
    }

    fn tell_overall(&self, from: Health, to: Health) {
        let summary = self.shared.machine().summary(self.crew.time().now());
        self.reporter.emit(
            names::OVERALL_CHANGED,
            &[
                (names::FROM, Value::Str(from.as_str())),
                (names::TO, Value::Str(to.as_str())),
                (names::REASON, Value::Str(summary.reason.as_deref().unwrap_or_default())),
            ],
        );
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.shared.stepped.notify_waiters();
    }
}

fn failure(reason: &str) -> Finding {
    Finding { health: Health::Unknown, reason: Some(reason.to_owned()) }
}
