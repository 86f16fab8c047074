//! Looking at all breakers of a family, removing some, changing the settings of all.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::Ordering;

use crate::breaker::CircuitBreaker;
use crate::config::{Config, ConfigError};
use crate::machine::Machine;
use crate::state::State;

use super::KeyedBreakers;

impl<K: Hash + Eq + Clone + Send + Sync, S: BuildHasher> KeyedBreakers<K, S> {
    /// Forgets the breaker of `key`; the key starts anew at its next call.
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
    /// shards.breaker(&3);
    /// assert!(shards.remove(&3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let removed = self.part(hash).lock().remove(hash, key).is_some();
        if removed {
            self.len.fetch_sub(1, Ordering::Relaxed);
        }
        removed
    }

    /// Breakers at the moment.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    /// Whether there is no breaker yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most breakers there can be.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Breakers that had to make room for new keys so far.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// The keys whose breaker is in another state than closed, with the state.
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
    /// assert!(shards.not_closed().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn not_closed(&self) -> Vec<(K, State)> {
        let suspects = self.matching(|breaker| !breaker.is_closed()).into_iter();
        let states = suspects.map(|(key, breaker)| (key, breaker.state()));
        states.filter(|(_, state)| *state != State::Closed).collect()
    }

    /// The settings of new breakers.
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
    /// assert_eq!(shards.config(), Config::default());
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    pub fn config(&self) -> Config {
        self.template().config().clone()
    }

    /// Gives all breakers new settings, those there are and those to come, see
    /// [`CircuitBreaker::reconfigure`].
    ///
    /// # Errors
    ///
    /// Fails if the settings have faults, and keeps the old ones everywhere.
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
    /// shards.breaker(&3);
    /// shards.reconfigure(&Config::consecutive(2))?;
    /// assert_eq!(shards.breaker(&3).config(), Config::consecutive(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        *self.template() = Machine::new(config.clone())?;
        self.settings_version.fetch_add(1, Ordering::Release);
        for (_, breaker) in self.matching(|_| true) {
            breaker.reconfigure(config.clone())?;
        }
        Ok(())
    }

    fn matching(&self, wanted: impl Fn(&CircuitBreaker) -> bool) -> Vec<(K, CircuitBreaker)> {
        let mut found = Vec::new();
        for part in &self.parts {
            let table = part.lock();
            let matching = table.entries().filter(|entry| wanted(&entry.breaker));
            found.extend(matching.map(|entry| (entry.key.clone(), entry.breaker.clone())));
        }
        found
    }
}
