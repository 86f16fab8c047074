//! Looking at a breaker and controlling it by hand.

use std::time::Duration;

use steadfast_base::Health;

use crate::config::{Config, ConfigError};
use crate::metrics::Metrics;
use crate::outcome::Outcome;
use crate::state::{IllegalTransition, State};

use super::{CallEvent, CircuitBreaker};

impl CircuitBreaker {
    /// The state now.
    ///
    /// With [`Recovery::Lazy`](crate::Recovery::Lazy) an open breaker reads open until a call comes,
    /// also after the open wait.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// assert_eq!(breaker.state(), State::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> State {
        self.inner.gate.lasting_state().unwrap_or_else(|| {
            let now = self.inner.now();
            self.inner.step(|machine| {
                machine.tick(now);
                machine.state()
            })
        })
    }

    /// How healthy the state is, see [`State::health`].
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Health, Time};
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// assert_eq!(breaker.health(), Health::Healthy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn health(&self) -> Health {
        self.state().health()
    }

    /// All figures at one moment.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let _ = breaker.call(|| Err::<(), _>("no"));
    /// let metrics = breaker.metrics();
    /// assert_eq!((metrics.window.failed, metrics.failure_rate), (1, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        let now = self.inner.now();
        self.inner.step(|machine| machine.metrics(now))
    }

    /// The settings.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// assert_eq!(breaker.config(), Config::default());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn config(&self) -> Config {
        self.inner.gate.lock().config().clone()
    }

    /// Moves to `state` by hand; moving to the current state does nothing.
    ///
    /// # Errors
    ///
    /// Fails, keeping the state, for closed to half-open: a closed breaker has nothing to probe.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// breaker.set_state(State::ForcedOpen)?;
    /// assert!(breaker.acquire().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_state(&self, state: State) -> Result<(), IllegalTransition> {
        let now = self.inner.now();
        self.inner.step(|machine| machine.set_state(state, now))
    }

    /// Opens for `wait` from now on, by hand; an open breaker stays open for the new time.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// breaker.open_for(Duration::from_secs(30));
    /// assert_eq!(breaker.state(), State::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_for(&self, wait: Duration) {
        let now = self.inner.now();
        self.inner.step(|machine| machine.open_for(wait, now));
    }

    /// Starts anew: closed, an empty window, the first open wait. The totals stay.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, State};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// breaker.set_state(State::ForcedOpen)?;
    /// breaker.reset();
    /// assert_eq!(breaker.state(), State::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&self) {
        let now = self.inner.now();
        self.inner.step(|machine| machine.reset(now));
    }

    /// Takes new settings and keeps the state, see [`Machine::reconfigure`](crate::Machine::reconfigure).
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults, and keeps the old ones.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// breaker.reconfigure(Config::builder().failure_rate(0.25).build()?)?;
    /// assert_eq!(breaker.config().failure_rate, Some(0.25));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconfigure(&self, config: Config) -> Result<(), ConfigError> {
        let now = self.inner.now();
        self.inner.step(|machine| {
            machine.reconfigure(config, now)?;
            machine.publish_settings();
            Ok(())
        })
    }

    /// The call time-out in force, in nanoseconds; the maximum if there is none. For pipelines.
    #[doc(hidden)]
    #[inline]
    pub fn __call_timeout_nanos(&self) -> u64 {
        self.inner.gate.call_timeout_nanos()
    }

    /// Whether a call may be made whose result will be reported by [`record`](Self::record).
    ///
    /// While half-open this takes a probe's place, which `record` frees. Prefer
    /// [`acquire`](Self::acquire): a permit cannot be forgotten, and knows which state gave it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, Outcome};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// if breaker.is_allowed() {
    ///     breaker.record(Outcome::Success, Duration::from_millis(3));
    /// }
    /// assert_eq!(breaker.metrics().window.total, 1);
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    pub fn is_allowed(&self) -> bool {
        self.inner.gate.open_epoch().is_some() || self.inner.admit_by_hand().is_ok()
    }

    /// Records the result of a call that took `took`, without a permit, for the current state.
    ///
    /// While half-open it stands for the oldest call that [`is_allowed`](Self::is_allowed) let through;
    /// if there is none it feeds the totals only.
    pub fn record(&self, outcome: Outcome, took: Duration) {
        let at = self.inner.now();
        self.inner.step_then(
            |machine| (machine.epoch(), machine.record(outcome, took, at)),
            |&(epoch, recorded)| {
                self.inner.tell_result(recorded, outcome, CallEvent { at, epoch, took });
            },
        );
    }
}
