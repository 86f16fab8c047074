//! Breakers and bulkheads on the health scale, and as checks.

use std::fmt;

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_breaker::{CircuitBreaker, State};

/// Above this share of failing calls a bulkhead is critical.
const FAILURE_RATE_CRITICAL: f64 = 0.5;

/// The health of a part that calls go through, from the share of them that fail.
///
/// | Share of failures | Health |
/// |---|---|
/// | none known, or no calls | unknown |
/// | up to 0.5 | healthy |
/// | above 0.5 | critical |
///
/// # Example
///
/// ```
/// use steadfast_base::Health;
/// use steadfast_health::failure_rate_report;
///
/// assert_eq!(failure_rate_report(Some(0.5)).health, Health::Healthy);
/// assert_eq!(failure_rate_report(Some(0.51)).health, Health::Critical);
/// ```
pub fn failure_rate_report(failure_rate: Option<f64>) -> HealthReport {
    match failure_rate {
        Some(rate) if rate > FAILURE_RATE_CRITICAL => HealthReport::new(Health::Critical)
            .because(format!("{:.0} % of its calls fail", rate * 100.0)),
        Some(rate) if !rate.is_nan() => Health::Healthy.into(),
        _ => HealthReport::new(Health::Unknown).because("no calls to judge by"),
    }
}

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
}

impl BreakerCheck {
    /// A critical check named after the breaker.
    ///
    /// # Example
    ///
    /// See [`BreakerCheck`].
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, critical: true }
    }

    /// Says whether the whole is critical while the breaker is open.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
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

/// A bulkhead, or anything else that calls go through, as a check of the share that fails.
///
/// Without calls it is healthy. See [`failure_rate_report`].
///
/// # Example
///
/// ```
/// use steadfast_base::HealthCheck;
/// use steadfast_health::FailureRateCheck;
///
/// let check = FailureRateCheck::new("uploads", || Some(0.2));
/// assert_eq!(check.name(), "uploads");
/// ```
pub struct FailureRateCheck {
    name: String,
    critical: bool,
    rate: Box<dyn Fn() -> Option<f64> + Send + Sync>,
}

impl FailureRateCheck {
    /// A critical check of what `rate` says: the share of calls that fail, none without calls.
    ///
    /// # Example
    ///
    /// See [`FailureRateCheck`].
    pub fn new(
        name: impl Into<String>,
        rate: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), critical: true, rate: Box::new(rate) }
    }

    /// Says whether the whole is critical while more than half of the calls fail.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = critical;
        self
    }
}

#[async_trait]
impl HealthCheck for FailureRateCheck {
    fn name(&self) -> &str {
        &self.name
    }

    fn critical(&self) -> bool {
        self.critical
    }

    async fn check(&self) -> HealthReport {
        match failure_rate_report((self.rate)()) {
            HealthReport { health: Health::Unknown, reason, .. } => {
                let report = HealthReport::new(Health::Healthy);
                reason.into_iter().fold(report, HealthReport::because)
            }
            report => report,
        }
    }
}

impl fmt::Debug for FailureRateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureRateCheck").field("name", &self.name).finish_non_exhaustive()
    }
}
