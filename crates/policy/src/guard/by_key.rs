//! One breaker for each key of the calls of a pipeline.

use std::borrow::Borrow;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use steadfast_base::Time;
use steadfast_breaker::{CircuitBreaker, Config, ConfigError, KeyedBreakers};

use crate::guard::Breakers;

/// One breaker for each key that calls carry ([`Call::key`](crate::Call::key)); clones are the same.
///
/// # Example
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use steadfast_base::Time;
/// use steadfast_breaker::{Config, State};
/// use steadfast_policy::{ByKey, Call, Pipeline};
///
/// let capacity = NonZeroUsize::new(1_000).unwrap();
/// let hosts = ByKey::new("hosts", Config::default(), capacity, Time::system())?;
/// let pipeline = Pipeline::builder().breaker(hosts.clone()).build()?;
/// hosts.breakers().breaker(&1).set_state(State::ForcedOpen)?;
/// let call = |key| pipeline.call_with(Call::new().with_key(key), |_| Ok::<_, ()>(()));
/// assert!(call(1).is_err());
/// assert!(call(2).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ByKey {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    breakers: KeyedBreakers<u64>,
    config: Mutex<Config>,
}

impl ByKey {
    /// Breakers for up to `capacity` keys; of more keys the least used one makes room.
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
        let breakers = KeyedBreakers::new(name, config.clone(), capacity, time)?;
        Ok(Self { inner: Arc::new(Inner { breakers, config: Mutex::new(config) }) })
    }

    /// The breakers themselves.
    pub fn breakers(&self) -> &KeyedBreakers<u64> {
        &self.inner.breakers
    }
}

impl Breakers for ByKey {
    #[inline]
    fn pick(&self, key: u64) -> impl Borrow<CircuitBreaker> {
        self.inner.breakers.breaker(&key)
    }

    fn config(&self) -> Config {
        self.inner.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        self.inner.breakers.reconfigure(config)?;
        *self.inner.config.lock().unwrap_or_else(PoisonError::into_inner) = config.clone();
        Ok(())
    }
}
