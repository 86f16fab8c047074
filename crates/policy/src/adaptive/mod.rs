//! Adaptive concurrency: the number of calls at once follows what the callee can bear.

mod config;
mod limit;
mod samples;
mod stage;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use steadfast_base::{ConfigError, Instant, Time};

use crate::bulkhead::places::Places;
use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::config::{AdaptiveAlgorithm, AdaptiveConfig, Aimd, Gradient};
pub use self::limit::{AdaptiveLimit, Sample, SampleOutcome};

/// Limits how many calls run at once to what the callee can bear; a clone is another handle.
///
/// Nobody waits: a call above the limit is rejected at once. Each call that ends may move the limit, by
/// the rules of [`AdaptiveAlgorithm`]; [`AdaptiveLimit`] is the same without clock and lock.
///
/// Guaranteed: the limit stays within its range; a call that is dropped gives its place back. Not
/// guaranteed: that a limit suits a callee whose latency has nothing to do with its load.
///
/// Defaults are those of [`AdaptiveConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`ADAPTIVE_LIMIT_CHANGED`](crate::names::ADAPTIVE_LIMIT_CHANGED) | the limit moved | `from`, `to` |
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason` |
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::{AdaptiveConfig, AdaptiveLimiter};
///
/// let limiter = AdaptiveLimiter::new(AdaptiveConfig::gradient(), Time::system())?;
/// let permit = limiter.try_acquire()?;
/// permit.succeed();
/// assert_eq!(limiter.statistics().running, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// After Netflix's concurrency-limits (AIMD) and Envoy's adaptive concurrency filter (gradient).
#[derive(Clone)]
pub struct AdaptiveLimiter {
    inner: Arc<Inner>,
}

struct Inner {
    places: Places,
    time: Time,
    events: Events,
    limit: Mutex<AdaptiveLimit>,
    rejected: AtomicU64,
    permitted: AtomicU64,
}

/// The figures of an adaptive limit at one moment.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AdaptiveStatistics {
    /// Calls that may run now.
    pub limit: u32,
    /// Calls running now.
    pub running: u32,
    /// Calls let in since the last reset.
    pub permitted: u64,
    /// Calls turned away since the last reset.
    pub rejected: u64,
    /// The latency of a callee without load, as last measured.
    pub least_latency: Option<Duration>,
}

impl AdaptiveLimiter {
    /// A limiter that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`AdaptiveConfig::validate`] finds.
    pub fn new(config: AdaptiveConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, time, Events::off())
    }

    /// A limiter that tells each rejection and each change of the limit.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`AdaptiveConfig::validate`] finds.
    pub fn with_events(
        config: AdaptiveConfig,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, events))
    }

    /// A limiter with settings that were validated.
    fn unchecked(config: AdaptiveConfig, time: Time, events: Events) -> Self {
        let limit = AdaptiveLimit::unchecked(config);
        let inner = Inner {
            places: Places::new(limit.current()),
            time,
            events,
            limit: Mutex::new(limit),
            rejected: AtomicU64::new(0),
            permitted: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Asks for a place.
    ///
    /// # Errors
    ///
    /// Rejects at the limit.
    pub fn try_acquire(&self) -> Result<AdaptivePermit<'_>, Rejection> {
        self.try_acquire_at(self.inner.time.now())
    }

    /// Asks for a place at `now`, a reading of the limiter's clock.
    ///
    /// # Errors
    ///
    /// Rejects at the limit.
    pub fn try_acquire_at(&self, now: Instant) -> Result<AdaptivePermit<'_>, Rejection> {
        self.inner.take()?;
        Ok(AdaptivePermit { owner: Owner::Borrowed(&self.inner), started: now, ended: None })
    }

    /// Asks for a place with a permit that may outlive this handle.
    ///
    /// # Errors
    ///
    /// Rejects at the limit.
    pub fn try_acquire_owned(&self) -> Result<AdaptivePermit<'static>, Rejection> {
        let started = self.inner.time.now();
        self.inner.take()?;
        let owner = Owner::Shared(Arc::clone(&self.inner));
        Ok(AdaptivePermit { owner, started, ended: None })
    }

    /// The settings in force.
    pub fn config(&self) -> AdaptiveConfig {
        *self.inner.lock().config()
    }

    /// Changes the settings; the limit goes on from where it is, within its new range.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`AdaptiveConfig::validate`] finds.
    pub fn reconfigure(&self, config: AdaptiveConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let mut limit = self.inner.lock();
        limit.reconfigure(config);
        self.inner.places.set_limit(limit.current());
        Ok(())
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> AdaptiveStatistics {
        let limit = self.inner.lock();
        self.inner.fold();
        AdaptiveStatistics {
            limit: limit.current(),
            running: self.inner.places.word().taken(),
            permitted: self.inner.permitted.load(Ordering::Relaxed),
            rejected: self.inner.rejected.load(Ordering::Relaxed),
            least_latency: limit.least_latency(),
        }
    }

    /// Sets the counts to zero.
    pub fn reset_statistics(&self) {
        let _limit = self.inner.lock();
        self.inner.fold();
        self.inner.permitted.store(0, Ordering::Relaxed);
        self.inner.rejected.store(0, Ordering::Relaxed);
    }
}

impl fmt::Debug for AdaptiveLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveLimiter")
            .field("limit", &*self.inner.lock())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn take(&self) -> Result<(), Rejection> {
        if self.places.try_take() {
            return Ok(());
        }
        if self.places.word().must_fold() {
            let _limit = self.lock();
            self.fold();
            if self.places.try_take() {
                return Ok(());
            }
        }
        self.rejected.fetch_add(1, Ordering::Relaxed);
        let rejection = Rejection::new(names::ADAPTIVE_LIMIT, Reason::LimitReached);
        self.events.rejected(&rejection);
        Err(rejection)
    }

    /// Adds what the word counted to the total. Under the lock.
    fn fold(&self) {
        self.permitted.fetch_add(self.places.take_admitted().admitted(), Ordering::Relaxed);
    }

    fn give_back(&self, started: Instant, ended: Option<(Instant, SampleOutcome)>) {
        if let Some((ended, outcome)) = ended {
            let running = self.places.word().taken();
            let sample = Sample { started, ended, running, outcome };
            let mut limit = self.lock();
            let before = limit.current();
            if limit.observe(&sample) {
                let now = limit.current();
                self.places.set_limit(now);
                drop(limit);
                self.events.emit(names::ADAPTIVE_LIMIT_CHANGED, || {
                    [("from", before.into()), ("to", now.into())]
                });
            }
        }
        // Nobody ever waits for these places, so this succeeds.
        self.places.give_back();
    }

    /// Locks the limit; no foreign code runs under the lock, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, AdaptiveLimit> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place below an adaptive limit; say what the call came to.
///
/// Dropped without a word the call was abandoned, see [`SampleOutcome::Abandoned`].
#[must_use = "dropping a permit at once gives the place back"]
pub struct AdaptivePermit<'a> {
    owner: Owner<'a>,
    started: Instant,
    /// What the call came to; `None` until it is known.
    ended: Option<Ended>,
}

enum Ended {
    With(SampleOutcome, Option<Instant>),
    Ignored,
}

enum Owner<'a> {
    Borrowed(&'a Inner),
    Shared(Arc<Inner>),
}

impl Deref for Owner<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        match self {
            Self::Borrowed(inner) => inner,
            Self::Shared(inner) => inner,
        }
    }
}

impl AdaptivePermit<'_> {
    /// The call ended; its latency counts.
    pub fn succeed(mut self) {
        self.ended = Some(Ended::With(SampleOutcome::Success, None));
    }

    /// The call timed out, or the callee turned it away for want of capacity.
    pub fn overloaded(mut self) {
        self.ended = Some(Ended::With(SampleOutcome::Overload, None));
    }

    /// The call ended in a way that says nothing about load, such as an error of the request.
    pub fn ignore(mut self) {
        self.ended = Some(Ended::Ignored);
    }

    /// The call ended at `now`, a reading of the limiter's clock.
    pub fn finish_at(mut self, outcome: SampleOutcome, now: Instant) {
        self.ended = Some(Ended::With(outcome, Some(now)));
    }
}

impl Drop for AdaptivePermit<'_> {
    fn drop(&mut self) {
        let now = || self.owner.time.now();
        let ended = match self.ended.take() {
            Some(Ended::Ignored) => None,
            Some(Ended::With(outcome, at)) => Some((at.unwrap_or_else(now), outcome)),
            None => Some((now(), SampleOutcome::Abandoned)),
        };
        self.owner.give_back(self.started, ended);
    }
}

impl fmt::Debug for AdaptivePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptivePermit").field("started", &self.started).finish_non_exhaustive()
    }
}
