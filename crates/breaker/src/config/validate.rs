//! Checking a configuration, listing every fault at once.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::limits;

use super::{Config, ProbeVerdict, ProbeWait, Window};

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    field: &'static str,
    problem: String,
}

impl ConfigFault {
    /// The setting, as a path into [`Config`].
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it and what is allowed.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// A configuration with at least one fault; all of them are listed.
///
/// # Example
///
/// ```
/// use steadfast_breaker::Config;
///
/// let error = Config::builder().failure_rate(1.5).min_calls(0).build().unwrap_err();
/// assert_eq!(error.faults().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}

impl ConfigError {
    /// Every fault, in the order of the fields of [`Config`].
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid breaker configuration: ")?;
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", fault.field, fault.problem)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {}

#[derive(Default)]
struct Faults(Vec<ConfigFault>);

impl Faults {
    fn require(&mut self, holds: bool, field: &'static str, problem: impl FnOnce() -> String) {
        if !holds {
            self.0.push(ConfigFault { field, problem: problem() });
        }
    }

    fn ratio(&mut self, value: Option<f64>, field: &'static str) {
        if let Some(rate) = value {
            self.require(rate > 0.0 && rate <= 1.0, field, || {
                format!("is {rate}; it must be above 0 and at most 1, or off")
            });
        }
    }

    fn count(&mut self, value: u32, max: u32, field: &'static str) {
        self.require((1..=max).contains(&value), field, || {
            format!("is {value}; it must be between 1 and {max}")
        });
    }

    fn positive(&mut self, value: Duration, field: &'static str) {
        self.require(!value.is_zero(), field, || "is zero; it must be longer".to_owned());
    }
}

impl Config {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// Fails with all faults, not only the first.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(steadfast_breaker::Config::default().validate().is_ok());
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = Faults::default();
        self.check_closed(&mut faults);
        self.check_open(&mut faults);
        if faults.0.is_empty() { Ok(()) } else { Err(ConfigError { faults: faults.0 }) }
    }

    fn check_closed(&self, faults: &mut Faults) {
        match self.window {
            Window::Calls(calls) => faults.count(calls, limits::WINDOW_CALLS_MAX, "window"),
            Window::Time(time) => {
                let allowed = Duration::from_millis(10)..=limits::WINDOW_TIME_MAX;
                faults.require(allowed.contains(&time), "window", || {
                    format!(
                        "is {time:?}; it must be between 10ms and {:?}",
                        limits::WINDOW_TIME_MAX
                    )
                });
            }
        }
        faults.count(self.min_calls, u32::MAX, "min_calls");
        faults.ratio(self.failure_rate, "failure_rate");
        faults.ratio(self.slow_rate, "slow_rate");
        faults.positive(self.slow_call, "slow_call");
        if let Some(failures) = self.consecutive_failures {
            faults.count(failures, u32::MAX, "consecutive_failures");
        }
        if let Some(limit) = self.failure_limit {
            faults.require(
                limit.failures <= limits::FAILURE_LIMIT_MAX,
                "failure_limit.failures",
                || {
                    format!(
                        "is {}; it must be at most {}",
                        limit.failures,
                        limits::FAILURE_LIMIT_MAX
                    )
                },
            );
            faults.positive(limit.within, "failure_limit.within");
        }
        let opens = self.failure_rate.is_some()
            || self.slow_rate.is_some()
            || self.consecutive_failures.is_some()
            || self.failure_limit.is_some();
        faults.require(opens, "failure_rate", || {
            "and all other rules are off; turn on at least one of failure_rate, slow_rate, \
             consecutive_failures, failure_limit"
                .to_owned()
        });
    }

    fn check_open(&self, faults: &mut Faults) {
        let wait = &self.open_wait;
        faults.positive(wait.initial, "open_wait.initial");
        faults.require(wait.factor >= 1.0 && wait.factor.is_finite(), "open_wait.factor", || {
            format!("is {}; it must be a number of at least 1", wait.factor)
        });
        faults.require(wait.max >= wait.initial, "open_wait.max", || {
            format!("is {:?}, shorter than open_wait.initial ({:?})", wait.max, wait.initial)
        });
        faults.count(self.half_open.calls, limits::HALF_OPEN_CALLS_MAX, "half_open.calls");
        match self.half_open.verdict {
            ProbeVerdict::Successes(successes) => {
                faults.count(successes, u32::MAX, "half_open.verdict");
            }
            ProbeVerdict::Rate => {
                let judged = self.failure_rate.is_some() || self.slow_rate.is_some();
                faults.require(judged, "half_open.verdict", || {
                    "is rate, which needs failure_rate or slow_rate; turn one on or use successes"
                        .to_owned()
                });
            }
        }
        if let ProbeWait::For(wait) = self.half_open.max_wait {
            faults.positive(wait, "half_open.max_wait");
        }
        if let Some(timeout) = self.call_timeout {
            faults.positive(timeout, "call_timeout");
        }
    }
}
