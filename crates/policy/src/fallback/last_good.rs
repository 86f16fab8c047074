//! A fallback on the last good value, for each key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast_base::{ConfigFault, Instant, Time};

use crate::error::Error;
use crate::events::Events;
use crate::fallback::tell;
use crate::limits;
use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
use crate::serde_forms::seconds;

/// Remembers the last good value of each key and answers errors with it; described.
///
/// The key is the call's ([`Call::key`], 0 where none is given). Of more keys than `keys_max` the value
/// that was stored first makes room. A value older than `max_age` is no answer.
///
/// Each success clones its value under a lock.
///
/// Events are those of [`Fallback`](crate::Fallback).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{LastGood, Pipeline};
///
/// let pipeline = Pipeline::builder()
///     .fallback(LastGood::new(100, Duration::from_mins(5)))
///     .build()?;
/// assert_eq!(pipeline.call(|_| Ok::<_, &str>(21)), Ok(21));
/// assert_eq!(pipeline.call(|_| Err("no weather today")), Ok(21));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a fallback does nothing outside of a pipeline"]
pub struct LastGood<T> {
    settings: LastGoodSettings,
    remembers: std::marker::PhantomData<fn() -> T>,
}

impl<T: Clone> LastGood<T> {
    /// Remembers the values of up to `keys_max` keys for `max_age`.
    pub fn new(keys_max: usize, max_age: Duration) -> Self {
        Self {
            settings: LastGoodSettings::new(keys_max, max_age),
            remembers: std::marker::PhantomData,
        }
    }
}

/// What a fallback on the last good value remembers; all of it can be set live.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{LastGood, LastGoodSettings, Pipeline, PipelineSettings};
///
/// let pipeline = Pipeline::builder()
///     .fallback(LastGood::<u32>::new(100, Duration::from_mins(5)))
///     .build()?;
/// let mut settings = PipelineSettings::default();
/// settings.last_good = Some(LastGoodSettings::new(10, Duration::from_mins(1)));
/// pipeline.apply(&settings)?;
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastGoodSettings {
    /// Keys of which the value is remembered; of more the one that was stored first makes room.
    pub keys_max: usize,
    /// How old a value may be to be an answer.
    #[serde(with = "seconds")]
    pub max_age: Duration,
}

impl LastGoodSettings {
    /// The values of up to `keys_max` keys, for `max_age`.
    pub fn new(keys_max: usize, max_age: Duration) -> Self {
        Self { keys_max, max_age }
    }

    pub(crate) fn faults(&self) -> Vec<ConfigFault> {
        let most = limits::LAST_GOOD_KEYS_MAX;
        let mut faults = Vec::new();
        if self.keys_max == 0 || self.keys_max > most {
            let problem = format!("is {}; it must be between 1 and {most}", self.keys_max);
            faults.push(ConfigFault::new("fallback.keys_max", problem));
        }
        faults
    }
}

impl<T> Layer for LastGood<T> {
    type Stage = LastGoodStage<T>;

    fn profile(&self) -> Profile {
        Profile::new(names::FALLBACK).with_faults(self.settings.faults()).remembering()
    }

    fn into_stage(self, environment: &Environment) -> LastGoodStage<T> {
        let cache =
            Cache { settings: self.settings, values: HashMap::new(), keys: VecDeque::new() };
        LastGoodStage {
            cache: Mutex::new(cache),
            time: environment.time.clone(),
            events: environment.events.clone(),
        }
    }
}

/// The last good values at work.
#[derive(Debug)]
pub struct LastGoodStage<T> {
    cache: Mutex<Cache<T>>,
    time: Time,
    events: Events,
}

#[derive(Debug)]
struct Cache<T> {
    settings: LastGoodSettings,
    values: HashMap<u64, Kept<T>>,
    /// The keys that there are, in the order in which they were stored first.
    keys: VecDeque<u64>,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    at: Instant,
}

impl<T> Cache<T> {
    /// Stores a value; gives back the one that it takes the place of, to be dropped behind the lock.
    #[must_use = "foreign code may run when a value is dropped, so not under the lock"]
    fn store(&mut self, key: u64, value: T, at: Instant) -> Option<Kept<T>> {
        let new = Kept { value, at };
        if let Some(kept) = self.values.get_mut(&key) {
            return Some(std::mem::replace(kept, new));
        }
        let evicted = self.evict(1);
        self.keys.push_back(key);
        self.values.insert(key, new);
        evicted
    }

    /// Takes one value out, if there is no room for so many more.
    #[must_use = "foreign code may run when a value is dropped, so not under the lock"]
    fn evict(&mut self, more: usize) -> Option<Kept<T>> {
        let is_over = self.keys.len() + more > self.settings.keys_max;
        let oldest = if is_over { self.keys.pop_front() } else { None };
        oldest.and_then(|oldest| self.values.remove(&oldest))
    }
}

impl<T: Clone> Cache<T> {
    fn load(&self, key: u64, now: Instant) -> Option<T> {
        let kept = self.values.get(&key)?;
        (now - kept.at <= self.settings.max_age).then(|| kept.value.clone())
    }
}

impl<T> LastGoodStage<T> {
    fn cache(&self) -> MutexGuard<'_, Cache<T>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts settings in force that were checked.
    pub(crate) fn set(&self, settings: LastGoodSettings) {
        self.cache().settings = settings;
        // One at a time, so that each is dropped behind the lock.
        loop {
            let evicted = self.cache().evict(0);
            if evicted.is_none() {
                return;
            }
        }
    }
}

impl<T: Clone> LastGoodStage<T> {
    fn mend<E>(&self, call: &Call, mut done: Done<T, E>) -> Done<T, E> {
        let now = done.ended(&self.time);
        if let Ok(value) = &done.result {
            let value = value.clone();
            let replaced = self.cache().store(call.key(), value, now);
            drop(replaced);
            return done;
        }
        let kept = self.cache().load(call.key(), now);
        let kind = done.result.as_ref().err().map_or("error", Error::kind);
        tell(&self.events, kind, kept.is_some());
        match kept {
            Some(value) => Done::at(Ok(value), now),
            None => done,
        }
    }
}

impl<T: Clone, E> Stage<T, E> for LastGoodStage<T> {
    async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        self.mend(&call, next.run(call).await)
    }

    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        self.mend(&call, next.call(call))
    }
}
