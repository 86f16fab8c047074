//! The settings of outlier ejection.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFault};

use crate::serde_forms::seconds;

/// Most hosts that may be tracked; each takes about two hundred bytes.
const HOSTS_LIMIT: u32 = 1_000_000;

/// Everything that can be set on outlier ejection, all of it live. Defaults are Envoy's.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `consecutive_failures` | 5 | failures in a row that eject; 0: off |
/// | `interval` | 10 s | how often success rates are compared |
/// | `success_rate_hosts_min` | 5 | hosts with enough requests that a comparison needs |
/// | `success_rate_requests_min` | 100 | requests within an interval that make a rate |
/// | `success_rate_deviations` | 1.9 | standard deviations below the mean that eject; 0: off |
/// | `ejection_base` | 30 s | the ejection's time, times the number of ejections |
/// | `ejection_max` | 300 s | the longest ejection |
/// | `ejected_percent_max` | 10 | share of hosts that may be ejected at once |
/// | `always_one` | on | whether one of several hosts may be ejected whatever the share |
/// | `hosts_max` | 1,024 | hosts that are tracked; then the one unheard of for longest is forgotten |
///
/// # Example
///
/// ```
/// assert!(steadfast_policy::OutlierConfig::default().validate().is_ok());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutlierConfig {
    /// Failures in a row that eject; 0 turns the rule off.
    pub consecutive_failures: u32,
    /// How often success rates are compared.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// Hosts with enough requests that a comparison needs.
    pub success_rate_hosts_min: u32,
    /// Requests within an interval that make a rate.
    pub success_rate_requests_min: u32,
    /// Standard deviations below the mean that eject; 0 turns the rule off.
    pub success_rate_deviations: f64,
    /// The time of a first ejection; the n-th in short succession takes n times as long.
    #[serde(with = "seconds")]
    pub ejection_base: Duration,
    /// The longest ejection.
    #[serde(with = "seconds")]
    pub ejection_max: Duration,
    /// Share of the hosts that may be ejected at once, 0 to 100.
    pub ejected_percent_max: u32,
    /// Whether one of several hosts may be ejected whatever the share.
    pub always_one: bool,
    /// Hosts that are tracked.
    pub hosts_max: u32,
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            interval: Duration::from_secs(10),
            success_rate_hosts_min: 5,
            success_rate_requests_min: 100,
            success_rate_deviations: 1.9,
            ejection_base: Duration::from_secs(30),
            ejection_max: Duration::from_mins(5),
            ejected_percent_max: 10,
            always_one: true,
            hosts_max: 1_024,
        }
    }
}

impl OutlierConfig {
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
                faults.push(ConfigFault::new(format!("outlier.{field}"), problem));
            }
        };
        require(!self.interval.is_zero(), "interval", "is zero; it must be longer");
        let deviations = self.success_rate_deviations;
        let positive = deviations >= 0.0 && deviations.is_finite();
        require(positive, "success_rate_deviations", "must be a number of at least 0");
        require(!self.ejection_base.is_zero(), "ejection_base", "is zero; it must be longer");
        let longer = self.ejection_max >= self.ejection_base;
        require(longer, "ejection_max", "is shorter than ejection_base");
        require(self.ejected_percent_max <= 100, "ejected_percent_max", "is above 100");
        let tracked = (1..=HOSTS_LIMIT).contains(&self.hosts_max);
        require(tracked, "hosts_max", "must be between 1 and 1000000");
        faults
    }
}
