//! Wrapping what is acquired, so that what is not given back can be found.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::Time;

use super::ledger::{Key, Ledger};
use super::report::{LeakKind, Site, Suspect};
use super::sampler::Sampler;

/// Watches acquires of one thing: permits of a bulkhead, connections of a pool; clones are the same tracker.
///
/// [`track`](Self::track) wraps what was acquired. One in 128 acquires is tracked, with the place in the
/// source that called; the others cost a few nanoseconds. A tracked thing that is held for longer than
/// allowed is reported once, at the next scan; one that is dropped before that never is.
///
/// Made by [`LeakDetector::tracker`](crate::LeakDetector::tracker).
///
/// # Example
///
/// ```
/// use steadfast_health::{LeakDetector, LeakKind};
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
///
/// fn run(leaks: &LeakDetector, bulkhead: &Bulkhead) -> Result<(), Box<dyn std::error::Error>> {
///     let permits = leaks.tracker("inventory permits", LeakKind::Permits)?;
///     let permit = permits.track(bulkhead.try_acquire()?);
///     // The call; then what is wrapped is taken out, and watched no longer.
///     permit.into_inner().succeed();
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct LeakTracker {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    kind: LeakKind,
    /// In nanoseconds.
    held_max: AtomicU64,
    sampler: Sampler,
    ledger: Mutex<Ledger>,
    time: Time,
}

impl LeakTracker {
    pub(super) fn new(
        name: String,
        kind: LeakKind,
        held_max: Duration,
        sampler: Sampler,
        tracked_max: usize,
        time: Time,
    ) -> Self {
        let ledger = Mutex::new(Ledger::new(tracked_max));
        let held_max = AtomicU64::new(nanos(held_max));
        Self { inner: Arc::new(Inner { name, kind, held_max, sampler, ledger, time }) }
    }

    /// Wraps something that was acquired, until it is dropped; the caller is its acquire site.
    ///
    /// Functions that acquire on behalf of others carry `#[track_caller]`, so that their callers are named.
    /// In an `async fn` the site is a line of that function, whoever awaits it.
    ///
    /// # Example
    ///
    /// See [`LeakDetector`](crate::LeakDetector).
    #[track_caller]
    #[inline]
    pub fn track<T>(&self, value: T) -> Tracked<T> {
        let held = if self.inner.sampler.hit() { self.hold(Site::caller()) } else { None };
        Tracked { value, held }
    }

    #[cold]
    fn hold(&self, site: Site) -> Option<Box<Hold>> {
        let now = self.inner.time.now();
        let key = self.inner.ledger().acquire(site, now)?;
        Some(Box::new(Hold { inner: Arc::clone(&self.inner), key }))
    }

    /// The tracker's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What it watches.
    pub fn kind(&self) -> LeakKind {
        self.inner.kind
    }

    /// How many tracked things are held now; about one in 128 of all.
    pub fn held(&self) -> usize {
        self.inner.ledger().len()
    }

    /// How many acquires should have been tracked, but found the table full of things not yet overdue.
    pub fn not_tracked(&self) -> u64 {
        self.inner.ledger().not_tracked()
    }

    pub(super) fn held_max(&self) -> Duration {
        Duration::from_nanos(self.inner.held_max.load(Ordering::Relaxed))
    }

    pub(super) fn set_held_max(&self, held_max: Duration) {
        self.inner.held_max.store(nanos(held_max), Ordering::Relaxed);
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.inner.ledger()
    }

    #[cfg(test)]
    pub(super) fn next_is_not_sampled(&self) -> bool {
        self.inner.sampler.next_is_not_a_hit()
    }

    /// About how many are held that were acquired at each place.
    pub(super) fn suspects(&self) -> Vec<Suspect> {
        let about = u64::from(self.inner.sampler.one_in());
        let sites = self.inner.ledger().sites();
        sites.into_iter().map(|(site, held)| Suspect { site, held_about: held * about }).collect()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl fmt::Debug for LeakTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeakTracker")
            .field("name", &self.inner.name)
            .field("kind", &self.inner.kind)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// The ledger is whole between any two statements, so a poisoned lock is taken over.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something acquired, watched until it is dropped; use it as what it wraps.
///
/// # Example
///
/// See [`LeakDetector`](crate::LeakDetector).
#[must_use = "what is not kept is given back at once"]
pub struct Tracked<T> {
    value: T,
    /// Present in one of so many.
    held: Option<Box<Hold>>,
}

impl<T> Tracked<T> {
    /// What is wrapped, watched no longer.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whether this is one that is tracked.
    pub fn is_tracked(&self) -> bool {
        self.held.is_some()
    }

    /// Changes what is wrapped; it is held since the same moment, from the same site.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Tracked<U> {
        Tracked { value: change(self.value), held: self.held }
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

/// Takes its entry out of the ledger when dropped.
struct Hold {
    inner: Arc<Inner>,
    key: Key,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.inner.ledger().release(self.key);
    }
}
