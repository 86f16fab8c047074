//! The settings of hedging.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::budget::{Budget, BudgetSettings};
use crate::serde_forms::seconds;

/// Hedges earned by each call where no budget is given: five per cent more load is hardly felt.
const BUDGET_RATIO: f64 = 0.05;
/// Hedges that may be saved up where no budget is given.
const BUDGET_RESERVE: u32 = 10;
/// Most attempts of one call.
const ATTEMPTS_LIMIT: u32 = 10;

/// Everything that can be set on hedging.
///
/// As a layer of a pipeline it comes with a budget of its own, of 5 % of the calls and a reserve of 10,
/// because hedging without one doubles the load of a callee that has become slow.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `attempts_max` | 2 | attempts of one call, the first included |
/// | `delay` | 2 s after | when the next attempt starts, see [`HedgeDelay`] |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::HedgeConfig;
///
/// assert!(HedgeConfig::after(Duration::from_millis(10)).validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeConfig {
    /// Attempts of one call, the first included.
    pub attempts_max: u32,
    /// When the next attempt starts.
    pub delay: HedgeDelay,
}

/// When the next attempt of a hedged call starts; in any case at once if all before it have failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HedgeDelay {
    /// So long after the one before; zero starts all at once. The 95th percentile of the latency is a
    /// good choice: then one call in twenty is hedged.
    After(#[serde(with = "seconds")] Duration),
    /// Only when all before it have failed.
    Sequential,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { attempts_max: 2, delay: HedgeDelay::After(Duration::from_secs(2)) }
    }
}

impl HedgeConfig {
    /// A second attempt after so long.
    pub fn after(delay: Duration) -> Self {
        Self { delay: HedgeDelay::After(delay), ..Self::default() }
    }

    /// All attempts at once.
    pub fn at_once() -> Self {
        Self::after(Duration::ZERO)
    }

    /// One attempt after the other, each when those before have failed.
    pub fn sequential() -> Self {
        Self { delay: HedgeDelay::Sequential, ..Self::default() }
    }

    /// Sets the most attempts of one call, the first included.
    #[must_use]
    pub fn with_attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts;
        self
    }

    /// Pays for every attempt but the first from a budget, shared with other hedges and retries.
    pub fn with_budget(self, budget: &Budget) -> HedgeLayer {
        HedgeLayer { config: self, budget: budget.clone() }
    }

    /// The budget of a pipeline that is given the settings alone: five per cent of the calls, and ten.
    pub(super) fn default_budget() -> Budget {
        let (ratio, per_second, burst) = (BUDGET_RATIO, 0.0, BUDGET_RESERVE);
        let settings = BudgetSettings::Ratio { ratio, per_second, burst };
        Budget::new(settings).expect("the constants are within the limits of a budget")
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        if (1..=ATTEMPTS_LIMIT).contains(&self.attempts_max) {
            return Vec::new();
        }
        let problem =
            format!("is {}; it must be between 1 and {ATTEMPTS_LIMIT}", self.attempts_max);
        vec![ConfigFault::new("hedge.attempts_max", problem)]
    }
}

/// Hedging with a budget of yours, for a pipeline.
#[derive(Clone, Debug)]
pub struct HedgeLayer {
    pub(super) config: HedgeConfig,
    pub(super) budget: Budget,
}
