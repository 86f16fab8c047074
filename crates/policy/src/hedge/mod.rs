//! Hedging: a second attempt where the first one takes long, and whichever answers first.

mod config;
mod race;
mod run;
mod stage;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use steadfast_base::{ConfigError, Time};

use crate::budget::Budget;
use crate::events::Events;

pub use self::config::{HedgeConfig, HedgeDelay, HedgeLayer};

/// Whether a request may be sent twice; every hedged call has to say.
///
/// # Example
///
/// ```
/// use steadfast_policy::Idempotency;
///
/// assert_ne!(Idempotency::Idempotent, Idempotency::NotIdempotent);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// Sending it twice does what sending it once does.
    Idempotent,
    /// It must be sent once: it is never hedged.
    NotIdempotent,
}

/// Starts further attempts of a slow call and takes the first answer; a clone is another handle.
///
/// An attempt that fails is no answer while another one may still come: only when all have failed is the
/// call lost, with the error of the first attempt. The attempts that lost the race are dropped before the
/// answer is given. Every attempt but the first is paid for from a [`Budget`]; where it is spent, a call
/// goes on with the attempts it has.
///
/// Defaults are those of [`HedgeConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`HEDGE_STARTED`](crate::names::HEDGE_STARTED) | one more attempt was started | `attempt` |
/// | [`HEDGE_REFUSED`](crate::names::HEDGE_REFUSED) | the budget allowed no further one | `attempt` |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_policy::{Budget, BudgetSettings, Hedge, HedgeConfig, Idempotency};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let time = Time::system();
/// let budget = Budget::new(BudgetSettings::ratio(0.05))?;
/// let hedge = Hedge::new(HedgeConfig::after(Duration::from_millis(1)), &budget, time.clone())?;
/// let answer = hedge
///     .run(Idempotency::Idempotent, |attempt| {
///         // The first attempt hangs.
///         let sleep = time.sleep(Duration::from_secs(if attempt == 1 { 60 } else { 0 }));
///         async move {
///             sleep.await;
///             Ok::<_, std::io::Error>(attempt)
///         }
///     })
///     .await?;
/// assert_eq!(answer, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Dean and Barroso, "The tail at scale", 2013; the rules are Polly's.
#[derive(Clone)]
pub struct Hedge {
    inner: Arc<Inner>,
}

struct Inner {
    config: std::sync::RwLock<HedgeConfig>,
    budget: Budget,
    time: Time,
    events: Events,
    calls: AtomicU64,
    hedges: AtomicU64,
    won: AtomicU64,
    refused: AtomicU64,
}

/// The figures of hedging at one moment; counts are those since the last reset.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HedgeStatistics {
    /// Calls.
    pub calls: u64,
    /// Attempts beside the first ones.
    pub hedges: u64,
    /// Calls answered by such an attempt.
    pub won: u64,
    /// Attempts that the budget did not allow.
    pub refused: u64,
}

impl Hedge {
    /// Hedging that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`HedgeConfig::validate`] finds.
    pub fn new(config: HedgeConfig, budget: &Budget, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, budget, time, Events::off())
    }

    /// Hedging that tells each further attempt.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`HedgeConfig::validate`] finds.
    pub fn with_events(
        config: HedgeConfig,
        budget: &Budget,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, budget.clone(), time, events))
    }

    /// Hedging with settings that were validated.
    fn unchecked(config: HedgeConfig, budget: Budget, time: Time, events: Events) -> Self {
        let inner = Inner {
            config: std::sync::RwLock::new(config),
            budget,
            time,
            events,
            calls: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            won: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The settings in force.
    pub fn config(&self) -> HedgeConfig {
        *self.inner.config.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the settings; calls under way keep those they began with.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`HedgeConfig::validate`] finds.
    pub fn reconfigure(&self, config: HedgeConfig) -> Result<(), ConfigError> {
        config.validate()?;
        *self.inner.config.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config;
        Ok(())
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> HedgeStatistics {
        let Inner { calls, hedges, won, refused, .. } = &*self.inner;
        HedgeStatistics {
            calls: calls.load(Ordering::Relaxed),
            hedges: hedges.load(Ordering::Relaxed),
            won: won.load(Ordering::Relaxed),
            refused: refused.load(Ordering::Relaxed),
        }
    }

    /// Sets the counts to zero.
    pub fn reset_statistics(&self) {
        let Inner { calls, hedges, won, refused, .. } = &*self.inner;
        for counter in [calls, hedges, won, refused] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge").field("config", &self.config()).finish_non_exhaustive()
    }
}
