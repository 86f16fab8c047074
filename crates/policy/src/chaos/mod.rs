//! Chaos: faults on purpose, seeded, by rate and schedule, always undone.

mod config;
mod exhaustion;
mod plan;
mod stage;
mod system;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::pending;
use std::panic::panic_any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_base::{ConfigError, Instant, Seed, Time};

use crate::error::Error;
use crate::events::Events;
use crate::names;
use crate::waiting::block_on;

pub use self::config::{CallFault, CallRule, ChaosConfig, ChaosSchedule, SystemFault, SystemRule};
pub use self::stage::ChaosStage;
pub use self::system::{ChaosTarget, SystemChaos};

use self::plan::{CallPlan, Fate};

/// Injects faults into calls; a clone is another handle to the same chaos.
///
/// The faults are a function of the seed and of the order of the calls: the same seed and the same calls
/// give the same faults. Put it innermost in a pipeline, so that the policies around it see the faults as
/// the callee's. Faults of the whole system are those of [`SystemChaos`].
///
/// By default no fault is injected, see [`ChaosConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`CHAOS_INJECTED`](crate::names::CHAOS_INJECTED) | a call met a fault | `fault`, `delay` |
///
/// # Example
///
/// ```
/// use steadfast_base::{Seed, Time};
/// use steadfast_policy::{CallFault, Chaos, ChaosConfig, Error};
///
/// let config = ChaosConfig::default().with_call_fault(CallFault::Error, 1.0);
/// let chaos = Chaos::new(config, Time::system(), Seed::new(7))?;
/// let result = chaos.call(|| "injected", || Ok(5));
/// assert_eq!(result, Err(Error::Inner("injected")));
/// chaos.reconfigure(ChaosConfig::default())?;
/// assert_eq!(chaos.call(|| "injected", || Ok(5)), Ok(5));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
///
/// Basiri and others, "Chaos engineering", 2016.
#[derive(Clone)]
pub struct Chaos {
    inner: Arc<Inner>,
}

struct Inner {
    time: Time,
    events: Events,
    seed: Seed,
    made: Instant,
    state: Mutex<State>,
}

struct State {
    config: ChaosConfig,
    plan: CallPlan,
    injected: u64,
}

impl Chaos {
    /// Chaos that tells nobody what it does.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ChaosConfig::validate`] finds.
    pub fn new(config: ChaosConfig, time: Time, seed: Seed) -> Result<Self, ConfigError> {
        Self::with_events(config, time, seed, Events::off())
    }

    /// Chaos that tells each fault.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ChaosConfig::validate`] finds.
    pub fn with_events(
        config: ChaosConfig,
        time: Time,
        seed: Seed,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, seed, events))
    }

    /// Chaos with settings that were validated.
    fn unchecked(config: ChaosConfig, time: Time, seed: Seed, events: Events) -> Self {
        let (plan, made) = (CallPlan::new(&config, seed), time.now());
        let state = Mutex::new(State { config, plan, injected: 0 });
        Self { inner: Arc::new(Inner { time, events, seed, made, state }) }
    }

    /// The settings in force.
    pub fn config(&self) -> ChaosConfig {
        self.inner.lock().config.clone()
    }

    /// Changes the settings; the random numbers start again from the seed, the schedules go on.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`ChaosConfig::validate`] finds.
    pub fn reconfigure(&self, config: ChaosConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let mut state = self.inner.lock();
        state.plan = CallPlan::new(&config, self.inner.seed);
        state.config = config;
        Ok(())
    }

    /// Calls that met a fault so far.
    pub fn injected(&self) -> u64 {
        self.inner.lock().injected
    }

    /// Makes a call, or what chaos makes of it; `error` makes the error that is injected.
    ///
    /// # Errors
    ///
    /// [`Error::Inner`] with the call's own error or with the injected one.
    ///
    /// # Panics
    ///
    /// Panics if that is the fault, with the message `chaos: injected panic`.
    pub fn call<T, E>(
        &self,
        error: impl FnOnce() -> E,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, Error<E>> {
        match self.inner.meet_blocking() {
            Met::Unharmed(_) => call().map_err(Error::Inner),
            Met::Failed => Err(Error::Inner(error())),
        }
    }

    /// Makes an asynchronous call, or what chaos makes of it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call. A call whose answer is lost ends in no other way.
    pub async fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        error: impl FnOnce() -> E,
        call: impl FnOnce() -> F,
    ) -> Result<T, Error<E>> {
        match self.inner.meet().await {
            Met::Unharmed(_) => call().await.map_err(Error::Inner),
            Met::Failed => Err(Error::Inner(error())),
        }
    }
}

/// How a call came out of its faults.
enum Met {
    /// It may be made; says whether time has passed.
    Unharmed(bool),
    Failed,
}

impl Inner {
    async fn meet(&self) -> Met {
        let fate = self.draw();
        if !fate.delay.is_zero() {
            self.time.sleep(fate.delay).await;
        }
        match fate.instead {
            Some(CallFault::Drop) => pending().await,
            instead => Self::end(instead, fate.delay),
        }
    }

    fn meet_blocking(&self) -> Met {
        let fate = self.draw();
        if !fate.delay.is_zero() {
            block_on(self.time.sleep(fate.delay));
        }
        Self::end(fate.instead, fate.delay)
    }

    #[expect(clippy::panic, reason = "a panic is what was asked for")]
    fn end(instead: Option<CallFault>, delay: Duration) -> Met {
        match instead {
            Some(CallFault::Panic) => panic_any("chaos: injected panic"),
            Some(_) => Met::Failed,
            None => Met::Unharmed(!delay.is_zero()),
        }
    }

    fn draw(&self) -> Fate {
        let mut state = self.lock();
        if state.config.calls.is_empty() {
            return Fate::default();
        }
        let elapsed = self.time.now() - self.made;
        let State { config, plan, injected } = &mut *state;
        let fate = plan.draw(config, elapsed);
        let delayed = !fate.delay.is_zero();
        if delayed || fate.instead.is_some() {
            *injected += 1;
            drop(state);
            let fault = fate.instead.map_or("latency", CallFault::name);
            self.events.emit(names::CHAOS_INJECTED, || {
                [("fault", fault.into()), ("delay", fate.delay.into())]
            });
        }
        fate
    }

    /// Locks the state; no foreign code runs under the lock, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("config", &self.config()).finish_non_exhaustive()
    }
}
