//! The settings of a rate limiter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

/// Calls per period by default.
const LIMIT: u32 = 100;
/// The default period.
const PERIOD: Duration = Duration::from_secs(1);
/// Shortest time between two calls: intervals are whole nanoseconds, and rounding down must not make
/// the rate more than one per cent higher.
const INTERVAL_MIN: Duration = Duration::from_nanos(100);
/// Longest period, so that bookings stay far from the end of the clock.
const PERIOD_MAX: Duration = Duration::from_hours(24 * 366);

/// Everything that can be set on a rate limiter, all of it live but the algorithm.
///
/// In serialized form durations are seconds as a number.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `algorithm` | GCRA | how calls are spread, see [`RateAlgorithm`] |
/// | `limit` | 100 | calls per period |
/// | `period` | 1 s | the period |
/// | `burst` | the limit | calls at once after a pause (GCRA alone) |
/// | `max_wait_duration` | 0 | how far ahead a call may be booked; 0: nobody waits |
/// | `count_calls` | off | whether statistics count calls, an atomic addition each |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::RateLimiterConfig;
///
/// let config = RateLimiterConfig::per(10, Duration::from_secs(1)).with_burst(3);
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimiterConfig {
    /// How calls are spread; fixed for the life of a limiter.
    pub algorithm: RateAlgorithm,
    /// Calls per period.
    pub limit: u32,
    /// The period; at least 100 ns per call.
    #[serde(with = "seconds")]
    pub period: Duration,
    /// Calls at once after a pause; `None` is the limit. Has no meaning for a fixed window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How far ahead a call may be booked; a caller's earlier deadline shortens it.
    #[serde(with = "seconds")]
    pub max_wait_duration: Duration,
    /// Whether the statistics count calls.
    pub count_calls: bool,
}

/// How a rate limiter spreads calls.
///
/// # Example
///
/// ```
/// assert_eq!(steadfast_policy::RateAlgorithm::default(), steadfast_policy::RateAlgorithm::Gcra);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateAlgorithm {
    /// The generic cell rate algorithm (ITU-T I.371): a leaky bucket in one number. Tokens come back one
    /// at a time, so within any time t there are at most `burst` + t x `limit` / `period` calls.
    #[default]
    Gcra,
    /// All tokens come back at the start of each period; periods follow each other from the making of
    /// the limiter on. Across a border twice the limit may pass in a short time.
    FixedWindow,
}

impl Default for RateLimiterConfig {
    fn default() -> Self {
        Self {
            algorithm: RateAlgorithm::Gcra,
            limit: LIMIT,
            period: PERIOD,
            burst: None,
            max_wait_duration: Duration::ZERO,
            count_calls: false,
        }
    }
}

impl RateLimiterConfig {
    /// So many calls per period, by GCRA; nobody waits.
    pub fn per(limit: u32, period: Duration) -> Self {
        Self { limit, period, ..Self::default() }
    }

    /// All tokens at the start of each period.
    #[must_use]
    pub fn in_fixed_windows(mut self) -> Self {
        self.algorithm = RateAlgorithm::FixedWindow;
        self
    }

    /// So many calls at once after a pause.
    #[must_use]
    pub fn with_burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Lets calls wait so long for their turn.
    #[must_use]
    pub fn with_wait(mut self, max_wait_duration: Duration) -> Self {
        self.max_wait_duration = max_wait_duration;
        self
    }

    /// Lets the statistics count calls.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.count_calls = true;
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
        if self.limit == 0 {
            faults.push(ConfigFault::new("rate_limit.limit", "is 0; it must be at least 1"));
        }
        if self.period > PERIOD_MAX {
            let problem = format!("is {:?}; it must be at most {PERIOD_MAX:?}", self.period);
            faults.push(ConfigFault::new("rate_limit.period", problem));
        }
        if self.period < INTERVAL_MIN * self.limit.max(1) {
            let problem = format!(
                "is {:?} for {} calls; it must be at least {INTERVAL_MIN:?} per call",
                self.period, self.limit
            );
            faults.push(ConfigFault::new("rate_limit.period", problem));
        }
        if self.burst == Some(0) {
            let problem = "is 0; it must be at least 1, or left out to be the limit";
            faults.push(ConfigFault::new("rate_limit.burst", problem));
        }
        if self.burst.is_some() && self.algorithm == RateAlgorithm::FixedWindow {
            let problem = "is set for fixed windows; use the algorithm gcra or leave it out";
            faults.push(ConfigFault::new("rate_limit.burst", problem));
        }
        faults
    }

    /// The most calls that may be asked for at once.
    pub(super) fn calls_max(&self) -> u32 {
        match self.algorithm {
            RateAlgorithm::Gcra => self.burst.unwrap_or(self.limit),
            RateAlgorithm::FixedWindow => self.limit,
        }
    }
}
