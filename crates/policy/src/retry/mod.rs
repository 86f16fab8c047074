//! Retries: which results, how often, when, and within which budget.

mod backoff;
mod condition;
mod run;
mod settings;
mod stage;
mod statistics;
mod step;

#[cfg(test)]
mod tests;

use std::time::Duration;

use steadfast_base::{ConfigError, Seed, Time};

use crate::budget::Budget;
use crate::events::Events;
use crate::names;
use crate::pipeline::{Environment, Layer, Profile};

pub use self::backoff::{Backoff, Growth};
pub use self::condition::{ByRecovery, Condition, ErrorsRetry, UnlessOk, Verdict, When};
pub use self::settings::RetrySettings;
pub use self::stage::Retrier;
pub use self::statistics::RetryStatistics;

/// A retry, described: settings, condition and budget.
///
/// Becomes a [`Retrier`] by [`build`](Self::build), or the stage of a pipeline.
///
/// # One retry per call
///
/// Retries in layers multiply: three attempts on five layers are 243 calls. So the attempts of a retry
/// carry a mark in their [`CallContext`](steadfast_base::CallContext), and a retry that finds the mark
/// makes one attempt and passes its result on. The mark goes wherever the context goes: to other actors,
/// and with a transport to other machines.
///
/// Defaults are those of [`RetrySettings`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`RETRY_SCHEDULED`](crate::names::RETRY_SCHEDULED) | an attempt failed and another one follows | `attempt`, `wait`, `kind` |
/// | [`RETRY_SUCCEEDED`](crate::names::RETRY_SUCCEEDED) | a call succeeded after a retry | `attempts` |
/// | [`RETRY_GAVE_UP`](crate::names::RETRY_GAVE_UP) | a failed call is not tried again | `attempts`, `why` |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_policy::{Budget, BudgetSettings, Retry};
///
/// let budget = Budget::new(BudgetSettings::default())?;
/// let retry = Retry::exponential(Duration::from_millis(1)).max_attempts(3).budget(&budget);
/// let retry = retry.build(Time::system())?;
/// let parsed = retry.call(|call| if call.attempt() < 3 { Err("busy") } else { Ok(42) });
/// assert_eq!(parsed, Ok(42));
/// assert_eq!(retry.statistics().recovered, 1);
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a retry does nothing until it is built"]
pub struct Retry<C = ErrorsRetry> {
    settings: RetrySettings,
    condition: C,
    budget: Option<Budget>,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new(RetrySettings::default())
    }
}

impl Retry {
    /// A retry with these settings that tries every error again.
    pub fn new(settings: RetrySettings) -> Self {
        Self { settings, condition: ErrorsRetry, budget: None }
    }

    /// Default settings with waits of `base`, twice `base`, four times `base` and so on.
    pub fn exponential(base: Duration) -> Self {
        Self::default().backoff(Backoff::exponential(base))
    }

    /// Default settings with the same wait each time.
    pub fn constant(base: Duration) -> Self {
        Self::default().backoff(Backoff::constant(base))
    }

    /// Default settings with waits of `base`, twice `base`, three times `base` and so on.
    pub fn linear(base: Duration) -> Self {
        Self::default().backoff(Backoff::linear(base))
    }

    /// Default settings with random waits that grow with the wait before.
    pub fn decorrelated(base: Duration) -> Self {
        Self::default().backoff(Backoff::decorrelated(base))
    }
}

impl<C> Retry<C> {
    /// Attempts, the first one included.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// Waits between attempts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Up to this share of a wait is added at random, 0 to 1.
    pub fn jitter(mut self, share: f64) -> Self {
        self.settings.jitter = share;
        self
    }

    /// Time for all attempts and the waits between them; no attempt starts after it.
    ///
    /// Attempts inherit it as their deadline. It does not drop a running attempt: the pipeline's
    /// `total_deadline` does.
    pub fn total_deadline(mut self, total: Duration) -> Self {
        self.settings.total_deadline = Some(total);
        self
    }

    /// Longest wait that a callee may ask for; beyond it the call is given up.
    pub fn retry_after_max(mut self, longest: Duration) -> Self {
        self.settings.retry_after_max = longest;
        self
    }

    /// Says [`Error::Exhausted`](crate::Error::Exhausted) when all attempts are made, instead of passing
    /// the last result on unchanged.
    pub fn fail_after_max(mut self) -> Self {
        self.settings.fail_after_max = true;
        self
    }

    /// Whether an attempt that timed out is tried again.
    pub fn retry_timeouts(mut self, retry: bool) -> Self {
        self.settings.retry_timeouts = retry;
        self
    }

    /// Whether an attempt that a policy further in rejected is tried again, after the wait that the
    /// rejection asks for.
    pub fn retry_rejections(mut self, retry: bool) -> Self {
        self.settings.retry_rejections = retry;
        self
    }

    /// The budget that bounds the retries of all its callers together.
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Only the errors that `test` picks are tried again.
    pub fn when<E, F: Fn(&E) -> bool>(self, test: F) -> Retry<When<F>> {
        self.condition(When(test))
    }

    /// Errors say themselves whether another attempt helps, and when.
    pub fn by_recovery(self) -> Retry<ByRecovery> {
        self.condition(ByRecovery)
    }

    /// Values that `accept` does not accept are tried again too.
    pub fn unless_ok<T, F: Fn(&T) -> bool>(self, accept: F) -> Retry<UnlessOk<C, F>> {
        let Self { settings, condition, budget } = self;
        Retry { settings, condition: UnlessOk(condition, accept), budget }
    }

    /// A condition of one's own.
    pub fn condition<D>(self, condition: D) -> Retry<D> {
        let Self { settings, budget, .. } = self;
        Retry { settings, condition, budget }
    }

    /// The retry at work on its own, outside of a pipeline.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults; lists all of them.
    pub fn build(self, time: Time) -> Result<Retrier<C>, ConfigError> {
        self.settings.validate()?;
        let environment = Environment {
            name: names::RETRY.to_owned(),
            time,
            seed: Seed::from_entropy(),
            events: Events::off(),
        };
        Ok(self.into_stage(&environment))
    }
}

impl<C> Layer for Retry<C> {
    type Stage = Retrier<C>;

    fn profile(&self) -> Profile {
        let mut profile = Profile::new(names::RETRY).with_faults(self.settings.faults());
        profile.budgeted = self.budget.is_some();
        profile
    }

    fn into_stage(self, environment: &Environment) -> Retrier<C> {
        Retrier::new(self.settings, self.condition, self.budget, environment)
    }
}
