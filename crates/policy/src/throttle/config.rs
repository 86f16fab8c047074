//! The settings of client-side throttling.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

/// Everything that can be set on a throttle, all of it live.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `multiplier` | 2.0 | K: requests sent for each one accepted before any is held back |
/// | `window` | 120 s | how long requests are remembered; longer than the slowest answers |
///
/// # Example
///
/// ```
/// assert!(steadfast_policy::ThrottleConfig::default().validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleConfig {
    /// Requests sent for each one accepted before any is held back, at least 1.
    pub multiplier: f64,
    /// How long requests are remembered, in 20 steps; make it longer than the 99th percentile of the
    /// latency, or requests are forgotten before they are answered.
    #[serde(with = "seconds")]
    pub window: Duration,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { multiplier: 2.0, window: Duration::from_mins(2) }
    }
}

/// Longest window.
const WINDOW_MAX: Duration = Duration::from_hours(24);

impl ThrottleConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        if !(self.multiplier >= 1.0 && self.multiplier.is_finite()) {
            let problem = format!("is {}; it must be a number of at least 1", self.multiplier);
            faults.push(ConfigFault::new("throttle.multiplier", problem));
        }
        if !(Duration::from_millis(1)..=WINDOW_MAX).contains(&self.window) {
            let problem = format!("is {:?}; it must be between 1ms and 24h", self.window);
            faults.push(ConfigFault::new("throttle.window", problem));
        }
        faults
    }
}
