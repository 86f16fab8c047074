//! The settings of a retry.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::defaults;
use crate::limits;
use crate::retry::backoff::Backoff;
use crate::serde_forms::{or_off_seconds, seconds};

/// Everything that can be set on a retry as plain data.
///
/// In serialized form durations are seconds as a number, and what is off is the word `"off"`.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `max_attempts` | 3 | attempts, the first one included |
/// | `backoff` | exponential from 0.1 s, x 2, at most 30 s | waits between attempts, see [`Backoff`] |
/// | `jitter` | 0.1 | up to this share of a wait is added at random |
/// | `total_deadline` | off | time for all attempts and waits; no attempt starts after it |
/// | `retry_after_max` | 60 s | longest wait that a callee may ask for; beyond, the call is given up |
/// | `fail_after_max` | false | say [`Error::Exhausted`](crate::Error::Exhausted) instead of the last result |
/// | `retry_timeouts` | true | whether an attempt that timed out is tried again |
/// | `retry_rejections` | false | whether an attempt that a policy rejected is tried again |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetrySettings {
    /// Attempts, the first one included.
    pub max_attempts: u32,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// Up to this share of a wait is added at random, 0 to 1.
    pub jitter: f64,
    /// Time for all attempts and the waits between them.
    #[serde(with = "or_off_seconds")]
    pub total_deadline: Option<Duration>,
    /// Longest wait that a callee may ask for.
    #[serde(with = "seconds")]
    pub retry_after_max: Duration,
    /// Whether giving up says so instead of passing the last result on unchanged.
    pub fail_after_max: bool,
    /// Whether an attempt that timed out is tried again.
    pub retry_timeouts: bool,
    /// Whether an attempt that a policy further in rejected is tried again.
    pub retry_rejections: bool,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            max_attempts: defaults::RETRY_ATTEMPTS,
            backoff: Backoff::default(),
            jitter: defaults::RETRY_JITTER,
            total_deadline: None,
            retry_after_max: defaults::RETRY_AFTER_MAX,
            fail_after_max: false,
            retry_timeouts: true,
            retry_rejections: false,
        }
    }
}

impl RetrySettings {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_policy::RetrySettings;
    ///
    /// let mut settings = RetrySettings::default();
    /// settings.max_attempts = 0;
    /// settings.jitter = 2.0;
    /// assert_eq!(settings.validate().unwrap_err().faults().len(), 2);
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check("policy", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, field: &str, problem: String| {
            if !holds {
                faults.push(ConfigFault::new(format!("retry.{field}"), problem));
            }
        };
        let Backoff { base, factor, max, .. } = self.backoff;
        require(
            (1..=limits::RETRY_ATTEMPTS_MAX).contains(&self.max_attempts),
            "max_attempts",
            format!(
                "is {}; it must be between 1 (no retry) and {}",
                self.max_attempts,
                limits::RETRY_ATTEMPTS_MAX
            ),
        );
        require(
            factor >= 1.0 && factor.is_finite(),
            "backoff.factor",
            format!("is {factor}; it must be a number of at least 1"),
        );
        require(
            max >= base,
            "backoff.max",
            format!("is {max:?}, shorter than backoff.base ({base:?})"),
        );
        require(
            max <= limits::RETRY_WAIT_MAX,
            "backoff.max",
            format!("is {max:?}; it must be at most {:?}", limits::RETRY_WAIT_MAX),
        );
        require(
            (0.0..=1.0).contains(&self.jitter),
            "jitter",
            format!("is {}; it must be between 0 and 1", self.jitter),
        );
        require(
            self.total_deadline.is_none_or(|total| !total.is_zero()),
            "total_deadline",
            "is zero; it must be longer, or off".to_owned(),
        );
        require(
            self.retry_after_max <= limits::RETRY_WAIT_MAX,
            "retry_after_max",
            format!(
                "is {:?}; it must be at most {:?}",
                self.retry_after_max,
                limits::RETRY_WAIT_MAX
            ),
        );
        faults
    }
}
