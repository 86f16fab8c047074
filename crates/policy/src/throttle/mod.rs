//! Client-side throttling: not sending what the callee would turn down anyway.

mod config;
mod stage;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use steadfast_base::{ConfigError, Instant, Seed, Stream, Time};

use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::config::ThrottleConfig;
pub use self::stage::ThrottleBy;

use self::window::Window;

/// Holds requests back when the callee turns many down; a clone is another handle to the same counts.
///
/// With `requests` sent or held back in the window and `accepts` of them accepted, a request is held back
/// with probability max(0, (requests - K x accepts) / (requests + 1)). So a callee that turns everything
/// down still gets a trickle by which its recovery is seen, and while at least 1/K of the requests are
/// accepted none is held back. Requests count when they are sent, not when they are answered, so a callee
/// that stops answering is noticed before the first time-out.
///
/// Defaults are those of [`ThrottleConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason` |
///
/// # Example
///
/// ```
/// use steadfast_base::{Seed, Time};
/// use steadfast_policy::{Throttle, ThrottleConfig};
///
/// let throttle = Throttle::new(ThrottleConfig::default(), Time::system(), Seed::new(7))?;
/// throttle.try_acquire()?.accepted();
/// assert_eq!(throttle.statistics().accepts, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// "Handling Overload" in Google's SRE book.
#[derive(Clone)]
pub struct Throttle {
    inner: Arc<Inner>,
}

struct Inner {
    time: Time,
    events: Events,
    state: Mutex<State>,
}

struct State {
    config: ThrottleConfig,
    window: Window,
    stream: Stream,
    held_back: u64,
}

/// The figures of a throttle at one moment.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ThrottleStatistics {
    /// Requests in the window, sent or held back.
    pub requests: u64,
    /// Accepted requests in the window.
    pub accepts: u64,
    /// How likely the next request is held back, 0 to 1.
    pub rejection_probability: f64,
    /// Requests held back since the throttle was made or reset.
    pub held_back: u64,
}

impl Throttle {
    /// A throttle that tells nobody what it decides; the seed decides which requests are held back.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ThrottleConfig::validate`] finds.
    pub fn new(config: ThrottleConfig, time: Time, seed: Seed) -> Result<Self, ConfigError> {
        Self::with_events(config, time, seed, Events::off())
    }

    /// A throttle that tells each rejection.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ThrottleConfig::validate`] finds.
    pub fn with_events(
        config: ThrottleConfig,
        time: Time,
        seed: Seed,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, seed, events))
    }

    /// A throttle with settings that were validated.
    fn unchecked(config: ThrottleConfig, time: Time, seed: Seed, events: Events) -> Self {
        let (window, stream) = (Window::new(&config), seed.stream("policy.throttle"));
        let state = Mutex::new(State { config, window, stream, held_back: 0 });
        Self { inner: Arc::new(Inner { time, events, state }) }
    }

    /// Asks to send a request.
    ///
    /// # Errors
    ///
    /// Holds the request back with the probability of the moment; when to come back is not known.
    pub fn try_acquire(&self) -> Result<ThrottlePermit, Rejection> {
        self.try_acquire_at(self.inner.time.now())
    }

    /// Asks to send a request at `now`, a reading of the throttle's clock.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_at(&self, now: Instant) -> Result<ThrottlePermit, Rejection> {
        let mut state = self.inner.lock();
        let probability = state.window.probability(now);
        // No number is drawn while all is well, which keeps that path cheap.
        let held_back = probability > 0.0 && state.stream.chance(probability);
        state.window.request(now);
        if !held_back {
            return Ok(ThrottlePermit { inner: Arc::clone(&self.inner), sent: now });
        }
        state.held_back += 1;
        drop(state);
        let rejection = Rejection::new(names::THROTTLE, Reason::Throttled);
        self.inner.events.rejected(&rejection);
        Err(rejection)
    }

    /// The settings in force.
    pub fn config(&self) -> ThrottleConfig {
        self.inner.lock().config
    }

    /// Changes the settings; the counts start again if the window changes.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`ThrottleConfig::validate`] finds.
    pub fn reconfigure(&self, config: ThrottleConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let mut state = self.inner.lock();
        if state.config != config {
            state.window.reconfigure(&config);
            state.config = config;
        }
        Ok(())
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> ThrottleStatistics {
        let now = self.inner.time.now();
        let state = self.inner.lock();
        let (requests, accepts) = state.window.counts(now);
        let rejection_probability = state.window.probability(now);
        ThrottleStatistics { requests, accepts, rejection_probability, held_back: state.held_back }
    }

    /// Forgets all requests.
    pub fn reset(&self) {
        let mut state = self.inner.lock();
        state.window = Window::new(&state.config);
        state.held_back = 0;
    }
}

impl Inner {
    /// Locks the state; no foreign code runs under the lock, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("config", &self.config()).finish_non_exhaustive()
    }
}

/// A request that is sent; say whether the callee accepted it.
///
/// Dropped without a word it was not accepted, as a request that times out is not.
#[must_use = "a dropped permit counts as a request that was not accepted"]
pub struct ThrottlePermit {
    inner: Arc<Inner>,
    sent: Instant,
}

impl ThrottlePermit {
    /// The callee accepted the request, whatever its answer was.
    pub fn accepted(self) {
        self.inner.lock().window.accept(self.sent);
    }

    /// The callee turned the request down, or did not answer in time.
    pub fn rejected(self) {}

    /// The request was not sent after all; it no longer counts.
    pub fn cancel(self) {
        self.inner.lock().window.forget(self.sent);
    }
}

impl fmt::Debug for ThrottlePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottlePermit").field("sent", &self.sent).finish_non_exhaustive()
    }
}
