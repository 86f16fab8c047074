//! The settings of degradation: levels, thresholds, features, hysteresis.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};

use crate::resource::Resource;
use crate::serde_forms::seconds;
use crate::{defaults, limits};

/// One level of service.
///
/// # Example
///
/// ```
/// use steadfast_health::{Level, Resource};
///
/// let level = Level::new("read-only").above(Resource::from("queue"), 0.8);
/// assert_eq!(level.name, "read-only");
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// It is entered when one of these resources is used more than this, 0 to 1. A level without any is
    /// entered by hand only, the first one also when all is calm.
    #[serde(default)]
    pub above: BTreeMap<Resource, f64>,
}

impl Level {
    /// A level that is entered by hand only.
    ///
    /// # Example
    ///
    /// See [`Level`].
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), above: BTreeMap::new() }
    }

    /// Enters the level also when `resource` is used more than `share`.
    #[must_use]
    pub fn above(mut self, resource: Resource, share: f64) -> Self {
        self.above.insert(resource, share);
        self
    }
}

/// Everything that can be set on degradation.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `levels` | `normal`, `degraded`, `minimal` | from the best to the worst |
/// | of `degraded` | CPU above 0.7, memory above 0.8 | entered when one is exceeded |
/// | of `minimal` | CPU above 0.9, memory above 0.9, disk above 0.95 | the same |
/// | `features` | none | each feature with the worst level in which it is still on |
/// | `interval` | 5 s | time between two readings |
/// | `reading_timeout` | 2 s | longest time for one reading |
/// | `stale_after` | 60 s | how long a reading counts that no other follows |
/// | `margin` | 0.05 | a level is held until everything is this far below what enters it |
/// | `enter_after` | at once | how long a threshold must be exceeded |
/// | `leave_after` | 60 s | how long all must be calm before the next better level |
///
/// In serialized form durations are seconds.
///
/// # Example
///
/// ```
/// use steadfast_health::DegradationConfig;
///
/// let config: DegradationConfig = serde_json::from_str(
///     r#"{"features": {"recommendations": "normal", "search": "degraded", "checkout": "minimal"}}"#,
/// )?;
/// assert!(config.validate().is_ok());
/// assert_eq!(config.levels.len(), 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DegradationConfig {
    /// The levels, from the best to the worst.
    pub levels: Vec<Level>,
    /// Each feature with the worst level in which it is still on.
    pub features: BTreeMap<String, String>,
    /// Time between two readings.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// Longest time for one reading.
    #[serde(with = "seconds")]
    pub reading_timeout: Duration,
    /// How long the last reading of a monitor counts that gives no other.
    #[serde(with = "seconds")]
    pub stale_after: Duration,
    /// How far below its thresholds everything must be for a level to be left.
    pub margin: f64,
    /// How long a threshold must be exceeded before its level is entered.
    #[serde(with = "seconds")]
    pub enter_after: Duration,
    /// How long all must be calm before the next better level is entered.
    #[serde(with = "seconds")]
    pub leave_after: Duration,
}

impl Default for DegradationConfig {
    fn default() -> Self {
        let degraded = Level::new("degraded")
            .above(Resource::CPU, defaults::CPU_DEGRADED)
            .above(Resource::MEMORY, defaults::MEMORY_DEGRADED);
        let minimal = Level::new("minimal")
            .above(Resource::CPU, defaults::CPU_MINIMAL)
            .above(Resource::MEMORY, defaults::MEMORY_MINIMAL)
            .above(Resource::DISK, defaults::DISK_MINIMAL);
        Self {
            levels: vec![Level::new("normal"), degraded, minimal],
            features: BTreeMap::new(),
            interval: defaults::READING_INTERVAL,
            reading_timeout: defaults::READING_TIMEOUT,
            stale_after: defaults::READING_STALE,
            margin: defaults::LEVEL_MARGIN,
            enter_after: defaults::LEVEL_ENTER_AFTER,
            leave_after: defaults::LEVEL_LEAVE_AFTER,
        }
    }
}

impl DegradationConfig {
    /// Adds a feature that stays on down to `worst_level`.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_health::DegradationConfig;
    ///
    /// let config = DegradationConfig::default().feature("search", "degraded");
    /// assert!(config.validate().is_ok());
    /// ```
    #[must_use]
    pub fn feature(mut self, name: impl Into<String>, worst_level: impl Into<String>) -> Self {
        self.features.insert(name.into(), worst_level.into());
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_health::DegradationConfig;
    ///
    /// let config = DegradationConfig::default().feature("search", "no such level");
    /// assert_eq!(config.validate().unwrap_err().faults()[0].field(), "features.search");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        self.check_levels(&mut faults);
        self.check_thresholds(&mut faults);
        if self.features.len() > limits::FEATURES_MAX {
            let (features, max) = (self.features.len(), limits::FEATURES_MAX);
            faults.add("features", format!("are {features}; there is room for {max}"));
        }
        for (feature, level) in &self.features {
            if self.place_of(level).is_none() {
                let problem = format!("is on down to {level}, and there is no such level");
                faults.add(format!("features.{feature}"), problem);
            }
        }
        faults.at_least(self.interval, limits::INTERVAL_MIN, "interval");
        faults.positive(self.reading_timeout, "reading_timeout");
        if self.stale_after < self.interval {
            faults.add("stale_after", "is shorter than interval; every reading would be stale");
        }
        faults.into_result("health")
    }

    fn check_levels(&self, faults: &mut ConfigFaults) {
        faults.between(self.levels.len(), 1..=limits::LEVELS_MAX, "levels");
        let mut names = BTreeSet::new();
        for level in &self.levels {
            if level.name.is_empty() {
                faults.add("levels", "have one without a name");
            } else if !names.insert(&level.name) {
                faults.add(format!("levels.{}", level.name), "is there twice");
            }
        }
        if let Some(best) = self.levels.first().filter(|best| !best.above.is_empty()) {
            let problem = "is the best level, which needs no thresholds: it is what calm leads to";
            faults.add(format!("levels.{}.above", best.name), problem);
        }
    }

    fn check_thresholds(&self, faults: &mut ConfigFaults) {
        let mut better: BTreeMap<&Resource, (f64, &str)> = BTreeMap::new();
        let mut lowest = f64::INFINITY;
        for level in &self.levels {
            for (resource, share) in &level.above {
                let field = format!("levels.{}.above.{resource}", level.name);
                faults.share(*share, field.clone());
                lowest = lowest.min(*share);
                if let Some((of_better, name)) = better.insert(resource, (*share, &level.name))
                    && *share <= of_better
                {
                    let problem = format!(
                        "is {share}; it must be above {of_better}, which enters the better level {name}"
                    );
                    faults.add(field, problem);
                }
            }
        }
        if !(self.margin >= 0.0 && self.margin < lowest) {
            let problem = format!(
                "is {}; it must be at least 0 and less than every threshold, or levels are never left",
                self.margin
            );
            faults.add("margin", problem);
        }
    }

    /// The place of a level in the list.
    pub(super) fn place_of(&self, level: &str) -> Option<usize> {
        self.levels.iter().position(|known| known.name == level)
    }
}
