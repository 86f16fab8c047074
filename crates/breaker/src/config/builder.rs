//! The builder of a configuration.

use std::time::Duration;

use super::{
    AfterProbeWait, Config, ConfigError, FailureLimit, OnDrop, ProbeVerdict, ProbeWait, Recovery,
    Window,
};

/// Collects settings and validates them all at once in [`build`](ConfigBuilder::build).
///
/// The methods are named after the fields of [`Config`]; `no_` turns a rule off.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_breaker::{Config, ProbeVerdict, Window};
///
/// let config = Config::builder()
///     .window(Window::Time(Duration::from_secs(20)))
///     .min_calls(5)
///     .no_consecutive_failures()
///     .probes(4, ProbeVerdict::Rate)
///     .build()?;
/// assert_eq!(config.half_open.calls, 4);
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// The results that the rates look at.
    pub fn window(mut self, window: Window) -> Self {
        self.config.window = window;
        self
    }

    /// Results needed before a rate is judged.
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.config.min_calls = calls;
        self
    }

    /// Opens at this share of failures (above 0, up to 1).
    pub fn failure_rate(mut self, rate: f64) -> Self {
        self.config.failure_rate = Some(rate);
        self
    }

    /// Turns the failure rate off.
    pub fn no_failure_rate(mut self) -> Self {
        self.config.failure_rate = None;
        self
    }

    /// Opens at this share (above 0, up to 1) of calls that take longer than `slow_call`.
    pub fn slow_rate(mut self, slow_call: Duration, rate: f64) -> Self {
        self.config.slow_call = slow_call;
        self.config.slow_rate = Some(rate);
        self
    }

    /// Turns the slow-call rate off; calls are then not timed.
    pub fn no_slow_rate(mut self) -> Self {
        self.config.slow_rate = None;
        self
    }

    /// Opens at so many failures in a row.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.config.consecutive_failures = Some(failures);
        self
    }

    /// Turns the rule on failures in a row off.
    pub fn no_consecutive_failures(mut self) -> Self {
        self.config.consecutive_failures = None;
        self
    }

    /// Opens when more than `failures` failures fall within a sliding time.
    pub fn failure_limit(mut self, failures: u32, within: Duration) -> Self {
        self.config.failure_limit = Some(FailureLimit { failures, within });
        self
    }

    /// Time from opening to the first probe; the longest wait is raised to it if need be.
    pub fn open_wait(mut self, wait: Duration) -> Self {
        self.config.open_wait.initial = wait;
        self.config.open_wait.max = self.config.open_wait.max.max(wait);
        self
    }

    /// Growth of the open wait for each failed probing, and the longest wait.
    pub fn open_wait_growth(mut self, factor: f64, max: Duration) -> Self {
        self.config.open_wait.factor = factor;
        self.config.open_wait.max = max;
        self
    }

    /// Probes at once while half-open, and how they are judged.
    pub fn probes(mut self, calls: u32, verdict: ProbeVerdict) -> Self {
        self.config.half_open.calls = calls;
        self.config.half_open.verdict = verdict;
        self
    }

    /// How long a probe may stay unanswered, and where probing ends then.
    pub fn probe_wait(mut self, max_wait: ProbeWait, then: AfterProbeWait) -> Self {
        self.config.half_open.max_wait = max_wait;
        self.config.half_open.then = then;
        self
    }

    /// Who notices that the open wait is over.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.config.recovery = recovery;
        self
    }

    /// What a dropped call counts as.
    pub fn on_drop(mut self, rule: OnDrop) -> Self {
        self.config.on_drop = rule;
        self
    }

    /// Longest time for one asynchronous call.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.config.call_timeout = Some(timeout);
        self
    }

    /// The configuration, checked.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`Config::validate`] finds.
    pub fn build(self) -> Result<Config, ConfigError> {
        self.config.validate()?;
        Ok(self.config)
    }
}
