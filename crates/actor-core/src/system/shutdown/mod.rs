//! Coordinated shutdown: phases in order, tasks of a phase in parallel, each phase within its time.

mod course;
mod phase;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

pub use self::phase::{PHASE_TIMEOUT_DEFAULT, Phase, PhaseError, PhaseOutcome, ShutdownReport};
use self::{
    course::Ending,
    phase::{STOP_ACTORS, in_order},
};
use super::System;
use crate::ExitReason;

/// How long all of an emergency stop may wait for what ends, so that it is over within the second that
/// it promises. More than supervisors wait for what they leave behind
/// ([`WARDS_WAIT`](crate::WARDS_WAIT)).
const EMERGENCY_WAIT: Duration = Duration::from_millis(950);

type Task = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

const OPEN: u8 = 0;
const STOPPING: u8 = 1;
const KILLING: u8 = 2;

struct Plan {
    phases: Vec<Phase>,
    tasks: BTreeMap<String, Vec<(String, Task)>>,
    begun: bool,
    report: Option<ShutdownReport>,
}

pub(super) struct Shutdown {
    stage: AtomicU8,
    /// When an emergency stop is to be over, in nanoseconds of the clock; 0 without one.
    over_by: AtomicU64,
    plan: Mutex<Plan>,
}

impl Default for Shutdown {
    fn default() -> Self {
        let phases = vec![
            Phase::new("before-stop"),
            Phase::new(STOP_ACTORS).after("before-stop"),
            Phase::new("after-stop").after(STOP_ACTORS),
        ];
        let plan = Plan { phases, tasks: BTreeMap::new(), begun: false, report: None };
        Self { stage: AtomicU8::new(OPEN), over_by: AtomicU64::new(0), plan: Mutex::new(plan) }
    }
}

impl Shutdown {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refuses_actors(&self) -> bool {
        self.stage.load(Ordering::SeqCst) != OPEN
    }

    pub(super) fn kills(&self) -> bool {
        self.stage.load(Ordering::SeqCst) == KILLING
    }
}

impl System {
    /// Adds a phase to the shutdown. `before` names phases that shall come after it.
    ///
    /// # Errors
    ///
    /// [`PhaseError`]: the name exists, a phase named is unknown, there would be a cycle, or the
    /// shutdown has begun.
    pub fn add_phase(&self, phase: Phase, before: &[&str]) -> Result<(), PhaseError> {
        let mut plan = self.inner.shutdown.plan();
        if plan.begun {
            return Err(PhaseError::Begun);
        }
        let known = |name: &str| plan.phases.iter().any(|known| known.name == name);
        if known(&phase.name) {
            return Err(PhaseError::Exists(phase.name));
        }
        let named = phase.after.iter().map(String::as_str).chain(before.iter().copied());
        if let Some(unknown) = named.into_iter().find(|name| !known(name)) {
            return Err(PhaseError::Unknown(unknown.to_owned()));
        }
        let mut phases = plan.phases.clone();
        for later in phases.iter_mut().filter(|later| before.contains(&later.name.as_str())) {
            later.after.push(phase.name.clone());
        }
        phases.push(phase);
        in_order(&phases)?;
        plan.phases = phases;
        Ok(())
    }

    /// Adds a task to a phase of the shutdown.
    ///
    /// # Errors
    ///
    /// [`PhaseError`]: there is no such phase, or the shutdown has begun.
    pub fn on_shutdown<F, R>(&self, phase: &str, name: &str, task: F) -> Result<(), PhaseError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let mut plan = self.inner.shutdown.plan();
        if plan.begun {
            return Err(PhaseError::Begun);
        }
        if !plan.phases.iter().any(|known| known.name == phase) {
            return Err(PhaseError::Unknown(phase.to_owned()));
        }
        let task: Task = Box::new(move || Box::pin(task()));
        plan.tasks.entry(phase.to_owned()).or_default().push((name.to_owned(), task));
        Ok(())
    }

    /// Shuts the system down in order and waits until nothing of it runs any more.
    ///
    /// Runs once: later calls wait for the same end and get the same report.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn shutdown(&self) -> ShutdownReport {
        self.shutdown_with(ExitReason::Shutdown).await
    }

    /// As [`shutdown`](Self::shutdown), with the reason that [`run`](Self::run) is to return.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn shutdown_with(&self, reason: ExitReason) -> ShutdownReport {
        self.begin_shutdown(reason);
        self.ended().await
    }

    /// Begins the shutdown without waiting for its end.
    #[expect(clippy::disallowed_methods, reason = "the shutdown outlives all other tasks")]
    pub fn begin_shutdown(&self, reason: ExitReason) {
        let (phases, tasks) = {
            let mut plan = self.inner.shutdown.plan();
            if std::mem::replace(&mut plan.begun, true) {
                return;
            }
            // Checked when each was added.
            let phases = in_order(&plan.phases).unwrap_or_default();
            (phases, std::mem::take(&mut plan.tasks))
        };
        let ending = Ending(Arc::clone(&self.inner));
        drop(self.inner.runtime.spawn(async move {
            let report = ending.0.run_phases(reason, phases, tasks).await;
            ending.0.end(report).await;
        }));
    }

    /// Kills all actors at once, without hooks, and waits until nothing runs any more: at most
    /// 1 s, and a handler that computes without awaiting is left behind and counted as stuck.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on if the future is dropped.
    #[expect(clippy::disallowed_methods, reason = "the stop outlives all other tasks")]
    pub async fn emergency_stop(&self) -> ShutdownReport {
        let killed = self.actor_count();
        let over_by = (self.inner.time.now() + EMERGENCY_WAIT).as_nanos();
        let set = &self.inner.shutdown.over_by;
        // The first call counts.
        let _earlier = set.compare_exchange(0, over_by, Ordering::SeqCst, Ordering::SeqCst);
        self.inner.shutdown.stage.store(KILLING, Ordering::SeqCst);
        self.inner.kill_all();
        // An ordered shutdown that goes on passes over the rest of its phases.
        self.inner.tasks.notify();
        let begun = std::mem::replace(&mut self.inner.shutdown.plan().begun, true);
        if !begun {
            let ending = Ending(Arc::clone(&self.inner));
            drop(self.inner.runtime.spawn(async move {
                let inner = &ending.0;
                inner.finish_killing().await;
                let (reason, stuck) = (ExitReason::Killed, inner.live.len());
                inner.end(ShutdownReport { reason, phases: Vec::new(), killed, stuck }).await;
            }));
        }
        self.ended().await
    }

    /// Waits until the system has ended, by [`shutdown`](Self::shutdown), SIGTERM or a meltdown at
    /// the root, and says why.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn run(&self) -> ExitReason {
        self.ended().await.reason
    }

    async fn ended(&self) -> ShutdownReport {
        let inner = &self.inner;
        inner.tasks.wait_until(|| inner.shutdown.plan().report.is_some()).await;
        let report = inner.shutdown.plan().report.clone();
        report.expect("the wait ended because it is there")
    }
}
