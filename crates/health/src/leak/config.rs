//! The settings of leak detection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};
use steadfast_reliability::TrendConfig;

use crate::{defaults, limits};

use super::report::LeakKind;

/// What counts as a leak, and how often it is looked for.
///
/// In serialized form durations are seconds as a number.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `interval` | 60 s | time between two scans |
/// | `memory_share` | 0.8 | share of its memory that the process may have resident |
/// | `file_handles` | 1,000 | file handles that it may have open |
/// | `connections` | 100 | connections that it may have open |
/// | `tasks` | 10,000 | tasks that may be alive |
/// | `permits` | 1,000 | permits that may be out |
/// | `actors` | 100,000 | actors that may be alive |
/// | `held_max` | 5 min | a tracked thing held longer is a leak |
/// | `sample_one_in` | 128 | of so many acquires one is tracked |
/// | `tracked_max` | 1,024 | things that one tracker watches at once |
/// | `growth` | see [`GrowthConfig`] | what counts as growing towards a limit |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_health::LeakConfig;
///
/// let mut config = LeakConfig::default();
/// config.held_max = Duration::from_secs(30);
/// assert!(config.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeakConfig {
    /// Time between two scans.
    #[serde(with = "crate::serde_forms::seconds")]
    pub interval: Duration,
    /// More than this share of its memory resident is a leak, above 0 and at most 1.
    pub memory_share: f64,
    /// More open file handles than this are a leak.
    pub file_handles: usize,
    /// More open connections than this are a leak.
    pub connections: usize,
    /// More tasks alive than this are a leak.
    pub tasks: usize,
    /// More permits out than this are a leak.
    pub permits: usize,
    /// More actors alive than this are a leak.
    pub actors: usize,
    /// What is held longer than this is a leak.
    #[serde(with = "crate::serde_forms::seconds")]
    pub held_max: Duration,
    /// Of so many acquires on a thread one is tracked; 1 tracks all.
    pub sample_one_in: usize,
    /// Things that one tracker watches at once. When all are in use, the oldest one already reported makes
    /// room; where none was, the new one is not watched.
    pub tracked_max: usize,
    /// What counts as growing towards a limit.
    pub growth: GrowthConfig,
}

impl Default for LeakConfig {
    fn default() -> Self {
        Self {
            interval: defaults::LEAK_INTERVAL,
            memory_share: defaults::LEAK_MEMORY_SHARE,
            file_handles: defaults::LEAK_FILE_HANDLES,
            connections: defaults::LEAK_CONNECTIONS,
            tasks: defaults::LEAK_TASKS,
            permits: defaults::LEAK_PERMITS,
            actors: defaults::LEAK_ACTORS,
            held_max: defaults::LEAK_HELD_MAX,
            sample_one_in: defaults::LEAK_SAMPLE_ONE_IN,
            tracked_max: defaults::LEAK_TRACKED_MAX,
            growth: GrowthConfig::default(),
        }
    }
}

impl LeakConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_health::LeakConfig::default().validate().is_ok());
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.positive(self.interval, "interval");
        faults.share(self.memory_share, "memory_share");
        for (count, field) in [
            (self.file_handles, "file_handles"),
            (self.connections, "connections"),
            (self.tasks, "tasks"),
            (self.permits, "permits"),
            (self.actors, "actors"),
        ] {
            faults.between(count, 1..=limits::LEAK_COUNT_MAX, field);
        }
        faults.positive(self.held_max, "held_max");
        faults.between(self.sample_one_in, 1..=limits::SAMPLE_ONE_IN_MAX, "sample_one_in");
        faults.between(self.tracked_max, 1..=limits::TRACKED_MAX, "tracked_max");
        faults.nest("growth", self.growth.validate());
        faults.into_result("health")
    }

    /// The limit of a kind; what has no setting has none.
    pub(super) fn limit(&self, kind: LeakKind) -> f64 {
        let count = match kind {
            LeakKind::Memory => return self.memory_share,
            LeakKind::FileHandles => self.file_handles,
            LeakKind::Connections => self.connections,
            LeakKind::Tasks => self.tasks,
            LeakKind::Permits => self.permits,
            LeakKind::Actors => self.actors,
            LeakKind::Other => return f64::INFINITY,
        };
        u32::try_from(count).map_or(f64::INFINITY, f64::from)
    }
}

/// When a use below its limit is a leak because it grows.
///
/// All must hold: the Mann-Kendall test finds a rising trend, its line rises by `share_min` of the limit
/// within the samples kept, and it reaches the limit within `horizon`. A service that warms up, or whose
/// load rises in the morning, grows for a while too; the window decides for how long it may.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `samples` | 60 | readings kept, one for each scan |
/// | `samples_min` | 30 | readings needed for a verdict |
/// | `confidence` | 0.99 | of the test |
/// | `share_min` | 0.05 | growth within the samples kept, as a share of the limit |
/// | `horizon` | 24 h | time within which the limit would be reached |
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrowthConfig {
    /// Readings kept.
    pub samples: usize,
    /// Readings needed for a verdict.
    pub samples_min: usize,
    /// Confidence of the test, 0.5 to 0.999.
    pub confidence: f64,
    /// Growth within the samples kept, as a share of the limit, above 0 and at most 1.
    pub share_min: f64,
    /// Time within which the limit would be reached.
    #[serde(with = "crate::serde_forms::seconds")]
    pub horizon: Duration,
}

impl Default for GrowthConfig {
    fn default() -> Self {
        Self {
            samples: defaults::GROWTH_SAMPLES,
            samples_min: defaults::GROWTH_SAMPLES_MIN,
            confidence: defaults::GROWTH_CONFIDENCE,
            share_min: defaults::GROWTH_SHARE_MIN,
            horizon: defaults::GROWTH_HORIZON,
        }
    }
}

impl GrowthConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        let samples_max = steadfast_reliability::limits::SERIES_SAMPLES_MAX;
        faults.between(self.samples, 1..=samples_max, "samples");
        if self.samples_min > self.samples {
            let (min, kept) = (self.samples_min, self.samples);
            faults.add("samples_min", format!("is {min}, and only {kept} samples are kept"));
        }
        if let Err(error) = self.trend().validate() {
            for fault in error.faults() {
                faults.add(fault.field(), fault.problem());
            }
        }
        faults.share(self.share_min, "share_min");
        faults.into_result("health")
    }

    pub(super) fn trend(&self) -> TrendConfig {
        let mut trend = TrendConfig::default();
        trend.samples_min = self.samples_min;
        trend.confidence = self.confidence;
        trend.horizon = self.horizon;
        trend
    }
}
