//! Coordinated shutdown: phases in order, tasks of a phase in parallel, each phase within its time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::AbortHandle;

use steadfast_base::Instant;

use super::{System, SystemInner};
use crate::{ExitReason, cell::Flags};

/// How long a phase may take unless it says otherwise.
pub const PHASE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How long killed actors get to end before they are given up as stuck.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// The same for all of an emergency stop, so that it is over within the second that it promises. More
/// than supervisors wait for what they leave behind ([`WARDS_WAIT`](crate::WARDS_WAIT)).
const EMERGENCY_WAIT: Duration = Duration::from_millis(950);

/// The phase in which the system stops its actors.
const STOP_ACTORS: &str = "stop-actors";

type Task = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A phase of the shutdown.
///
/// | phase | comes after | what happens in it |
/// |---|---|---|
/// | `before-stop` | | your tasks, actors still run: stop taking work, drain |
/// | `stop-actors` | `before-stop` | all actors stop, in order within each tree; late ones are killed |
/// | `after-stop` | `stop-actors` | your tasks, no actor runs: flush, close |
///
/// Add your own with [`System::add_phase`]. Tasks of a phase run in parallel. A phase that is not
/// done within its time-out is passed over and reported.
#[derive(Clone, Debug)]
pub struct Phase {
    name: String,
    after: Vec<String>,
    timeout: Duration,
    abort_on_timeout: bool,
}

impl Phase {
    /// A phase with the default time-out of 5 s that depends on no other.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            after: Vec::new(),
            timeout: PHASE_TIMEOUT_DEFAULT,
            abort_on_timeout: false,
        }
    }

    /// Runs the phase after another one.
    #[must_use]
    pub fn after(mut self, phase: impl Into<String>) -> Self {
        self.after.push(phase.into());
        self
    }

    /// Sets how long it may take.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Lets the shutdown skip the other phases of the user when this one runs late; actors are
    /// stopped all the same (Pekko's `recover = off`).
    #[must_use]
    pub fn abort_on_timeout(mut self) -> Self {
        self.abort_on_timeout = true;
        self
    }
}

/// Why a phase or a task was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhaseError {
    /// There is no phase of that name.
    Unknown(String),
    /// There is a phase of that name already.
    Exists(String),
    /// The phase would come after itself.
    Cycle(String),
    /// The shutdown has begun.
    Begun,
}

impl fmt::Display for PhaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no shutdown phase {name:?}"),
            Self::Exists(name) => write!(f, "there is a shutdown phase {name:?} already"),
            Self::Cycle(name) => write!(f, "the shutdown phase {name:?} would come after itself"),
            Self::Begun => f.write_str("the shutdown has begun"),
        }
    }
}

impl std::error::Error for PhaseError {}

/// How one phase went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseOutcome {
    /// The phase.
    pub phase: String,
    /// The tasks that were not done in time, by name.
    pub late: Vec<String>,
    /// True if it was skipped because an earlier phase ran late.
    pub skipped: bool,
}

/// How the shutdown went.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Why the system ended.
    pub reason: ExitReason,
    /// The phases, in the order in which they ran.
    pub phases: Vec<PhaseOutcome>,
    /// Actors that had to be killed.
    pub killed: usize,
    /// Actors that did not even end when killed: their handlers compute without awaiting.
    pub stuck: usize,
}

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

/// The phases in an order in which each comes after those it names; equal ones as they were added.
fn in_order(phases: &[Phase]) -> Result<Vec<Phase>, PhaseError> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut ordered = Vec::new();
    while ordered.len() < phases.len() {
        let ready = |phase: &&Phase| {
            !done.contains(phase.name.as_str())
                && phase.after.iter().all(|before| done.contains(before.as_str()))
        };
        let Some(next) = phases.iter().find(ready) else {
            let stuck = phases.iter().find(|phase| !done.contains(phase.name.as_str()));
            return Err(PhaseError::Cycle(stuck.map_or_else(String::new, |p| p.name.clone())));
        };
        done.insert(&next.name);
        ordered.push(next.clone());
    }
    Ok(ordered)
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

/// The end of a system in progress. If its runtime goes away under it, that is the end.
struct Ending(Arc<SystemInner>);

impl Drop for Ending {
    fn drop(&mut self) {
        let stuck = self.0.live.len();
        let torn =
            ShutdownReport { reason: ExitReason::Killed, phases: Vec::new(), killed: 0, stuck };
        let unread = {
            let mut plan = self.0.shutdown.plan();
            if plan.report.is_none() { plan.report.replace(torn) } else { Some(torn) }
        };
        drop(unread);
        self.0.tasks.notify();
    }
}

impl SystemInner {
    async fn run_phases(
        &self,
        reason: ExitReason,
        phases: Vec<Phase>,
        mut tasks: BTreeMap<String, Vec<(String, Task)>>,
    ) -> ShutdownReport {
        let mut report = ShutdownReport { reason, phases: Vec::new(), killed: 0, stuck: 0 };
        let mut skipping = false;
        for phase in phases {
            let stops = phase.name == STOP_ACTORS;
            let tasks = tasks.remove(&phase.name).unwrap_or_default();
            let skipped = (skipping || self.shutdown.kills()) && !stops;
            let mut late =
                if skipped { Vec::new() } else { self.run_tasks(tasks, phase.timeout).await };
            if stops {
                (report.killed, report.stuck) = self.stop_actors(phase.timeout).await;
                if report.killed > 0 {
                    late.push(format!("{} actors were killed", report.killed));
                }
            }
            skipping |= phase.abort_on_timeout && !late.is_empty();
            report.phases.push(PhaseOutcome { phase: phase.name, late, skipped });
        }
        report
    }

    /// Runs the tasks of one phase in parallel; the names of those that were late.
    async fn run_tasks(&self, tasks: Vec<(String, Task)>, limit: Duration) -> Vec<String> {
        let done: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
        let mut running = Vec::new();
        let names: Vec<String> = tasks.iter().map(|(name, _)| name.clone()).collect();
        for (number, (_, task)) in tasks.into_iter().enumerate() {
            let done = Arc::clone(&done);
            running.push(self.spawn_task(async move {
                // A task that panics counts as late: it did not do what it was to do.
                task().await;
                done.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            }));
        }
        let ended = || running.iter().all(AbortHandle::is_finished) || self.shutdown.kills();
        let _late = self.time.timeout(limit, self.tasks.wait_until(ended)).await;
        for task in &running {
            task.abort();
        }
        let done = done.lock().unwrap_or_else(PoisonError::into_inner);
        let late = names.into_iter().enumerate().filter(|(number, _)| !done.contains(number));
        late.map(|(_, name)| name).collect()
    }

    /// Stops all actors in order; kills those that are late. How many were killed, and are stuck.
    async fn stop_actors(&self, limit: Duration) -> (usize, usize) {
        let stage = &self.shutdown.stage;
        let begun = stage.compare_exchange(OPEN, STOPPING, Ordering::SeqCst, Ordering::SeqCst);
        if begun.is_err() {
            // An emergency stop has killed them already.
            let killed = self.live.len();
            self.finish_killing().await;
            return (killed, self.live.len());
        }
        for cell in self.live.all().iter().rev().filter(|cell| !cell.has_parent()) {
            cell.raise(Flags::STOP | Flags::FINAL);
        }
        let gone = self.tasks.wait_until(|| self.live.len() == 0);
        if self.time.timeout(limit, gone).await.is_ok() {
            return (0, 0);
        }
        let killed = self.live.len();
        self.shutdown.stage.store(KILLING, Ordering::SeqCst);
        self.kill_all();
        self.finish_killing().await;
        (killed, self.live.len())
    }

    fn kill_all(&self) {
        for cell in self.live.all() {
            cell.raise(Flags::KILL | Flags::FINAL);
        }
    }

    async fn finish_killing(&self) {
        let gone = self.tasks.wait_until(|| self.live.len() == 0);
        // Those left are counted as stuck.
        let _late = self.time.timeout(self.kill_wait(), gone).await;
    }

    /// How long to wait for what was killed or aborted.
    fn kill_wait(&self) -> Duration {
        match self.shutdown.over_by.load(Ordering::SeqCst) {
            0 => KILL_WAIT,
            nanos => Instant::from_nanos(nanos).saturating_duration_since(self.time.now()),
        }
    }

    /// Ends what is not an actor, and tells those who wait.
    async fn end(&self, report: ShutdownReport) {
        self.tasks.abort_all();
        let gone = self.tasks.wait_until(|| self.tasks.count() == 0);
        // One that computes without awaiting cannot be aborted; the end does not wait for it.
        let _late = self.time.timeout(self.kill_wait(), gone).await;
        self.dead_letters.close();
        self.shutdown.plan().report = Some(report);
        self.tasks.notify();
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = owned {
            runtime.shutdown_background();
        }
    }
}
