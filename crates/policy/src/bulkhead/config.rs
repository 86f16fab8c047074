//! The settings of a bulkhead.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

use super::places::PLACES_MAX;

/// Calls at once by default; more than most pools of connections hold.
const CALLS_MAX: u32 = 25;
/// Calls that may wait by default; four times what runs, so that a wait stays a short one.
const QUEUE_CALLS_MAX: u32 = 100;
/// Most calls that may be let wait; each takes about a hundred bytes.
const QUEUE_LIMIT: u32 = 1_000_000;

/// Everything that can be set on a bulkhead, all of it live.
///
/// In serialized form durations are seconds as a number.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `max_concurrent_calls` | 25 | calls at once; 0 rejects every call |
/// | `max_wait_duration` | 0 | longest wait for a place; 0: nobody waits |
/// | `queue_calls_max` | 100 | calls that may wait at once; one more is rejected |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::BulkheadConfig;
///
/// let config = BulkheadConfig::new(10).with_wait(Duration::from_millis(50), 20);
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BulkheadConfig {
    /// Calls at once; 0 rejects every call.
    pub max_concurrent_calls: u32,
    /// Longest wait for a place; a caller's earlier deadline shortens it.
    #[serde(with = "seconds")]
    pub max_wait_duration: Duration,
    /// Calls that may wait at once.
    pub queue_calls_max: u32,
}

impl Default for BulkheadConfig {
    fn default() -> Self {
        Self {
            max_concurrent_calls: CALLS_MAX,
            max_wait_duration: Duration::ZERO,
            queue_calls_max: QUEUE_CALLS_MAX,
        }
    }
}

impl BulkheadConfig {
    /// So many calls at once; nobody waits.
    pub fn new(max_concurrent_calls: u32) -> Self {
        Self { max_concurrent_calls, ..Self::default() }
    }

    /// Lets up to `queue_calls_max` calls wait for a place, each for so long.
    #[must_use]
    pub fn with_wait(mut self, max_wait_duration: Duration, queue_calls_max: u32) -> Self {
        self.max_wait_duration = max_wait_duration;
        self.queue_calls_max = queue_calls_max;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    /// Whether there is a queue to wait in.
    pub(super) fn may_wait(&self) -> bool {
        !self.max_wait_duration.is_zero() && self.queue_calls_max > 0
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        for (at, value, max) in [
            ("bulkhead.max_concurrent_calls", self.max_concurrent_calls, PLACES_MAX),
            ("bulkhead.queue_calls_max", self.queue_calls_max, QUEUE_LIMIT),
        ] {
            if value > max {
                faults.push(ConfigFault::new(at, format!("is {value}; it must be at most {max}")));
            }
        }
        faults
    }
}
