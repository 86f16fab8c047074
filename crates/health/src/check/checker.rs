//! The checker: the handle that is asked.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{ConfigError, Health, HealthCheck, Instant};

use crate::shell::{Crew, Owner, Reporter};

use super::answer::HttpAnswer;
use super::machine::Machine;
use super::plan::Plan;
use super::scheduler::{Scheduler, Shared};
use super::settings::ChecksConfig;
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
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    owner: Arc<Owner>,
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
        plan: Plan,
        machine: Machine,
        checks: Vec<Arc<dyn HealthCheck>>,
        crew: Crew,
        reporter: Reporter,
    ) -> Self {
        let shared = Arc::new(Shared::new(machine));
        let scheduler = Scheduler::new(&shared, checks, &crew, reporter);
        // A system that has ended drops it, and the checker reads as stopped.
        drop(crew.spawn(scheduler.run()));
        Self { plan: Arc::new(plan), shared, owner: Arc::new(Owner(crew)) }
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
    pub fn verify(&self) -> Result<HealthSummary, ChecksFailed> {
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
        self.shared.want_all();
        loop {
            let mut stepped = pin!(self.shared.stepped());
            stepped.as_mut().enable();
            if self.is_stopped() || self.shared.machine().looked_at_since(asked) {
                return self.overall();
            }
            stepped.await;
        }
    }

    /// Takes new settings for the same checks; results and verdicts stay.
    ///
    /// A check whose interval became shorter is due that much earlier.
    ///
    /// # Errors
    ///
    /// Fails with every fault, as the start does, and keeps the old settings.
    ///
    /// # Example
    ///
    /// ```
    /// # use steadfast_health::{ChecksConfig, ConfigError, HealthChecker};
    /// # fn example(checker: &HealthChecker, file: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let config: ChecksConfig = serde_json::from_str(file)?;
    /// checker.reconfigure(&config)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconfigure(&self, config: &ChecksConfig) -> Result<(), ConfigError> {
        let (rules, graph) = self.plan.resolve(config)?;
        self.shared.reconfigure(rules, graph, self.now());
        Ok(())
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
        HttpAnswer::liveness(&self.overall(), self.behind().as_deref())
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
        let behind = self.behind();
        let obstacle = match &behind {
            _ if self.is_stopped() => Some("the checks were stopped"),
            behind => behind.as_deref(),
        };
        HttpAnswer::readiness(&self.overall(), obstacle)
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
        self.owner.0.is_closed() || self.shared.has_ended()
    }

    fn now(&self) -> Instant {
        self.owner.0.time().now()
    }

    /// How far the schedule is behind, if that is too far.
    fn behind(&self) -> Option<String> {
        let due = self.shared.machine().next_wake()?;
        let behind = self.now() - due;
        let stalled = !self.is_stopped() && behind > STALLED_AFTER;
        stalled.then(|| format!("no check ran for {behind:?} though due"))
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
