//! Quarantine: what crashes whoever handles it is kept away, and tried again one at a time.

mod config;
mod core;
mod permit;
mod window;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{
    ConfigError, Event, Instant, NullSink, Recoverable, Recovery, Sink, Time, Value,
};

use crate::names;

pub use self::config::QuarantineConfig;
pub use self::permit::QuarantinePermit;

use self::core::{Change, Core};

/// Keeps calls away whose key has crashed its handlers; a clone is another handle to the same.
///
/// A key says what calls have in common: the fingerprint of a request, an actor, a host. It is blocked once
/// `crashes_min` of its calls have crashed within the window, and at least `crash_ratio` of those that
/// finished. After its time one probe is let in: if it succeeds the key is free, and its past forgotten; if it
/// crashes the time doubles, up to `ttl_max`. A probe that does not come back within that time has crashed.
///
/// Defaults are those of [`QuarantineConfig`].
///
/// # Guarantees
///
/// - Of a blocked key there is one call at a time, and none before its time.
/// - The result of a call that was admitted before its key was blocked, probed or freed counts for nothing.
/// - At most `keys_max` keys are remembered. Beyond them the one used longest ago is forgotten, so that a flood
///   of new keys can free none that is blocked while others are watched.
///
/// Not guaranteed: calls that were admitted already may still crash after their key was blocked.
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`QUARANTINE_BLOCKED`](names::QUARANTINE_BLOCKED) | a key was blocked, or stays so after a probe | `key`, `ttl` |
/// | [`QUARANTINE_RELEASED`](names::QUARANTINE_RELEASED) | a probe succeeded, or a key was freed by hand | `key` |
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_cascade::{Quarantine, QuarantineConfig, QuarantineError};
///
/// let quarantine = Quarantine::new(QuarantineConfig::default(), Time::system())?;
/// let parse = |text: &'static str| quarantine.run(&text, || text.parse::<u32>(), |_crashed| true);
/// assert_eq!(parse("17").unwrap(), 17);
/// assert!(matches!(parse("x"), Err(QuarantineError::Failed(_))));
/// assert!(matches!(parse("x"), Err(QuarantineError::Failed(_))));
/// assert!(matches!(parse("x"), Err(QuarantineError::Quarantined(_))), "twice was enough");
/// # Ok::<(), steadfast_base::ConfigError>(())
/// ```
pub struct Quarantine<K> {
    inner: Arc<Inner<K>>,
}

pub(super) struct Inner<K> {
    time: Time,
    sink: Arc<dyn Sink>,
    core: Mutex<Core<K>>,
}

/// A key that is blocked.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedKey<K> {
    /// The key.
    pub key: K,
    /// How long until a probe may go, or until the one that is out counts as crashed.
    pub left: Duration,
    /// How long it is blocked in all.
    pub ttl: Duration,
    /// Whether a probe is out.
    pub probing: bool,
}

/// The call was not made: its key is in quarantine.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// When to come back at the earliest: the next call may be the probe then.
    pub retry_after: Duration,
}

impl fmt::Display for Quarantined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in quarantine: its calls crashed; try it again after {:?}", self.retry_after)
    }
}

impl Error for Quarantined {}

impl Recoverable for Quarantined {
    /// After the block: a repetition before is turned away too.
    fn recovery(&self) -> Recovery {
        Recovery::RetryAfter(self.retry_after)
    }
}

/// Why a call through a quarantine has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuarantineError<E> {
    /// It was not made.
    Quarantined(Quarantined),
    /// It failed by itself.
    Failed(E),
}

impl<E: fmt::Display> fmt::Display for QuarantineError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantined(quarantined) => fmt::Display::fmt(quarantined, f),
            Self::Failed(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: Error + 'static> Error for QuarantineError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Quarantined(_) => None,
            Self::Failed(error) => error.source(),
        }
    }
}

impl<K: Hash + Eq + Clone + fmt::Debug> Quarantine<K> {
    /// A quarantine that tells nobody.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`QuarantineConfig::validate`] finds.
    pub fn new(config: QuarantineConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_sink(config, time, Arc::new(NullSink))
    }

    /// A quarantine that tells which keys it blocks and frees.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`QuarantineConfig::validate`] finds.
    pub fn with_sink(
        config: QuarantineConfig,
        time: Time,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let core = Mutex::new(Core::new(config));
        Ok(Self { inner: Arc::new(Inner { time, sink, core }) })
    }

    /// Asks to make a call. Say of the permit how it ended.
    ///
    /// # Errors
    ///
    /// [`Quarantined`] while the key is blocked, or its probe is out.
    pub fn try_acquire(&self, key: &K) -> Result<QuarantinePermit<K>, Quarantined> {
        let now = self.inner.time.now();
        match self.inner.lock().acquire(key, now) {
            Ok(ticket) => Ok(QuarantinePermit::new(&self.inner, key.clone(), ticket)),
            Err(retry_after) => Err(Quarantined { retry_after }),
        }
    }

    /// Makes a call, of which `crashed` tells by its error whether it crashed; a panic always did.
    ///
    /// # Errors
    ///
    /// [`QuarantineError::Quarantined`] if it was not made, else its own error.
    pub fn run<T, E>(
        &self,
        key: &K,
        call: impl FnOnce() -> Result<T, E>,
        crashed: impl FnOnce(&E) -> bool,
    ) -> Result<T, QuarantineError<E>> {
        let permit = self.try_acquire(key).map_err(QuarantineError::Quarantined)?;
        permit.end(call(), crashed)
    }

    /// As [`run`](Self::run), of a future, which is not made if the call is not.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped counts neither as crashed nor as succeeded; if it was the probe, the next call is.
    pub async fn call<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        key: &K,
        call: impl FnOnce() -> F,
        crashed: impl FnOnce(&E) -> bool,
    ) -> Result<T, QuarantineError<E>> {
        let permit = self.try_acquire(key).map_err(QuarantineError::Quarantined)?;
        permit.end(call().await, crashed)
    }

    /// Blocks a key for `ttl`, whatever is known of it.
    pub fn block(&self, key: &K, ttl: Duration) {
        let now = self.inner.time.now();
        let change = self.inner.lock().begin(key, ttl, now);
        self.inner.tell(key, Some(change));
    }

    /// Frees a key by hand; false if it was not blocked.
    pub fn release(&self, key: &K) -> bool {
        let released = self.inner.lock().release(key);
        self.inner.tell(key, released.then_some(Change::Released));
        released
    }

    /// Whether a key is blocked, its probe included.
    pub fn is_blocked(&self, key: &K) -> bool {
        self.inner.lock().is_blocked(key)
    }

    /// The blocked keys, the one whose time is over first in front.
    pub fn blocked(&self) -> Vec<BlockedKey<K>> {
        let now = self.inner.time.now();
        let listed = self.inner.lock().list();
        let of = |(key, until, ttl, probing): (K, Instant, Duration, bool)| {
            let left = until.saturating_duration_since(now);
            BlockedKey { key, left, ttl, probing }
        };
        listed.into_iter().map(of).collect()
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.inner.lock().len()
    }

    /// The settings in force.
    pub fn config(&self) -> QuarantineConfig {
        self.inner.lock().config
    }

    /// Changes the settings. Blocks stay as they are; with another window what was counted is forgotten.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`QuarantineConfig::validate`] finds.
    pub fn reconfigure(&self, config: QuarantineConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.inner.lock().reconfigure(config);
        Ok(())
    }
}

impl<K> Inner<K> {
    /// Locks the state. Of foreign code only the hash and equality of keys run under the lock.
    fn lock(&self) -> MutexGuard<'_, Core<K>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most characters of a key in an event.
const KEY_CHARS: usize = 128;

impl<K: fmt::Debug> Inner<K> {
    fn tell(&self, key: &K, change: Option<Change>) {
        let Some(change) = change.filter(|_| self.sink.enabled()) else { return };
        let key: String = format!("{key:?}").chars().take(KEY_CHARS).collect();
        let at = self.time.timestamp();
        let key = (names::KEY, Value::Str(&key));
        match change {
            Change::Blocked(ttl) => {
                let fields = [key, (names::TTL, Value::Duration(ttl))];
                self.sink.emit(&Event::new(names::QUARANTINE_BLOCKED, at, &fields));
            }
            Change::Released => {
                self.sink.emit(&Event::new(names::QUARANTINE_RELEASED, at, &[key]));
            }
        }
    }
}

impl<K> Clone for Quarantine<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K> fmt::Debug for Quarantine<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quarantine")
            .field("config", &self.inner.lock().config)
            .finish_non_exhaustive()
    }
}
