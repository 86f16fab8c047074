//! The settings of load shedding.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

/// Most calls that may be let wait; each takes about two hundred bytes.
const QUEUE_LIMIT: u32 = 1_000_000;

/// Everything that can be set on a load shedder, all of it live.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `max_concurrent_calls` | 25 | calls that run at once |
/// | `queue_calls_max` | 1,000 | calls that wait at once; then a less important one makes room |
/// | `max_wait_duration` | 1 s | longest wait, whatever the load |
/// | `target` | 5 ms | the delay that a good queue gets down to in each interval |
/// | `interval` | 100 ms | how long a queue may stand before it counts as overloaded |
///
/// `target` and `interval` are those of folly and of Facebook's "Fail at Scale".
///
/// # Example
///
/// ```
/// assert!(steadfast_policy::ShedConfig::new(64).validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShedConfig {
    /// Calls that run at once.
    pub max_concurrent_calls: u32,
    /// Calls that wait at once.
    pub queue_calls_max: u32,
    /// Longest wait for a place; a caller's earlier deadline shortens it.
    #[serde(with = "seconds")]
    pub max_wait_duration: Duration,
    /// The delay that a good queue gets down to in each interval.
    #[serde(with = "seconds")]
    pub target: Duration,
    /// How long a queue may stand before it counts as overloaded.
    #[serde(with = "seconds")]
    pub interval: Duration,
}

impl Default for ShedConfig {
    fn default() -> Self {
        Self {
            max_concurrent_calls: 25,
            queue_calls_max: 1_000,
            max_wait_duration: Duration::from_secs(1),
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}

impl ShedConfig {
    /// So many calls at once.
    pub fn new(max_concurrent_calls: u32) -> Self {
        Self { max_concurrent_calls, ..Self::default() }
    }

    /// Lets up to `queue_calls_max` calls wait, each for so long.
    #[must_use]
    pub fn with_wait(mut self, max_wait_duration: Duration, queue_calls_max: u32) -> Self {
        self.max_wait_duration = max_wait_duration;
        self.queue_calls_max = queue_calls_max;
        self
    }

    /// Sets what counts as overload.
    #[must_use]
    pub fn with_codel(mut self, target: Duration, interval: Duration) -> Self {
        self.target = target;
        self.interval = interval;
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

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        if self.queue_calls_max > QUEUE_LIMIT {
            let problem = format!("is {}; it must be at most {QUEUE_LIMIT}", self.queue_calls_max);
            faults.push(ConfigFault::new("shed.queue_calls_max", problem));
        }
        if self.target.is_zero() {
            faults.push(ConfigFault::new("shed.target", "is zero; it must be longer"));
        }
        if self.interval < self.target {
            let problem = "is shorter than shed.target, so no delay could ever be judged";
            faults.push(ConfigFault::new("shed.interval", problem));
        }
        faults
    }
}
