//! The settings of checks: plain data, validated as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};

use crate::defaults;
use crate::serde_forms::seconds;

/// How one check is run and judged.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `interval` | 30 s | time between two runs, counted from start to start |
/// | `timeout` | 5 s | a run that takes longer is dropped and has failed |
/// | `failure_threshold` | 3 | failures in a row that make it unhealthy |
/// | `success_threshold` | 2 | passes in a row that make it healthy again after that |
/// | `critical` | what the check says | whether the whole is critical when it is unhealthy |
/// | `liveness` | no | whether the process should be restarted when it is unhealthy |
/// | `needs` | none | checks without which this one cannot pass |
///
/// In serialized form durations are seconds.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_health::CheckSettings;
///
/// let settings = CheckSettings::every(Duration::from_secs(10)).thresholds(2, 1).needs("network");
/// assert_eq!(settings.timeout, Duration::from_secs(5));
/// assert!(settings.validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSettings {
    /// Time from the start of one run to the start of the next.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// Longest time for one run.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// Failures in a row that make the check unhealthy.
    pub failure_threshold: u32,
    /// Passes in a row that end that.
    pub success_threshold: u32,
    /// Overrules what the check says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical: Option<bool>,
    /// Whether liveness depends on it. Only for what a restart of the process would repair.
    pub liveness: bool,
    /// Names of the checks without which this one cannot pass.
    pub needs: Vec<String>,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self {
            interval: defaults::CHECK_INTERVAL,
            timeout: defaults::CHECK_TIMEOUT,
            failure_threshold: defaults::FAILURE_THRESHOLD,
            success_threshold: defaults::SUCCESS_THRESHOLD,
            critical: None,
            liveness: false,
            needs: Vec::new(),
        }
    }
}

impl CheckSettings {
    /// The defaults with another interval.
    ///
    /// # Example
    ///
    /// See [`CheckSettings`].
    pub fn every(interval: Duration) -> Self {
        Self { interval, ..Self::default() }
    }

    /// For parts that have thresholds of their own, such as breakers: one result decides.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::CheckSettings::immediate().failure_threshold, 1);
    /// ```
    pub fn immediate() -> Self {
        Self::default().thresholds(1, 1)
    }

    /// Sets both thresholds.
    #[must_use]
    pub fn thresholds(mut self, failures: u32, successes: u32) -> Self {
        self.failure_threshold = failures;
        self.success_threshold = successes;
        self
    }

    /// Sets the time-out of a run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says whether the whole is critical when the check is unhealthy.
    #[must_use]
    pub fn critical(mut self, critical: bool) -> Self {
        self.critical = Some(critical);
        self
    }

    /// Makes liveness depend on the check.
    #[must_use]
    pub fn liveness(mut self) -> Self {
        self.liveness = true;
        self
    }

    /// Adds a check without which this one cannot pass.
    #[must_use]
    pub fn needs(mut self, check: impl Into<String>) -> Self {
        self.needs.push(check.into());
        self
    }

    /// Checks every setting that can be checked without knowing the other checks.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// See [`CheckSettings`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.at_least(self.interval, crate::limits::INTERVAL_MIN, "interval");
        faults.positive(self.timeout, "timeout");
        for (threshold, field) in [
            (self.failure_threshold, "failure_threshold"),
            (self.success_threshold, "success_threshold"),
        ] {
            if threshold == 0 {
                faults.add(field, "is 0; it must be at least 1");
            }
        }
        faults.into_result("health")
    }
}

/// The settings of all checks of a checker, as they stand in a configuration file.
///
/// # Example
///
/// ```
/// use steadfast_health::ChecksConfig;
///
/// let config: ChecksConfig = serde_json::from_str(
///     r#"{"default": {"interval": 10.0}, "checks": {"db": {"needs": ["network"]}}}"#,
/// )?;
/// assert_eq!(config.default.interval.as_secs(), 10);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChecksConfig {
    /// For checks that have no settings of their own.
    pub default: CheckSettings,
    /// Settings by the name of the check. They are whole: what they leave out has the built-in
    /// default, not that of `default`.
    pub checks: BTreeMap<String, CheckSettings>,
}

impl ChecksConfig {
    /// Checks every setting. Names and dependencies are checked at the start, with the checks at hand.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_health::ChecksConfig::default().validate().is_ok());
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.nest("default", self.default.validate());
        for (name, settings) in &self.checks {
            faults.nest(&format!("checks.{name}"), settings.validate());
        }
        faults.into_result("health")
    }
}
