//! Conditions that are there: an open breaker, an unhealthy check.

use async_trait::async_trait;

use steadfast_breaker::{CircuitBreaker, State};

use crate::check::{CheckState, HealthChecker};

use super::rule::Condition;

/// Unwell while a breaker is open; one that was forced open by hand is as it should be.
///
/// # Example
///
/// See [`ResetBreaker`](crate::ResetBreaker).
#[derive(Clone, Debug)]
pub struct BreakerOpen {
    breaker: CircuitBreaker,
}

impl BreakerOpen {
    /// The condition of this breaker.
    ///
    /// # Example
    ///
    /// See [`ResetBreaker`](crate::ResetBreaker).
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker }
    }
}

#[async_trait]
impl Condition for BreakerOpen {
    async fn unwell(&self) -> Option<String> {
        (self.breaker.state() == State::Open).then(|| "the breaker is open".to_owned())
    }
}

/// Unwell while a health check is unhealthy; one that is blocked is not to blame.
///
/// # Example
///
/// ```
/// use steadfast_health::{CheckUnhealthy, HealthChecker};
///
/// fn condition(checker: HealthChecker) -> CheckUnhealthy {
///     CheckUnhealthy::new(checker, "database")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CheckUnhealthy {
    checker: HealthChecker,
    check: String,
}

impl CheckUnhealthy {
    /// The condition of this check; well if the checker has none of that name.
    ///
    /// # Example
    ///
    /// See [`CheckUnhealthy`].
    pub fn new(checker: HealthChecker, check: impl Into<String>) -> Self {
        Self { checker, check: check.into() }
    }
}

#[async_trait]
impl Condition for CheckUnhealthy {
    async fn unwell(&self) -> Option<String> {
        let summary = self.checker.overall();
        let check = summary.check(&self.check)?;
        let unhealthy = check.state == CheckState::Unhealthy;
        unhealthy
            .then(|| check.reason.clone().unwrap_or_else(|| "the check is unhealthy".to_owned()))
    }
}
