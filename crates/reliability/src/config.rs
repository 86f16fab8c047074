//! The settings: plain data, defaults with a reason, all faults listed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::ConfigFaults;
pub use steadfast_base::{ConfigError, ConfigFault};

use crate::{defaults, limits};

/// How a trend is judged and how far a forecast looks.
///
/// Start from [`TrendConfig::default`] and assign fields. What computes takes any settings; those that
/// [`validate`](TrendConfig::validate) refuses are brought to the nearest allowed value.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `samples_min` | 10 | fewer samples give no answer |
/// | `confidence` | 0.95 | of the test (a trend has p < 1 - confidence) and of the intervals |
/// | `correlation_lags` | 3 | serial correlation looked at; 0 treats samples as independent |
/// | `horizon` | 30 days | forecasts end here |
///
/// # Example
///
/// ```
/// use steadfast_reliability::TrendConfig;
///
/// let mut config = TrendConfig::default();
/// config.confidence = 0.99;
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrendConfig {
    /// Samples needed before a trend is judged.
    pub samples_min: usize,
    /// Confidence of the test and of the intervals, 0.5 to 0.999.
    pub confidence: f64,
    /// Lags whose serial correlation is allowed for. Samples of one process resemble their neighbors, and
    /// a test that takes them for independent sees trends everywhere.
    pub correlation_lags: usize,
    /// How far ahead a forecast looks; serialized in seconds.
    #[serde(with = "seconds")]
    pub horizon: Duration,
}

impl Default for TrendConfig {
    fn default() -> Self {
        Self {
            samples_min: defaults::SAMPLES_MIN,
            confidence: defaults::CONFIDENCE,
            correlation_lags: defaults::CORRELATION_LAGS,
            horizon: defaults::HORIZON,
        }
    }
}

impl TrendConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        let samples = limits::SAMPLES_MIN_MIN..=limits::SERIES_SAMPLES_MAX;
        faults.require(samples.contains(&self.samples_min), "samples_min", || {
            format!("is {}; it must be in {samples:?}", self.samples_min)
        });
        confidence(&mut faults, self.confidence, "confidence");
        faults.require(
            self.correlation_lags <= limits::CORRELATION_LAGS_MAX,
            "correlation_lags",
            || {
                let (lags, max) = (self.correlation_lags, limits::CORRELATION_LAGS_MAX);
                format!("is {lags}; it must be at most {max}")
            },
        );
        faults.require(!self.horizon.is_zero(), "horizon", || "is zero".to_owned());
        faults.into_result("reliability")
    }

    /// The samples needed, at least as many as an interval takes.
    pub(crate) fn samples_needed(&self) -> usize {
        self.samples_min.max(limits::SAMPLES_MIN_MIN)
    }
}

/// What is believed before anything was observed, and how wide intervals are.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `credibility` | 0.95 | probability that an interval holds the true value |
/// | `failures` | Jeffreys: 0.5 events in no time | gamma prior of the failure rate |
/// | `repairs` | Jeffreys: 0.5 events in no time | gamma prior of the repair rate |
/// | `shares` | Jeffreys: 0.5 hits, 0.5 misses | beta prior of a share |
///
/// Jeffreys' priors say as little as can be said: what comes out is the data. With a prior from earlier
/// experience ("one failure in a week") there are answers before the first failure.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_reliability::{EstimateConfig, RatePrior};
///
/// let mut config = EstimateConfig::default();
/// config.repairs = RatePrior { events: 1.0, exposure: Duration::from_secs(300) };
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EstimateConfig {
    /// Probability that a credible interval holds the true value, 0.5 to 0.999.
    pub credibility: f64,
    /// What is believed of the failure rate.
    pub failures: RatePrior,
    /// What is believed of the repair rate.
    pub repairs: RatePrior,
    /// What is believed of a share.
    pub shares: SharePrior,
}

impl Default for EstimateConfig {
    fn default() -> Self {
        Self {
            credibility: defaults::CREDIBILITY,
            failures: RatePrior::default(),
            repairs: RatePrior::default(),
            shares: SharePrior::default(),
        }
    }
}

impl EstimateConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        confidence(&mut faults, self.credibility, "credibility");
        positive(&mut faults, self.failures.events, "failures.events");
        positive(&mut faults, self.repairs.events, "repairs.events");
        positive(&mut faults, self.shares.hits, "shares.hits");
        positive(&mut faults, self.shares.misses, "shares.misses");
        faults.into_result("reliability")
    }
}

/// Gamma prior of a rate: as if `events` had been seen in `exposure`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatePrior {
    /// Events seen, above 0; the shape of the gamma distribution.
    pub events: f64,
    /// Time in which they were seen; serialized in seconds.
    #[serde(with = "seconds")]
    pub exposure: Duration,
}

impl Default for RatePrior {
    /// Jeffreys' prior.
    fn default() -> Self {
        Self { events: defaults::JEFFREYS, exposure: Duration::ZERO }
    }
}

/// Beta prior of a share: as if so many hits and misses had been seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharePrior {
    /// Hits seen, above 0.
    pub hits: f64,
    /// Misses seen, above 0.
    pub misses: f64,
}

impl Default for SharePrior {
    /// Jeffreys' prior.
    fn default() -> Self {
        Self { hits: defaults::JEFFREYS, misses: defaults::JEFFREYS }
    }
}

fn confidence(faults: &mut ConfigFaults, value: f64, field: &'static str) {
    let allowed = limits::CONFIDENCE_MIN..=limits::CONFIDENCE_MAX;
    faults.require(allowed.contains(&value), field, || {
        format!("is {value}; it must be in {allowed:?}")
    });
}

fn positive(faults: &mut ConfigFaults, value: f64, field: &'static str) {
    faults.require(value > 0.0 && value.is_finite(), field, || {
        format!("is {value}; it must be a number above 0")
    });
}

/// Durations as seconds, with a fraction.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(de::Error::custom)
    }
}
