//! Breakers and bulkheads on the health scale, and as checks.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_breaker::{CircuitBreaker, State};
use steadfast_policy::Bulkhead;

/// A breaker as a check: open is critical, half-open degraded, everything else healthy.
///
/// A disabled breaker and one that only measures protect nothing but harm nothing either: healthy, with
/// the reason. The breaker has thresholds of its own, so run it with
/// [`CheckSettings::immediate`](crate::CheckSettings::immediate).
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::Time;
/// use steadfast_breaker::{CircuitBreaker, Config};
/// use steadfast_health::{BreakerCheck, CheckSettings, HealthChecker};
///
/// let mail = CircuitBreaker::new("mail", Config::default(), Time::system())?;
/// let check = Arc::new(BreakerCheck::new(mail).critical(false));
/// let checker = HealthChecker::builder().check_with(check, CheckSettings::immediate());
/// # drop(checker);
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BreakerCheck {
    breaker: CircuitBreaker,
    critical: bool,
    /// Whether an open breaker's own checks are run too.
    probing: bool,
}

impl BreakerCheck {
    /// A critical check named after the breaker.
    ///
    /// # Example
    ///
    /// See [`BreakerCheck`].
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, critical: true, probing: false }
    }

    /// Says whether the whole is critical while the breaker is open.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
        self
    }

    /// Runs the breaker's own health checks too while it is open: once they all pass it may probe, also
    /// before its open wait is over.
    ///
    /// They share the time-out of this check. Calls still have to pass as probes before it closes; to close
    /// it without calls is self-healing's, see [`ResetBreaker`](crate::ResetBreaker).
    #[must_use]
    pub fn probing(mut self) -> Self {
        self.probing = true;
        self
    }
}

#[async_trait]
impl HealthCheck for BreakerCheck {
    fn name(&self) -> &str {
        self.breaker.name()
    }

    fn critical(&self) -> bool {
        self.critical
    }

    async fn check(&self) -> HealthReport {
        if self.probing && self.breaker.state() == State::Open {
            // What they found shows in the state; without checks nothing happens.
            drop(self.breaker.run_health_checks().await);
        }
        let state = self.breaker.state();
        match state {
            State::Closed => Health::Healthy.into(),
            State::Disabled | State::MetricsOnly => {
                HealthReport::new(Health::Healthy).because(format!("the breaker is {state}"))
            }
            _ => HealthReport::new(state.health()).because(format!("the breaker is {state}")),
        }
    }
}

/// A bulkhead as a check of the calls that ended since the check before.
///
/// Critical if more than half of them failed, degraded if all places are taken, healthy otherwise,
/// also without calls.
///
/// # Example
///
/// ```
/// use steadfast_base::{HealthCheck, Time};
/// use steadfast_health::BulkheadCheck;
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
///
/// let uploads = Bulkhead::new(BulkheadConfig::new(8), Time::system())?;
/// let check = BulkheadCheck::new("uploads", uploads);
/// assert_eq!(check.name(), "uploads");
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct BulkheadCheck {
    name: String,
    critical: bool,
    bulkhead: Bulkhead,
    /// Calls that had failed and succeeded at the last look.
    seen: Mutex<(u64, u64)>,
}

impl BulkheadCheck {
    /// A critical check.
    ///
    /// # Example
    ///
    /// See [`BulkheadCheck`].
    pub fn new(name: impl Into<String>, bulkhead: Bulkhead) -> Self {
        Self { name: name.into(), critical: true, bulkhead, seen: Mutex::default() }
    }

    /// Says whether the whole is critical while more than half of the calls fail.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
        self
    }
}

#[async_trait]
impl HealthCheck for BulkheadCheck {
    fn name(&self) -> &str {
        &self.name
    }

    fn critical(&self) -> bool {
        self.critical
    }

    async fn check(&self) -> HealthReport {
        let now = self.bulkhead.statistics();
        let (failed, succeeded) = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let (failed, succeeded) = std::mem::replace(&mut *seen, (now.failed, now.succeeded));
            // After a reset the counts begin anew.
            let reset = now.failed < failed || now.succeeded < succeeded;
            let before = if reset { (0, 0) } else { (failed, succeeded) };
            (now.failed - before.0, now.succeeded - before.1)
        };
        if failed > succeeded {
            let calls = failed + succeeded;
            return HealthReport::new(Health::Critical)
                .because(format!("{failed} of the last {calls} calls failed"));
        }
        if now.available == 0 {
            let full = format!("all {} places are taken", now.max_concurrent_calls);
            return HealthReport::new(Health::Degraded).because(full);
        }
        Health::Healthy.into()
    }
}
