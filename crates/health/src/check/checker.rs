//! The checker: a scheduling task, a task for each run, and the handle that is asked.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{Health, HealthCheck, Instant, Value};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::names;
use crate::shell::{Answer, Crew, Owner, Reporter, Seat, caught, shortened, wait};

use super::answer::HttpAnswer;
use super::judge::Finding;
use super::machine::{Effect, Machine};
use super::start::HealthCheckerBuilder;
use super::status::{ChecksFailed, HealthSummary};

/// How long the schedule may be behind before the process counts as not alive.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Runs health checks on a schedule and answers how the whole is doing; clones are the same checker.
///
/// Every check runs in a task of its own. One that hangs is dropped at its time-out, one that panics has
/// failed; neither delays another check. A check that blocks its thread cannot be ended: its further
/// runs fail until it returns. At most one run of a check is under way at a time, so there are never
/// more tasks than checks, plus one.
///
/// The checks run until [`stop`](Self::stop), the end of the system, or until the last handle is dropped.
///
/// # Verdicts
///
/// A run passes if it reports `Healthy` or `Degraded`, and fails if it reports `Critical` or `Unknown`,
/// panics, or takes too long. [`CheckState`](crate::CheckState) shows how verdicts change.
///
/// # Dependencies
///
/// [`needs`](crate::CheckSettings::needs) names checks without which another cannot pass. They are
/// looked at first. While one of them is down, those that need it are not run and show
/// [`Blocked`](crate::CheckState::Blocked): they are not blamed. A failure is counted only after
/// everything needed has been looked at again; otherwise the faster check would take the blame of the
/// slower one. What a critical check needs is critical too.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use steadfast_actor_core::System;
/// use steadfast_base::{Health, HealthCheck, HealthReport};
/// use steadfast_health::HealthChecker;
///
/// struct Database;
///
/// #[async_trait]
/// impl HealthCheck for Database {
///     fn name(&self) -> &str {
///         "database"
///     }
///
///     async fn check(&self) -> HealthReport {
///         HealthReport::new(Health::Critical).because("connection refused")
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let checker = HealthChecker::builder().check(Arc::new(Database)).start(&system)?;
/// for _ in 0..3 {
///     checker.check_now().await;
/// }
/// let error = checker.verify().unwrap_err();
/// assert_eq!(error.failed_checks[0].name, "database");
/// assert_eq!(checker.readiness().status, 503);
/// assert_eq!(checker.stop().await, 0);
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct HealthChecker {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

/// What the handles and the tasks share.
pub(super) struct Shared {
    machine: Mutex<Machine>,
    /// Results of runs that the scheduling task has not taken in; at most one for each check.
    inbox: Mutex<Vec<Result>>,
    /// Wakes the scheduling task.
    kick: Notify,
    /// Notified after every step.
    stepped: Notify,
    /// Whether the scheduling task has ended, for whatever reason.
    ended: AtomicBool,
}

struct Result {
    check: usize,
    run: u64,
    ended: Instant,
    finding: Finding,
}

impl HealthChecker {
    /// A checker without checks.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn builder() -> HealthCheckerBuilder {
        HealthCheckerBuilder::default()
    }

    pub(super) fn start(
        machine: Machine,
        checks: Vec<Arc<dyn HealthCheck>>,
        crew: Crew,
        reporter: Reporter,
    ) -> Self {
        let shared = Arc::new(Shared {
            machine: Mutex::new(machine),
            inbox: Mutex::default(),
            kick: Notify::new(),
            stepped: Notify::new(),
            ended: AtomicBool::new(false),
        });
        let places =
            checks.into_iter().map(|check| Place { check, seat: Seat::default(), task: None });
        let scheduler = Scheduler {
            shared: Arc::clone(&shared),
            places: places.collect(),
            crew: crew.clone(),
            reporter,
        };
        // A system that has ended drops it, and the checker reads as stopped.
        drop(crew.spawn(scheduler.run()));
        Self { shared, owner: Arc::new(Owner(crew)) }
    }

    /// What is known of every check, and of the whole, now.
    ///
    /// It looks at results that are there and runs nothing.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn overall(&self) -> HealthSummary {
        self.shared.machine().summary(self.now())
    }

    /// The health of the whole, now.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn health(&self) -> Health {
        self.overall().health
    }

    /// The summary, unless the whole is critical.
    ///
    /// # Errors
    ///
    /// Fails with `failed_checks` if the whole is critical.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn verify(&self) -> std::result::Result<HealthSummary, ChecksFailed> {
        self.overall().into_result()
    }

    /// Runs every check now, beside the schedule, and waits for the results.
    ///
    /// The results count like any other. Checks whose needs are down are not run. After
    /// [`stop`](Self::stop) it answers at once with what was known.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses the wait only; the runs go on and count.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub async fn check_now(&self) -> HealthSummary {
        let asked = self.now();
        self.shared.machine().want_all();
        self.shared.kick.notify_one();
        loop {
            let mut stepped = pin!(self.shared.stepped.notified());
            stepped.as_mut().enable();
            if self.is_stopped() || self.shared.machine().looked_at_since(asked) {
                return self.overall();
            }
            stepped.await;
        }
    }

    /// Whether the process is alive, as an answer to `GET /livez`.
    ///
    /// 503 only if a check that liveness depends on is unhealthy, or if the schedule is more than 30 s
    /// behind, so that a restart is what helps. A dependency that is down is no reason: restarting
    /// this process would not bring it back.
    ///
    /// # Example
    ///
    /// See [`HttpAnswer`].
    pub fn liveness(&self) -> HttpAnswer {
        let behind = self.behind().map(|behind| format!("no check ran for {behind:?} though due"));
        HttpAnswer::liveness(&self.overall(), behind)
    }

    /// Whether work may be sent here, as an answer to `GET /readyz`.
    ///
    /// 200 if every critical check is up; 503 otherwise, also before their first results, and after
    /// [`stop`](Self::stop).
    ///
    /// # Example
    ///
    /// See [`HttpAnswer`].
    pub fn readiness(&self) -> HttpAnswer {
        let stopped = self.is_stopped().then(|| "the checks were stopped".to_owned());
        let behind = || Some(format!("no check ran for {:?} though due", self.behind()?));
        HttpAnswer::readiness(&self.overall(), stopped.or_else(behind))
    }

    /// Whether the start is over, as an answer to `GET /startupz`.
    ///
    /// 200 once every critical check has passed, and from then on.
    ///
    /// # Example
    ///
    /// See [`HttpAnswer`].
    pub fn startup(&self) -> HttpAnswer {
        HttpAnswer::startup(&self.overall())
    }

    /// Stops all checks and waits, at most 5 s, until their tasks have ended.
    ///
    /// Answers how many have not: those block their thread. What was known stays readable.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the checks stop; dropping it loses the wait only.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub async fn stop(&self) -> usize {
        self.owner.0.stop().await
    }

    /// Whether the checks were stopped, or their system has ended.
    ///
    /// # Example
    ///
    /// See [`HealthChecker`].
    pub fn is_stopped(&self) -> bool {
        self.owner.0.is_closed() || self.shared.ended.load(Ordering::Acquire)
    }

    fn now(&self) -> Instant {
        self.owner.0.time().now()
    }

    /// How far the schedule is behind, if that is too far.
    fn behind(&self) -> Option<Duration> {
        let due = self.shared.machine().next_wake()?;
        let behind = self.now() - due;
        (!self.is_stopped() && behind > STALLED_AFTER).then_some(behind)
    }
}

impl fmt::Debug for HealthChecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.overall();
        f.debug_struct("HealthChecker")
            .field("health", &summary.health)
            .field("checks", &summary.checks.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, result: Result) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        self.kick.notify_one();
    }

    fn take_inbox(&self) -> Vec<Result> {
        std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The task that steps the machine; the only one that does.
struct Scheduler {
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
    async fn run(mut self) {
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
            for Result { check, run, ended, finding } in results {
                machine.finished(check, run, ended, finding);
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
            shared.put(Result { check, run, ended: time.now(), finding });
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
            shared.put(Result { check, run, ended: time.now(), finding });
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
