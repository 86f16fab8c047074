//! Settings of running pipelines as plain data, validated as a whole and put in force live.

#[cfg(feature = "reload")]
mod file;
mod live;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};
use steadfast_breaker as breaker;

use crate::adaptive::AdaptiveConfig;
use crate::budget::BudgetSettings;
use crate::bulkhead::BulkheadConfig;
use crate::fallback::LastGoodSettings;
use crate::guard;
use crate::hedge::HedgeConfig;
use crate::names;
use crate::outlier::OutlierConfig;
use crate::pipeline::Profile;
use crate::rate_limit::RateLimiterConfig;
use crate::retry::RetrySettings;
use crate::serde_forms::optional_seconds;
use crate::shed::ShedConfig;
use crate::throttle::ThrottleConfig;
use crate::timeout;

#[cfg(feature = "reload")]
pub use self::file::{ReloadError, SettingsFile, Watching};
pub use self::live::{Reload, Tune};

/// The settings of the policies of one pipeline; what is not given stays as it is.
///
/// In serialized form durations are seconds as a number. A section is for the policy of that kind, which
/// the pipeline must have exactly once.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{Pipeline, PipelineSettings, RetrySettings, Retry};
///
/// let pipeline = Pipeline::builder().retry(Retry::default()).build()?;
/// let mut settings = PipelineSettings::default();
/// settings.retry = Some({
///     let mut retry = RetrySettings::default();
///     retry.max_attempts = 5;
///     retry
/// });
/// pipeline.apply(&settings)?;
///
/// settings.attempt_timeout = Some(Duration::from_secs(1));
/// let error = pipeline.apply(&settings).unwrap_err();
/// assert_eq!(error.faults()[0].field(), "timeout");
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PipelineSettings {
    /// Time for the whole call.
    #[serde(with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub total_deadline: Option<Duration>,
    /// Time for each attempt.
    #[serde(with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Duration>,
    /// Further attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySettings>,
    /// The budget of the retry, for all that share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetSettings>,
    /// The circuit breaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<breaker::Config>,
    /// The bound on the calls under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulkhead: Option<BulkheadConfig>,
    /// The bound on the calls per time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimiterConfig>,
    /// The bound on the calls under way that follows what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<AdaptiveConfig>,
    /// The client-side throttle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<ThrottleConfig>,
    /// Load shedding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<ShedConfig>,
    /// Outlier ejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlier: Option<OutlierConfig>,
    /// Hedging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<HedgeConfig>,
    /// The fallback on the last good value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGoodSettings>,
}

/// The settings of several pipelines by their names: what a file holds.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The settings of each pipeline.
    pub pipelines: BTreeMap<String, PipelineSettings>,
}

impl PipelineSettings {
    /// Checks every setting by itself; whether they fit a pipeline is checked when they are applied.
    ///
    /// # Errors
    ///
    /// Fails with all faults.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let limits =
            [(names::TOTAL_DEADLINE, self.total_deadline), (names::TIMEOUT, self.attempt_timeout)];
        let mut faults = Vec::new();
        for (kind, limit) in limits {
            faults.extend(limit.into_iter().flat_map(|limit| timeout::faults(kind, limit)));
        }
        faults.extend(self.retry.iter().flat_map(RetrySettings::faults));
        faults.extend(self.budget.iter().flat_map(BudgetSettings::faults));
        faults.extend(self.breaker.iter().flat_map(guard::faults));
        faults.extend(self.bulkhead.iter().flat_map(BulkheadConfig::faults));
        faults.extend(self.rate_limit.iter().flat_map(RateLimiterConfig::faults));
        faults.extend(self.limit.iter().flat_map(AdaptiveConfig::faults));
        faults.extend(self.throttle.iter().flat_map(ThrottleConfig::faults));
        faults.extend(self.shed.iter().flat_map(ShedConfig::faults));
        faults.extend(self.outlier.iter().flat_map(OutlierConfig::faults));
        faults.extend(self.hedge.iter().flat_map(HedgeConfig::faults));
        faults.extend(self.last_good.iter().flat_map(LastGoodSettings::faults));
        faults
    }

    /// Faults of settings for policies that are not there, or there more than once.
    fn misfits(&self, layers: &[Profile]) -> Vec<ConfigFault> {
        let sections = [
            (names::TOTAL_DEADLINE, self.total_deadline.is_some()),
            (names::TIMEOUT, self.attempt_timeout.is_some()),
            (names::RETRY, self.retry.is_some()),
            (names::BREAKER, self.breaker.is_some()),
            (names::BULKHEAD, self.bulkhead.is_some()),
            (names::RATE_LIMIT, self.rate_limit.is_some()),
            (names::ADAPTIVE_LIMIT, self.limit.is_some()),
            (names::THROTTLE, self.throttle.is_some()),
            (names::SHED, self.shed.is_some()),
            (names::OUTLIER, self.outlier.is_some()),
            (names::HEDGE, self.hedge.is_some()),
        ];
        let mut faults = Vec::new();
        for (kind, _) in sections.into_iter().filter(|(_, given)| *given) {
            let count = layers.iter().filter(|layer| layer.kind == kind).count();
            if count == 0 {
                let problem = "is set, but the pipeline has none; remove the setting";
                faults.push(ConfigFault::new(kind, problem));
            } else if count > 1 {
                let problem = format!("is there {count} times; set each one by its own handle");
                faults.push(ConfigFault::new(kind, problem));
            }
        }
        let remembering = layers.iter().filter(|layer| layer.remembers).count();
        if self.last_good.is_some() && remembering != 1 {
            let problem = match remembering {
                0 => "is set, but no fallback remembers values; remove the setting".to_owned(),
                count => format!("is there {count} times; leave the setting out"),
            };
            faults.push(ConfigFault::new("last_good", problem));
        }
        if self.budget.is_some() && !layers.iter().any(|layer| layer.budgeted) {
            faults.push(ConfigFault::new(
                "budget",
                "is set, but no retry has one; remove the setting",
            ));
        }
        faults
    }

    /// What the layers say about themselves once these settings are in force.
    fn change(&self, layers: &mut [Profile]) {
        for layer in layers {
            match layer.kind {
                names::TOTAL_DEADLINE => layer.limit = self.total_deadline.or(layer.limit),
                names::TIMEOUT => layer.limit = self.attempt_timeout.or(layer.limit),
                names::BREAKER => {
                    if let Some(config) = &self.breaker {
                        layer.ignores_drops = config.on_drop == breaker::OnDrop::Release;
                        layer.limit = config.call_timeout;
                    }
                }
                _ => {}
            }
        }
    }
}
