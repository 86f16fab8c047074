//! Health checks that let an open breaker probe early.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use steadfast_base::{Health, HealthCheck, HealthReport, Limit, LimitExceeded};

use crate::defaults;
use crate::event::Cause;
use crate::limits;
use crate::state::State;

use super::CircuitBreaker;

#[derive(Default)]
pub(super) struct Checks(Mutex<Vec<Arc<dyn HealthCheck>>>);

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checks").field(&self.all().len()).finish()
    }
}

impl Checks {
    fn all(&self) -> Vec<Arc<dyn HealthCheck>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What one run of the health checks found.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheckRun {
    /// The whole: the worst critical check; checks that are not critical make it degraded at most.
    pub health: Health,
    /// Each check's name and report, in the order in which they were added.
    pub reports: Vec<(String, HealthReport)>,
}

impl CircuitBreaker {
    /// Adds a check to those that [`run_health_checks`](Self::run_health_checks) runs.
    ///
    /// # Errors
    ///
    /// Fails at [`limits::HEALTH_CHECKS_MAX`] checks.
    pub fn add_health_check(&self, check: Arc<dyn HealthCheck>) -> Result<(), LimitExceeded> {
        let mut checks = self.inner.checks.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = checks.len() as u64 + 1;
        Limit::new("breaker.health_checks", limits::HEALTH_CHECKS_MAX as u64).check(asked)?;
        checks.push(check);
        Ok(())
    }

    /// Runs all checks, one after the other; if all are healthy an open breaker starts probing at once.
    ///
    /// The checks only shorten the open wait: real calls still have to pass as probes before the
    /// breaker closes. A check that takes longer than [`defaults::HEALTH_CHECK_TIMEOUT`] is dropped
    /// and counts as unknown. Without checks nothing changes.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the check that is running; the breaker does not change.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use async_trait::async_trait;
    /// use steadfast_base::{Health, HealthCheck, HealthReport, Time};
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// struct Ping;
    ///
    /// #[async_trait]
    /// impl HealthCheck for Ping {
    ///     fn name(&self) -> &str {
    ///         "ping"
    ///     }
    ///
    ///     async fn check(&self) -> HealthReport {
    ///         Health::Healthy.into()
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// breaker.add_health_check(Arc::new(Ping))?;
    /// breaker.set_state(State::Open)?;
    /// assert_eq!(breaker.run_health_checks().await.health, Health::Healthy);
    /// assert_eq!(breaker.state(), State::HalfOpen);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn run_health_checks(&self) -> HealthCheckRun {
        let time = &self.inner.family.time;
        let mut run = HealthCheckRun { health: Health::Healthy, reports: Vec::new() };
        for check in self.inner.checks.all() {
            let report = time.timeout(defaults::HEALTH_CHECK_TIMEOUT, check.check()).await;
            let report = report.unwrap_or_else(|_| {
                HealthReport::new(Health::Unknown).because("did not answer in time")
            });
            let weight = match report.health {
                Health::Critical if !check.critical() => Health::Degraded,
                health => health,
            };
            run.health = run.health.worst(weight);
            run.reports.push((check.name().to_owned(), report));
        }
        if run.health == Health::Healthy && !run.reports.is_empty() {
            let now = self.inner.now();
            self.inner.step(|machine| {
                if machine.state() == State::Open {
                    let moved = machine.move_to(State::HalfOpen, Cause::HealthChecksPassed, now);
                    debug_assert!(moved.is_ok(), "an open breaker may always probe");
                }
            });
        }
        run
    }
}
