//! The settings of one protected component.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::Time;
use steadfast_breaker as breaker;
use steadfast_policy::{BudgetSettings, BulkheadConfig, RateLimiterConfig, RetrySettings};

use crate::fault::{ConfigError, Fault};
use crate::stack;

use super::seconds;

/// How calls to one component are protected; what is not given is off.
///
/// The policies stand in this order, whatever the order of the settings:
///
/// ```text
/// call  ->  fallback  total_deadline  retry  breaker  bulkhead  rate_limit  attempt_timeout  ->  your code
/// ```
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `total_deadline` | off | time for the whole call, attempts and waits included |
/// | `retry` | off | further attempts, see [`RetrySettings`] |
/// | `retry_budget` | [`BudgetSettings`]'s | bounds the retries of all callers together; there is always one |
/// | `breaker` | off | the circuit breaker, see [`breaker::Config`] |
/// | `bulkhead` | off | calls at once, see [`BulkheadConfig`] |
/// | `rate_limit` | off | attempts per time, see [`RateLimiterConfig`] |
/// | `attempt_timeout` | off | time for each attempt |
/// | `fallback` | on | whether the fallbacks given in code answer |
/// | `critical` | yes | whether the whole is critical while the component is |
///
/// In serialized form durations are seconds; an empty section (`breaker = {}`) is a policy with its
/// defaults.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_assembly::ComponentConfig;
/// use steadfast_policy::BulkheadConfig;
///
/// let mut inventory = ComponentConfig::default();
/// inventory.total_deadline = Some(Duration::from_secs(2));
/// inventory.retry = Some(Default::default());
/// inventory.breaker = Some(Default::default());
/// inventory.bulkhead = Some(BulkheadConfig::new(20));
/// assert!(inventory.validate("inventory").is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComponentConfig {
    /// Time for the whole call.
    #[serde(with = "seconds", skip_serializing_if = "Option::is_none")]
    pub total_deadline: Option<Duration>,
    /// Further attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySettings>,
    /// The budget of the retries; a retry without settings for it has the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_budget: Option<BudgetSettings>,
    /// The circuit breaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<breaker::Config>,
    /// The bound on the calls under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulkhead: Option<BulkheadConfig>,
    /// The bound on the attempts per time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimiterConfig>,
    /// Time for each attempt.
    #[serde(with = "seconds", skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// Whether the fallbacks given in code answer.
    pub fallback: bool,
    /// Whether the whole is critical while this component is; if not, the whole is degraded then.
    pub critical: bool,
}

impl Default for ComponentConfig {
    fn default() -> Self {
        Self {
            total_deadline: None,
            retry: None,
            retry_budget: None,
            breaker: None,
            bulkhead: None,
            rate_limit: None,
            attempt_timeout: None,
            fallback: true,
            critical: true,
        }
    }
}

impl ComponentConfig {
    /// Checks every setting, and how they fit together.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self, name: &str) -> Result<(), ConfigError> {
        ConfigError::check(self.faults(name))
    }

    /// Builds the policies for a trial, so that whatever their builder refuses is refused here.
    pub(crate) fn faults(&self, name: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.retry_budget.is_some() && self.retry.is_none() {
            let problem = "is set without a retry; add retry, or remove the budget";
            faults.push(Fault::of(name, "retry_budget", problem));
        }
        let environment = stack::Environment::on_trial(name, Time::system());
        if let Err(found) = stack::Stack::build(self, &environment) {
            faults.extend(found);
        }
        faults
    }
}
