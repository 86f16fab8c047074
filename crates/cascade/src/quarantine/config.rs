//! The settings of a quarantine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};

use crate::serde_forms::seconds;

/// Everything that can be set on a quarantine.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `window` | 60 s | how long the outcome of a call is remembered |
/// | `crashes_min` | 2 | crashes in the window before a key is blocked |
/// | `crash_ratio` | 0.5 | share of the calls in the window that must have crashed |
/// | `ttl` | 60 s | how long a key is blocked first |
/// | `ttl_max` | 1 h | how long at most: each probe that fails doubles it |
/// | `keys_max` | 10,000 | keys that are remembered; beyond, the one used longest ago is forgotten, a blocked one last |
///
/// # Example
///
/// ```
/// use steadfast_cascade::QuarantineConfig;
///
/// let config: QuarantineConfig = serde_json::from_str(r#"{"crashes_min": 3, "ttl": 5}"#)?;
/// assert!(config.validate().is_ok());
/// assert_eq!(config.ttl_max.as_secs(), 3_600);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineConfig {
    /// How long the outcome of a call is remembered, at least; at most a twelfth longer.
    #[serde(with = "seconds")]
    pub window: Duration,
    /// Crashes in the window before a key is blocked.
    pub crashes_min: u32,
    /// Share of the finished calls in the window that must have crashed, above 0 and at most 1.
    pub crash_ratio: f64,
    /// How long a key is blocked first.
    #[serde(with = "seconds")]
    pub ttl: Duration,
    /// How long a key is blocked at most.
    #[serde(with = "seconds")]
    pub ttl_max: Duration,
    /// Keys that are remembered.
    pub keys_max: usize,
}

impl Default for QuarantineConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_mins(1),
            crashes_min: 2,
            crash_ratio: 0.5,
            ttl: Duration::from_mins(1),
            ttl_max: Duration::from_hours(1),
            keys_max: 10_000,
        }
    }
}

/// The longest spans, and the most keys, that can be set.
const SPAN_MAX: Duration = Duration::from_hours(24 * 7);
const KEYS_MAX: usize = 10_000_000;

impl QuarantineConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        for (span, field) in [(self.window, "window"), (self.ttl, "ttl"), (self.ttl_max, "ttl_max")]
        {
            let allowed = Duration::from_millis(1)..=SPAN_MAX;
            faults.require(allowed.contains(&span), field, || {
                format!("is {span:?}; it must be between 1ms and 7 days")
            });
        }
        faults.at_least(self.ttl_max, self.ttl, "ttl_max");
        faults.at_least(self.crashes_min, 1, "crashes_min");
        faults.share(self.crash_ratio, "crash_ratio");
        faults.between(self.keys_max, 1..=KEYS_MAX, "keys_max");
        faults.into_result("quarantine")
    }
}
