//! Outlier ejection: no calls for a while to the hosts that fail more than the others.

mod config;
mod detector;
mod stage;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use steadfast_base::{ConfigError, Instant, Time, Value};

use crate::error::Error;
use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::config::OutlierConfig;
pub use self::detector::{OutlierCause, OutlierChange, OutlierChangeKind, OutlierDetector};

/// Ejects hosts that are outliers among their equals; a clone is another handle.
///
/// Load balancers choose among [`available`](Self::available); who calls a certain host goes through
/// [`call`](Self::call), which rejects calls to an ejected one. Ejection takes longer each time, and only
/// a share of the hosts is ejected at once, so that the rest is never buried under the whole load.
///
/// Defaults are those of [`OutlierConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`OUTLIER_EJECTED`](crate::names::OUTLIER_EJECTED) | a host is ejected | `host`, `cause`, `for` |
/// | [`OUTLIER_SPARED`](crate::names::OUTLIER_SPARED) | an outlier stays, too many are ejected | `host`, `cause` |
/// | [`OUTLIER_RETURNED`](crate::names::OUTLIER_RETURNED) | a host is no longer ejected | `host` |
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason`, `retry_after` |
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::{OutlierConfig, OutlierEjection};
///
/// let hosts = OutlierEjection::new(OutlierConfig::default(), Time::system())?;
/// hosts.add(&"a");
/// for _ in 0..5 {
///     let _ = hosts.call(&"b", || Err::<(), _>("refused"));
/// }
/// assert_eq!(hosts.available(), ["a"]);
/// let rejected = hosts.call(&"b", || Ok::<_, &str>(())).unwrap_err();
/// assert!(rejected.retry_after().is_some());
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
///
/// After Envoy's outlier detection.
pub struct OutlierEjection<K> {
    inner: Arc<Inner<K>>,
}

struct Inner<K> {
    time: Time,
    events: Events,
    state: Mutex<State<K>>,
}

struct State<K> {
    detector: OutlierDetector<K>,
    ejections: u64,
    spared: u64,
    rejected: u64,
}

/// The figures of outlier ejection at one moment; counts are those since the last reset.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OutlierStatistics {
    /// Hosts known.
    pub hosts: usize,
    /// Hosts ejected now.
    pub ejected: usize,
    /// Ejections.
    pub ejections: u64,
    /// Outliers that were not ejected because too many others were.
    pub spared: u64,
    /// Calls turned away.
    pub rejected: u64,
}

impl<K> Clone for OutlierEjection<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K: Ord + Clone + fmt::Display> OutlierEjection<K> {
    /// Ejection that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`OutlierConfig::validate`] finds.
    pub fn new(config: OutlierConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, time, Events::off())
    }

    /// Ejection that tells each ejection, return and rejection.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`OutlierConfig::validate`] finds.
    pub fn with_events(
        config: OutlierConfig,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, events))
    }

    /// Ejection with settings that were validated.
    fn unchecked(config: OutlierConfig, time: Time, events: Events) -> Self {
        let detector = OutlierDetector::unchecked(config);
        let state = State { detector, ejections: 0, spared: 0, rejected: 0 };
        Self { inner: Arc::new(Inner { time, events, state: Mutex::new(state) }) }
    }

    /// Makes a host known before its first result.
    pub fn add(&self, host: &K) {
        self.step(self.inner.time.now(), |detector, now| {
            detector.add(host, now);
            Vec::new()
        });
    }

    /// Forgets a host; says whether it was known.
    pub fn remove(&self, host: &K) -> bool {
        self.inner.lock().detector.remove(host)
    }

    /// Takes in the result of a call that was made by other means.
    pub fn record(&self, host: &K, success: bool) {
        self.record_at(host, success, self.inner.time.now());
    }

    /// Takes in the result of a call that ended at `now`, a reading of the clock.
    pub fn record_at(&self, host: &K, success: bool, now: Instant) {
        self.step(now, |detector, now| detector.record(host, success, now));
    }

    /// Ejects a host by hand, if the share allows it.
    pub fn eject(&self, host: &K) {
        self.step(self.inner.time.now(), |detector, now| detector.eject_by_hand(host, now));
    }

    /// The hosts that may be called now.
    pub fn available(&self) -> Vec<K> {
        let mut available = Vec::new();
        self.step(self.inner.time.now(), |detector, now| {
            let changes = detector.tick(now);
            available.extend(detector.available(now).cloned());
            changes
        });
        available
    }

    /// Lets a call to a host through.
    ///
    /// # Errors
    ///
    /// Rejects, with the time to come back, while the host is ejected.
    pub fn admit(&self, host: &K) -> Result<(), Rejection> {
        self.admit_at(host, self.inner.time.now())
    }

    /// Lets a call through that starts at `now`, a reading of the clock.
    ///
    /// # Errors
    ///
    /// As [`admit`](Self::admit).
    pub fn admit_at(&self, host: &K, now: Instant) -> Result<(), Rejection> {
        let mut until = None;
        self.step(now, |detector, now| {
            let changes = detector.tick(now);
            until = detector.ejected_until(host);
            changes
        });
        let Some(until) = until else { return Ok(()) };
        self.inner.lock().rejected += 1;
        let rejection =
            Rejection::new(names::OUTLIER, Reason::Ejected).with_retry_after(until - now);
        self.inner.events.rejected(&rejection);
        Err(rejection)
    }

    /// Calls a host unless it is ejected; an `Err` is a failure.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the call was not made, [`Error::Inner`] with the call's own error.
    pub fn call<T, E>(&self, host: &K, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        self.admit(host)?;
        let result = call();
        self.record(host, result.is_ok());
        result.map_err(Error::Inner)
    }

    /// Calls a host asynchronously unless it is ejected; an `Err` is a failure.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call, which then counts as nothing; put a time-out inside.
    pub async fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        host: &K,
        call: impl FnOnce() -> F,
    ) -> Result<T, Error<E>> {
        self.admit(host)?;
        let result = call().await;
        self.record(host, result.is_ok());
        result.map_err(Error::Inner)
    }

    /// The settings in force.
    pub fn config(&self) -> OutlierConfig {
        *self.inner.lock().detector.config()
    }

    /// Changes the settings; ejections keep their end.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`OutlierConfig::validate`] finds.
    pub fn reconfigure(&self, config: OutlierConfig) -> Result<(), ConfigError> {
        self.inner.lock().detector.reconfigure(config)
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> OutlierStatistics {
        self.step(self.inner.time.now(), OutlierDetector::tick);
        let state = self.inner.lock();
        let (hosts, ejected) = state.detector.counts();
        let State { ejections, spared, rejected, .. } = *state;
        OutlierStatistics { hosts, ejected, ejections, spared, rejected }
    }

    /// Sets the counts to zero.
    pub fn reset_statistics(&self) {
        let mut state = self.inner.lock();
        (state.ejections, state.spared, state.rejected) = (0, 0, 0);
    }

    /// Steps the detector under the lock, then tells what changed.
    fn step(
        &self,
        now: Instant,
        step: impl FnOnce(&mut OutlierDetector<K>, Instant) -> Vec<OutlierChange<K>>,
    ) {
        let mut state = self.inner.lock();
        let changes = step(&mut state.detector, now);
        for change in &changes {
            match change.kind {
                OutlierChangeKind::Ejected { .. } => state.ejections += 1,
                OutlierChangeKind::Spared(_) => state.spared += 1,
                OutlierChangeKind::Returned => {}
            }
        }
        drop(state);
        for change in &changes {
            self.tell(change, now);
        }
    }

    fn tell(&self, change: &OutlierChange<K>, now: Instant) {
        let host = ("host", Value::Display(&change.host));
        let events = &self.inner.events;
        match change.kind {
            OutlierChangeKind::Ejected { cause, until } => {
                events.emit(names::OUTLIER_EJECTED, || {
                    [host, ("cause", cause.name().into()), ("for", (until - now).into())]
                });
            }
            OutlierChangeKind::Spared(cause) => {
                events.emit(names::OUTLIER_SPARED, || [host, ("cause", cause.name().into())]);
            }
            OutlierChangeKind::Returned => events.emit(names::OUTLIER_RETURNED, || [host]),
        }
    }
}

impl<K> Inner<K> {
    /// Locks the state; the only foreign code under the lock compares and copies keys.
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> fmt::Debug for OutlierEjection<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ejections = self.inner.lock().ejections;
        f.debug_struct("OutlierEjection").field("ejections", &ejections).finish_non_exhaustive()
    }
}
