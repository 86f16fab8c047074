//! A circuit breaker in a pipeline, with the call time-out of its configuration and a fallback.

mod by_key;
mod stage;

use std::borrow::Borrow;

use steadfast_base::{ConfigFault, FailureKind};
use steadfast_breaker::{
    self as breaker, CircuitBreaker, Classify, Config, OnDrop, Outcome, ProbeVerdict, Window,
};

use crate::error::Error;
use crate::fallback::NoAnswer;
use crate::names;
use crate::pipeline::{Environment, Layer, Profile};

pub use self::by_key::ByKey;
pub use self::stage::GuardStage;

/// A circuit breaker in a pipeline, described.
///
/// The breaker is the caller's: its state, listeners, metrics and manual control are reached through it.
/// What the pipeline adds: the breaker's clock readings are shared with the other policies,
/// `call_timeout` of its configuration limits each call, and a fallback may answer in its place.
///
/// Defaults are those of the breaker's [`Config`](steadfast_breaker::Config).
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason`, `retry_after` |
/// | [`TIMED_OUT`](crate::names::TIMED_OUT) | a call ran into `call_timeout` | `policy`, `after` |
///
/// What the breaker itself does is told to its own listeners, see
/// [`Event`](steadfast_breaker::Event).
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_breaker::{CircuitBreaker, Config, State};
/// use steadfast_policy::{Fallback, Guard, Pipeline};
///
/// let breaker = CircuitBreaker::new("inventory", Config::default(), Time::system())?;
/// let guard = Guard::new(breaker.clone()).fallback(Fallback::value(0));
/// let pipeline = Pipeline::builder().breaker(guard).build()?;
/// breaker.set_state(State::ForcedOpen)?;
/// assert_eq!(pipeline.call(|_| Ok::<_, ()>(42)), Ok(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a guard does nothing outside of a pipeline"]
pub struct Guard<B = CircuitBreaker, C = Failures, A = NoAnswer> {
    breakers: B,
    classify: C,
    answer: A,
}

impl<B: Breakers> Guard<B> {
    /// Guards calls by a breaker, or by the breaker of the call's key.
    pub fn new(breakers: B) -> Self {
        Self { breakers, classify: Failures, answer: NoAnswer }
    }
}

impl From<CircuitBreaker> for Guard {
    fn from(breaker: CircuitBreaker) -> Self {
        Self::new(breaker)
    }
}

impl From<&CircuitBreaker> for Guard {
    fn from(breaker: &CircuitBreaker) -> Self {
        Self::new(breaker.clone())
    }
}

impl From<ByKey> for Guard<ByKey> {
    fn from(breakers: ByKey) -> Self {
        Self::new(breakers)
    }
}

impl<B, C, A> Guard<B, C, A> {
    /// Decides what a result means to the breaker, in place of [`Failures`].
    pub fn classify<D>(self, classify: D) -> Guard<B, D, A> {
        let Self { breakers, answer, .. } = self;
        Guard { breakers, classify, answer }
    }

    /// Answers in place of rejections, failures and time-outs; the breaker counts them all the same.
    pub fn fallback<F>(self, fallback: crate::Fallback<F>) -> Guard<B, C, F> {
        let Self { breakers, classify, .. } = self;
        Guard { breakers, classify, answer: fallback.into_answer() }
    }
}

/// One breaker, or one for each key.
pub trait Breakers {
    /// The breaker of a key.
    fn pick(&self, key: u64) -> impl Borrow<CircuitBreaker>;

    /// The settings of the breakers.
    fn config(&self) -> Config;

    /// Puts new settings in force.
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults and keeps the old ones.
    fn reconfigure(&self, config: &Config) -> Result<(), breaker::ConfigError>;
}

impl Breakers for CircuitBreaker {
    #[inline]
    fn pick(&self, _key: u64) -> impl Borrow<CircuitBreaker> {
        ByReference(self)
    }

    fn config(&self) -> Config {
        self.config()
    }

    fn reconfigure(&self, config: &Config) -> Result<(), breaker::ConfigError> {
        self.reconfigure(config.clone())
    }
}

/// A breaker that lives elsewhere.
struct ByReference<'a>(&'a CircuitBreaker);

impl Borrow<CircuitBreaker> for ByReference<'_> {
    #[inline]
    fn borrow(&self) -> &CircuitBreaker {
        self.0
    }
}

/// Own errors and time-outs are failures; rejections by policies further in count as nothing.
///
/// A call that was rejected, or whose deadline had passed before it could start, says nothing about the
/// callee.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures;

impl<T, E> Classify<T, Error<E>> for Failures {
    #[inline]
    fn classify(&self, result: &Result<T, Error<E>>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(error) if !error.was_made() => Outcome::Ignored,
            Err(error) if error.is_timeout() => Outcome::failure(FailureKind::Timeout),
            Err(_) => Outcome::error(),
        }
    }
}

/// Whether breakers with these settings look at the time of every call.
pub(crate) fn is_timed(config: &Config) -> bool {
    config.slow_rate.is_some()
        || config.call_timeout.is_some()
        || matches!(config.window, Window::Time(_))
}

/// Faults of a breaker's settings, for a pipeline.
pub(crate) fn faults(config: &Config) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    if let Err(error) = config.validate() {
        let given = error.faults().iter();
        faults.extend(
            given.map(|fault| {
                ConfigFault::new(format!("breaker.{}", fault.field()), fault.problem())
            }),
        );
    }
    let half_open = &config.half_open;
    if half_open.verdict == ProbeVerdict::Rate && half_open.calls < config.min_calls {
        let problem = format!(
            "is {}, fewer than min_calls ({}), so probing is judged by a rate of fewer results than a \
             closed window; raise half_open.calls, lower min_calls, or judge by successes",
            half_open.calls, config.min_calls
        );
        faults.push(ConfigFault::new("breaker.half_open.calls", problem));
    }
    faults
}

impl<B: Breakers, C, A> Layer for Guard<B, C, A> {
    type Stage = GuardStage<B, C, A>;

    fn profile(&self) -> Profile {
        let config = self.breakers.config();
        let mut profile = Profile::new(names::BREAKER).with_faults(faults(&config));
        profile.ignores_drops = config.on_drop == OnDrop::Release;
        profile.limit = config.call_timeout;
        profile
    }

    fn into_stage(self, environment: &Environment) -> GuardStage<B, C, A> {
        GuardStage::new(self.breakers, self.classify, self.answer, environment)
    }
}
