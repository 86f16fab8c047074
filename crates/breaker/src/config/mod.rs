//! The settings of a breaker: plain data, defaults with a reason, a builder.

mod builder;
mod half_open;
mod serde_forms;
mod validate;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use steadfast_base::{ConfigError, ConfigFault};

pub use self::builder::ConfigBuilder;
pub use self::half_open::{AfterProbeWait, HalfOpen, ProbeVerdict, ProbeWait};

use crate::defaults;

use self::serde_forms::{or_off, or_off_seconds, seconds};

/// Everything that can be set on a breaker.
///
/// Build one with [`Config::builder`], or start from [`Config::default`] and assign fields; whoever
/// takes a `Config` validates it. In serialized form durations are seconds as a number, and what is
/// off is the word `"off"`.
///
/// | Setting | Default | Meaning |
/// |---|---|---|
/// | `window` | 100 calls | results that the rates look at |
/// | `min_calls` | 10 | results needed before a rate is judged (at most the window) |
/// | `failure_rate` | 0.5 | opens at this share of failures or more |
/// | `slow_rate` | 0.5 | opens at this share of slow calls or more |
/// | `slow_call` | 1 s | a call that takes longer is slow |
/// | `consecutive_failures` | 5 | opens at so many failures in a row |
/// | `failure_limit` | off | opens at more than so many failures within a sliding time |
/// | `open_wait` | 60 s, x 1, at most 1 h | time from opening to probing |
/// | `half_open` | 3 at once, 3 successes | how probing is judged, see [`HalfOpen`] |
/// | `recovery` | lazy | who notices that the open wait is over, see [`Recovery`] |
/// | `on_drop` | slow is a failure | what a dropped call counts as, see [`OnDrop`] |
/// | `call_timeout` | off | time-out of an asynchronous call |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_breaker::Config;
///
/// let config = Config::builder().failure_rate(0.25).open_wait(Duration::from_secs(5)).build()?;
/// assert_eq!(config.min_calls, 10);
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The results that the rates look at.
    pub window: Window,
    /// Results needed before a rate is judged; a larger number than the window holds means a full window.
    pub min_calls: u32,
    /// Share of failures that opens, above 0 and up to 1.
    #[serde(with = "or_off")]
    pub failure_rate: Option<f64>,
    /// Share of slow calls that opens, above 0 and up to 1. Off: no clock is read around calls.
    #[serde(with = "or_off")]
    pub slow_rate: Option<f64>,
    /// A call that takes longer (strictly) is slow.
    #[serde(with = "seconds")]
    pub slow_call: Duration,
    /// Failures in a row that open.
    #[serde(with = "or_off")]
    pub consecutive_failures: Option<u32>,
    /// Opens when more failures than this fall within its sliding time.
    #[serde(with = "or_off")]
    pub failure_limit: Option<FailureLimit>,
    /// Time from opening to the first probe.
    pub open_wait: OpenWait,
    /// How probing is bounded and judged.
    pub half_open: HalfOpen,
    /// Who notices that the open wait is over.
    pub recovery: Recovery,
    /// What a call counts as whose permit or future is dropped without a result.
    pub on_drop: OnDrop,
    /// Longest time for one asynchronous call; it then fails with kind `Timeout`.
    #[serde(with = "or_off_seconds")]
    pub call_timeout: Option<Duration>,
}

/// The results that the rates look at.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_breaker::{Config, Window};
///
/// let config = Config::builder().window(Window::Time(Duration::from_secs(20))).build()?;
/// assert_ne!(config.window, Window::Calls(100));
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last so many calls.
    Calls(u32),
    /// The calls of the last so much time, in buckets: one-second buckets for whole seconds up to
    /// 300, ten buckets below two seconds, 100 buckets otherwise. The oldest bucket leaves as a whole,
    /// so the effective length is between one bucket less and this.
    Time(#[serde(with = "seconds")] Duration),
}

/// More than `failures` failures within `within` open the breaker.
///
/// The times of the failures are kept, so the window slides exactly: a failure exactly `within` old
/// no longer counts.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_breaker::Config;
///
/// let restarts = Config::failure_limit(100, Duration::from_mins(1));
/// assert_eq!(restarts.failure_rate, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureLimit {
    /// Failures that are still fine.
    pub failures: u32,
    /// Length of the sliding time.
    #[serde(with = "seconds")]
    pub within: Duration,
}

/// The open wait: `initial` x `factor`^n, at most `max`, where n counts failed probings in a row.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_breaker::OpenWait;
///
/// let wait = OpenWait { initial: Duration::from_secs(5), factor: 1.5, max: Duration::from_mins(1) };
/// assert_eq!(wait.after(1), Duration::from_millis(7_500));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenWait {
    /// The wait after opening from closed.
    #[serde(with = "seconds")]
    pub initial: Duration,
    /// Growth for each failed probing, at least 1.
    pub factor: f64,
    /// The longest wait.
    #[serde(with = "seconds")]
    pub max: Duration,
}

impl OpenWait {
    /// The wait after `attempt` failed probings in a row.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_breaker::OpenWait;
    ///
    /// assert_eq!(OpenWait::default().after(0).as_secs(), 60);
    /// ```
    pub fn after(&self, attempt: u32) -> Duration {
        let power = i32::try_from(attempt).unwrap_or(i32::MAX);
        let seconds = self.initial.as_secs_f64() * self.factor.powi(power);
        Duration::try_from_secs_f64(seconds).map_or(self.max, |wait| wait.min(self.max))
    }
}

impl Default for OpenWait {
    fn default() -> Self {
        Self { initial: defaults::OPEN_WAIT, factor: 1.0, max: defaults::OPEN_WAIT_MAX }
    }
}

/// Who notices that the open wait is over.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// The next call; without calls the state keeps reading open.
    Lazy,
    /// Time itself: every reading of the state, and a task running
    /// [`drive`](crate::CircuitBreaker::drive), sees half-open from the deadline on.
    Automatic,
}

/// What a call counts as whose permit or future is dropped without a result.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDrop {
    /// After `slow_call` or longer a slow failure, earlier nothing: an outer time-out is seen, a
    /// caller that lost interest is not blamed on the callee.
    SlowIsFailure,
    /// Nothing; the permit is given back.
    Release,
    /// Always a failure.
    Failure,
}

impl Config {
    /// A builder with the defaults.
    ///
    /// # Example
    ///
    /// ```
    /// let config = steadfast_breaker::Config::builder().consecutive_failures(3).build()?;
    /// assert_eq!(config.consecutive_failures, Some(3));
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Opens on failures in a row alone; all other rules are off.
    ///
    /// # Example
    ///
    /// ```
    /// let config = steadfast_breaker::Config::consecutive(3);
    /// assert_eq!((config.consecutive_failures, config.failure_rate), (Some(3), None));
    /// ```
    pub fn consecutive(failures: u32) -> Self {
        Self { consecutive_failures: Some(failures), ..Self::without_rules() }
    }

    /// Opens when more than `failures` failures fall within a sliding time; all other rules are off.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let config = steadfast_breaker::Config::failure_limit(100, Duration::from_mins(1));
    /// assert!(config.validate().is_ok());
    /// ```
    pub fn failure_limit(failures: u32, within: Duration) -> Self {
        Self { failure_limit: Some(FailureLimit { failures, within }), ..Self::without_rules() }
    }

    fn without_rules() -> Self {
        Self {
            failure_rate: None,
            slow_rate: None,
            consecutive_failures: None,
            failure_limit: None,
            ..Self::default()
        }
    }

    /// How long a probe may stay unanswered; `None` for ever.
    pub(crate) fn probe_wait(&self) -> Option<Duration> {
        match self.half_open.max_wait {
            ProbeWait::OpenWait => Some(self.open_wait.initial),
            ProbeWait::For(wait) => Some(wait),
            ProbeWait::Unlimited => None,
        }
    }

    /// Results needed before the closed window is judged.
    pub(crate) fn judged_from(&self) -> u32 {
        match self.window {
            Window::Calls(calls) => self.min_calls.min(calls),
            Window::Time(_) => self.min_calls,
        }
    }

    /// Results at which a half-open window is judged.
    pub(crate) fn probes_judged_at(&self) -> u32 {
        self.min_calls.min(self.half_open.calls).max(1)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Window::Calls(defaults::WINDOW_CALLS),
            min_calls: defaults::MIN_CALLS,
            failure_rate: Some(defaults::FAILURE_RATE),
            slow_rate: Some(defaults::SLOW_RATE),
            slow_call: defaults::SLOW_CALL,
            consecutive_failures: Some(defaults::CONSECUTIVE_FAILURES),
            failure_limit: None,
            open_wait: OpenWait::default(),
            half_open: HalfOpen::default(),
            recovery: Recovery::Lazy,
            on_drop: OnDrop::SlowIsFailure,
            call_timeout: None,
        }
    }
}
