//! Checking a configuration, listing every fault at once.

use std::time::Duration;

use steadfast_base::{ConfigError, ConfigFaults};

use crate::limits;

use super::{Config, ProbeVerdict, ProbeWait, Window};

fn ratio(faults: &mut ConfigFaults, value: Option<f64>, field: &'static str) {
    if let Some(rate) = value {
        faults.require(rate > 0.0 && rate <= 1.0, field, || {
            format!("is {rate}; it must be above 0 and at most 1, or off")
        });
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
        let mut faults = ConfigFaults::default();
        self.check_closed(&mut faults);
        self.check_open(&mut faults);
        faults.into_result("breaker")
    }

    fn check_closed(&self, faults: &mut ConfigFaults) {
        match self.window {
            Window::Calls(calls) => faults.between(calls, 1..=limits::WINDOW_CALLS_MAX, "window"),
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
        faults.between(self.min_calls, 1..=u32::MAX, "min_calls");
        ratio(faults, self.failure_rate, "failure_rate");
        ratio(faults, self.slow_rate, "slow_rate");
        faults.positive(self.slow_call, "slow_call");
        if let Some(failures) = self.consecutive_failures {
            faults.between(failures, 1..=u32::MAX, "consecutive_failures");
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

    fn check_open(&self, faults: &mut ConfigFaults) {
        let wait = &self.open_wait;
        faults.positive(wait.initial, "open_wait.initial");
        faults.require(wait.factor >= 1.0 && wait.factor.is_finite(), "open_wait.factor", || {
            format!("is {}; it must be a number of at least 1", wait.factor)
        });
        faults.require(wait.max >= wait.initial, "open_wait.max", || {
            format!("is {:?}, shorter than open_wait.initial ({:?})", wait.max, wait.initial)
        });
        faults.between(self.half_open.calls, 1..=limits::HALF_OPEN_CALLS_MAX, "half_open.calls");
        match self.half_open.verdict {
            ProbeVerdict::Successes(successes) => {
                faults.between(successes, 1..=u32::MAX, "half_open.verdict");
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
