//! The settings of emergency mode.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigError, ConfigFaults};

use crate::serde_forms::seconds;

/// Everything that can be set on an emergency mode.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `enter_below` | 0.5 | share of successes below which a second is bad |
/// | `enter_after` | 5 s | bad seconds in a row before it is entered |
/// | `leave_at` | 0.9 | share of successes from which on a second is good |
/// | `leave_after` | 10 s | good seconds in a row before it is left |
/// | `cycle_min` | 30 s | least time between two entries, and between two exits |
/// | `calls_min` | 10 | calls in a second below which it is neither bad nor good |
///
/// # Example
///
/// ```
/// use steadfast_cascade::EmergencyConfig;
///
/// let config: EmergencyConfig = serde_json::from_str(r#"{"leave_at": 0.4}"#)?;
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.faults()[0].field(), "leave_at");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmergencyConfig {
    /// Share of successes below which a second is bad.
    pub enter_below: f64,
    /// Bad seconds in a row before emergency mode is entered.
    #[serde(with = "seconds")]
    pub enter_after: Duration,
    /// Share of successes from which on a second is good; calls that are shed are none.
    pub leave_at: f64,
    /// Good seconds in a row before it is left; those without calls are good.
    #[serde(with = "seconds")]
    pub leave_after: Duration,
    /// Least time between two entries, and between two exits.
    #[serde(with = "seconds")]
    pub cycle_min: Duration,
    /// Calls in a second below which it says nothing.
    pub calls_min: u64,
}

impl Default for EmergencyConfig {
    fn default() -> Self {
        Self {
            enter_below: 0.5,
            enter_after: Duration::from_secs(5),
            leave_at: 0.9,
            leave_after: Duration::from_secs(10),
            cycle_min: Duration::from_secs(30),
            calls_min: 10,
        }
    }
}

/// The longest spans that can be set.
const SPAN_MAX: Duration = Duration::from_hours(1);

impl EmergencyConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = ConfigFaults::default();
        faults.share(self.enter_below, "enter_below");
        faults.share(self.leave_at, "leave_at");
        faults.require(self.leave_at > self.enter_below, "leave_at", || {
            format!("is {}; it must be above enter_below, {}", self.leave_at, self.enter_below)
        });
        for (span, field) in [
            (self.enter_after, "enter_after"),
            (self.leave_after, "leave_after"),
            (self.cycle_min, "cycle_min"),
        ] {
            let allowed = Duration::from_secs(1)..=SPAN_MAX;
            faults.require(allowed.contains(&span), field, || {
                format!("is {span:?}; it must be between 1s and 1h")
            });
        }
        faults.at_least(self.calls_min, 1, "calls_min");
        faults.into_result("emergency")
    }
}
