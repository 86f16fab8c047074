//! The settings of an adaptive limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::bulkhead::places::PLACES_MAX;
use crate::serde_forms::seconds;

/// Everything that can be set on an adaptive limit, all of it live.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `algorithm` | gradient | what the limit follows, see [`AdaptiveAlgorithm`] |
/// | `limit_initial` | 20 | the limit before anything was measured |
/// | `limit_min` | 3 | the least limit; also what runs while the gradient measures |
/// | `limit_max` | 1,000 | the greatest limit |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::AdaptiveConfig;
///
/// assert!(AdaptiveConfig::gradient().validate().is_ok());
/// assert!(AdaptiveConfig::aimd(Duration::from_millis(200)).with_range(1, 64).validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// What the limit follows.
    pub algorithm: AdaptiveAlgorithm,
    /// The limit before anything was measured.
    pub limit_initial: u32,
    /// The least limit, at least 1.
    pub limit_min: u32,
    /// The greatest limit.
    pub limit_max: u32,
}

/// What an adaptive limit follows.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdaptiveAlgorithm {
    /// The latency, compared with that of a callee without load.
    Gradient(Gradient),
    /// Calls that are too slow or turned away: additive increase, multiplicative decrease.
    Aimd(Aimd),
}

/// The gradient: limit x (least latency + buffer) / latency + sqrt(limit), once per window.
///
/// From time to time the limit is lowered to `limit_min` until enough calls have shown the latency of a
/// callee without load, as Envoy's adaptive concurrency filter does.
///
/// | Setting | Default |
/// |---|---|
/// | `window` | 100 ms |
/// | `samples_min` | 10 |
/// | `percentile` | 0.5 |
/// | `buffer` | 0.25 |
/// | `measure_every` | 60 s |
/// | `measure_samples` | 50 |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gradient {
    /// How often the limit is computed.
    #[serde(with = "seconds")]
    pub window: Duration,
    /// Calls that a window needs; with fewer it goes on.
    pub samples_min: u32,
    /// Which latency of a window counts, 0 to 1: 0.5 is the median.
    pub percentile: f64,
    /// How much more than the least latency is fine, as a share of it.
    pub buffer: f64,
    /// Time between two measurements of the least latency.
    #[serde(with = "seconds")]
    pub measure_every: Duration,
    /// Calls that one measurement takes.
    pub measure_samples: u32,
}

impl Default for Gradient {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(100),
            samples_min: 10,
            percentile: 0.5,
            buffer: 0.25,
            measure_every: Duration::from_mins(1),
            measure_samples: 50,
        }
    }
}

/// Additive increase by one for each limit's worth of good calls, multiplicative decrease.
///
/// The limit grows only while at least half of it is used. Calls that started before the last decrease
/// do not decrease it again: one congestion counts once.
///
/// | Setting | Default |
/// |---|---|
/// | `slow_call` | 5 s |
/// | `backoff_ratio` | 0.9 |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aimd {
    /// A call that takes longer is a sign of overload.
    #[serde(with = "seconds")]
    pub slow_call: Duration,
    /// What is left of the limit after a sign of overload, above 0 and below 1.
    pub backoff_ratio: f64,
}

impl Default for Aimd {
    fn default() -> Self {
        Self { slow_call: Duration::from_secs(5), backoff_ratio: 0.9 }
    }
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        let algorithm = AdaptiveAlgorithm::Gradient(Gradient::default());
        Self { algorithm, limit_initial: 20, limit_min: 3, limit_max: 1_000 }
    }
}

impl AdaptiveConfig {
    /// Follows the latency.
    pub fn gradient() -> Self {
        Self::default()
    }

    /// Follows calls that take longer than `slow_call` or are turned away.
    pub fn aimd(slow_call: Duration) -> Self {
        let aimd = Aimd { slow_call, ..Aimd::default() };
        Self { algorithm: AdaptiveAlgorithm::Aimd(aimd), ..Self::default() }
    }

    /// Sets the least and the greatest limit, and moves the initial one between them.
    #[must_use]
    pub fn with_range(mut self, limit_min: u32, limit_max: u32) -> Self {
        self.limit_min = limit_min;
        self.limit_max = limit_max;
        self.limit_initial = self.limit_initial.min(limit_max).max(limit_min);
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
        let mut require = |holds: bool, field: &str, problem: &str| {
            if !holds {
                faults.push(ConfigFault::new(format!("adaptive.{field}"), problem));
            }
        };
        let Self { limit_initial, limit_min, limit_max, .. } = *self;
        require(limit_min >= 1, "limit_min", "is 0; it must be at least 1");
        require(limit_max >= limit_min, "limit_max", "is less than limit_min");
        require(limit_max <= PLACES_MAX, "limit_max", "is above 1048575, the most that is counted");
        let within = (limit_min..=limit_max).contains(&limit_initial);
        require(within, "limit_initial", "is not between limit_min and limit_max");
        match self.algorithm {
            AdaptiveAlgorithm::Gradient(gradient) => {
                let share = (0.0..=1.0).contains(&gradient.percentile);
                require(share, "percentile", "must be between 0 and 1");
                let buffer = gradient.buffer >= 0.0 && gradient.buffer.is_finite();
                require(buffer, "buffer", "must be a number of at least 0");
                require(gradient.samples_min >= 1, "samples_min", "is 0; it must be at least 1");
                let measurable = (1..=SAMPLES_MAX).contains(&gradient.measure_samples);
                require(measurable, "measure_samples", "must be between 1 and 1000");
                let longer = gradient.measure_every > gradient.window;
                require(longer, "measure_every", "must be longer than the window");
            }
            AdaptiveAlgorithm::Aimd(aimd) => {
                let ratio = aimd.backoff_ratio > 0.0 && aimd.backoff_ratio < 1.0;
                require(ratio, "backoff_ratio", "must be above 0 and below 1");
                require(!aimd.slow_call.is_zero(), "slow_call", "is zero; it must be longer");
            }
        }
        faults
    }
}

/// Latencies that are kept of one window; of more, the last ones.
pub(super) const SAMPLES_MAX: u32 = 1_000;
