//! One breaker for each key (host, shard, tenant), in bounded memory.

mod control;
mod hash;
mod recent;
mod table;

#[cfg(all(test, not(suite_loom)))]
mod tests;

use std::borrow::Borrow;
use std::cell::{Ref, RefCell};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thread_local::ThreadLocal;

use steadfast_base::Time;

use crate::breaker::{CircuitBreaker, Family};
use crate::config::{Config, ConfigError};
use crate::gate::ShardCount;
use crate::machine::Machine;
use crate::rejection::CallError;

pub use self::hash::KeyHasher;
use self::recent::Recent;
use self::table::{Entry, Table};

/// Locks over the keys; keys of different parts do not wait for each other.
const PARTS: usize = 16;

/// Breakers by key, made on first use, at most `capacity` of them.
///
/// A failing host opens its own breaker and no other. At the capacity a new key takes the place of a
/// closed breaker that was not used for a while (a clock hand, second chance). Breakers that are not
/// closed are kept as long as a closed one is found among the 64 that an eviction looks at; only a
/// flood of failing keys can evict them. An evicted key starts anew, closed; permits under way are
/// still valid and end with the breaker that gave them.
///
/// A breaker with the default window takes about 650 bytes beside its key, and has one counter instead
/// of sixteen: cheapest for many keys with some calls each. For one key with most of the load take a
/// [`CircuitBreaker`].
///
/// Each thread finds the up to 256 keys that it asked for lately without a lock, in 4 KiB of its own for
/// each set of breakers; up to as many evicted ones stay in memory until others take their places there.
///
/// Keys hash by a fixed function ([`KeyHasher`]), so that a run can be repeated; for keys that an
/// attacker can choose pass `std::hash::RandomState` to [`with_hasher`](Self::with_hasher).
///
/// # Example
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use steadfast_base::Time;
/// use steadfast_breaker::{Config, KeyedBreakers, State};
///
/// let capacity = NonZeroUsize::new(1_000).unwrap();
/// let hosts = KeyedBreakers::<String>::new("hosts", Config::consecutive(1), capacity, Time::system())?;
/// let _ = hosts.call("10.0.0.1", || Err::<(), _>("refused"));
/// assert_eq!(hosts.breaker("10.0.0.1").state(), State::Open);
/// assert_eq!(hosts.call("10.0.0.2", || Ok::<_, &str>(7)), Ok(7));
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
pub struct KeyedBreakers<K: Send + Sync, S = BuildHasherDefault<KeyHasher>> {
    parts: Box<[Part<K>]>,
    /// What each thread asked for lately.
    recent: ThreadLocal<RefCell<Recent<K>>>,
    /// Entries in all parts, and those about to be inserted.
    len: AtomicUsize,
    evicted: AtomicU64,
    capacity: usize,
    /// What new breakers are copied from.
    template: Mutex<Machine>,
    /// Counts changes of the settings.
    settings_version: AtomicU64,
    family: Arc<Family>,
    hasher: S,
    setup: Option<Box<Setup<K>>>,
}

type Setup<K> = dyn Fn(&K, &CircuitBreaker) + Send + Sync;

#[repr(align(128))]
struct Part<K>(Mutex<Table<K>>);

impl<K> Part<K> {
    fn lock(&self) -> MutexGuard<'_, Table<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone + Send + Sync> KeyedBreakers<K> {
    /// No breakers yet; each gets `config`.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has faults; lists all of them.
    pub fn new(
        name: impl Into<String>,
        config: Config,
        capacity: NonZeroUsize,
        time: Time,
    ) -> Result<Self, ConfigError> {
        Self::with_hasher(name, config, capacity, time, BuildHasherDefault::default())
    }
}

impl<K: Hash + Eq + Clone + Send + Sync, S: BuildHasher> KeyedBreakers<K, S> {
    /// Like [`new`](KeyedBreakers::new), with the function that hashes keys.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has faults; lists all of them.
    pub fn with_hasher(
        name: impl Into<String>,
        config: Config,
        capacity: NonZeroUsize,
        time: Time,
        hasher: S,
    ) -> Result<Self, ConfigError> {
        let parts = (0..PARTS).map(|_| Part(Mutex::new(Table::new()))).collect();
        Ok(Self {
            parts,
            recent: ThreadLocal::new(),
            len: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            capacity: capacity.get(),
            template: Mutex::new(Machine::new(config)?),
            settings_version: AtomicU64::new(0),
            family: Arc::new(Family { name: name.into().into(), time }),
            hasher,
            setup: None,
        })
    }

    /// Runs `setup` on each new breaker before its first call, for example to add a listener that
    /// knows the key.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{Config, KeyedBreakers};
    ///
    /// let capacity = NonZeroUsize::new(10).unwrap();
    /// let shards = KeyedBreakers::<u32>::new("shards", Config::default(), capacity, Time::system())?
    ///     .with_setup(|key, breaker| println!("{key}: {}", breaker.name()));
    /// shards.breaker(&3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_setup(
        mut self,
        setup: impl Fn(&K, &CircuitBreaker) + Send + Sync + 'static,
    ) -> Self {
        self.setup = Some(Box::new(setup));
        self
    }

    /// The breaker of `key`, made if need be.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{Config, KeyedBreakers};
    ///
    /// let capacity = NonZeroUsize::new(10).unwrap();
    /// let shards = KeyedBreakers::<u32>::new("shards", Config::default(), capacity, Time::system())?;
    /// assert!(shards.breaker(&3).acquire().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn breaker<Q>(&self, key: &Q) -> CircuitBreaker
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.entry(key, |entry| entry.breaker.clone())
    }

    /// The breaker of `key`, if there is one.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{Config, KeyedBreakers};
    ///
    /// let capacity = NonZeroUsize::new(10).unwrap();
    /// let shards = KeyedBreakers::<u32>::new("shards", Config::default(), capacity, Time::system())?;
    /// assert!(shards.get(&3).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<CircuitBreaker>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let table = self.part(hash).lock();
        table.get(hash, key).map(|entry| entry.breaker.clone())
    }

    /// Makes a call under the breaker of `key`, see [`CircuitBreaker::call`].
    ///
    /// # Errors
    ///
    /// Fails as [`CircuitBreaker::call`] does.
    #[inline]
    pub fn call<Q, T, E>(
        &self,
        key: &Q,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        self.entry(key, |entry| entry.breaker.call(call))
    }

    /// Makes an asynchronous call under the breaker of `key`, see [`CircuitBreaker::call_async`].
    ///
    /// # Errors
    ///
    /// Fails as [`CircuitBreaker::call_async`] does.
    ///
    /// # Cancel safety
    ///
    /// As [`CircuitBreaker::call_async`].
    pub async fn call_async<Q, T, E, F>(
        &self,
        key: &Q,
        call: impl FnOnce() -> F,
    ) -> Result<T, CallError<E>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<T, E>>,
    {
        self.breaker(key).call_async(call).await
    }

    /// Shows the entry of `key`, made if need be.
    #[inline]
    fn entry<Q, R>(&self, key: &Q, show: impl FnOnce(&Entry<K>) -> R) -> R
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let recent = self.recent.get_or(|| RefCell::new(Recent::new(self.capacity)));
        // Whoever asks for another key while this one is shown finds the cell borrowed, and keeps nothing.
        let known = recent.try_borrow().ok();
        let known =
            known.and_then(|recent| Ref::filter_map(recent, |recent| recent.get(hash, key)).ok());
        let found;
        let entry = if let Some(known) = &known {
            &**known
        } else {
            found = self.look_up(hash, key, recent);
            &*found
        };
        show(entry)
    }

    /// Finds the entry of `key` in the table, or makes it, and keeps it at hand.
    #[inline(never)]
    fn look_up<Q>(&self, hash: u64, key: &Q, recent: &RefCell<Recent<K>>) -> Arc<Entry<K>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let known = self.part(hash).lock().get(hash, key).cloned();
        let entry = known.unwrap_or_else(|| self.insert(hash, key.to_owned()));
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.keep(hash, Arc::clone(&entry));
        }
        entry
    }

    fn template(&self) -> MutexGuard<'_, Machine> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn part(&self, hash: u64) -> &Part<K> {
        self.parts.get(part_of(hash)).expect("a remainder is below the number of parts")
    }

    /// Adds the breaker of `key`, unless another thread was first.
    #[cold]
    fn insert(&self, hash: u64, key: K) -> Arc<Entry<K>> {
        self.make_room(hash);
        let version = self.settings_version.load(Ordering::Acquire);
        let machine = self.template().clone();
        let breaker = CircuitBreaker::with(machine, Arc::clone(&self.family), ShardCount::One);
        if let Some(setup) = &self.setup {
            setup(&key, &breaker);
        }
        let mut table = self.part(hash).lock();
        if let Some(known) = table.get(hash, &key).cloned() {
            drop(table);
            self.len.fetch_sub(1, Ordering::Relaxed);
            return known;
        }
        let entry = table.insert(hash, key, breaker);
        drop(table);
        if self.settings_version.load(Ordering::Acquire) != version {
            // New settings came after the template was read and may have missed this breaker.
            let config = self.template().config().clone();
            entry.breaker.reconfigure(config).expect("the template's settings are valid");
        }
        entry
    }

    /// Reserves the place of one entry, evicting another one at the capacity.
    fn make_room(&self, hash: u64) {
        let reserve = |len: usize| (len < self.capacity).then_some(len + 1);
        if self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserve).is_ok() {
            return;
        }
        // The place of the evicted entry becomes the new one's, so the number stays.
        let first = part_of(hash);
        for offset in 0..PARTS {
            let part = self.parts.get((first + offset) % PARTS);
            let evicted = part.and_then(|part| part.lock().evict());
            if evicted.is_some() {
                self.evicted.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        // Every entry is just being inserted by another thread: one more for each such thread.
        self.len.fetch_add(1, Ordering::Relaxed);
    }
}

impl<K: Send + Sync, S> fmt::Debug for KeyedBreakers<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreakers")
            .field("name", &self.family.name)
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// The part of a hash; the table in it uses the lower bits.
#[inline]
fn part_of(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or(0) % PARTS
}
