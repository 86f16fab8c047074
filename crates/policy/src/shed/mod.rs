//! Load shedding: the important and the fresh first, the stale not at all.

mod acquire;
mod codel;
mod config;
mod queue;
mod stage;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use serde::Serialize;

use steadfast_base::{ConfigError, Instant, Priority, Time};

use crate::bulkhead::desk::Desk;
use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::acquire::ShedPermit;
pub use self::codel::CoDel;
pub use self::config::ShedConfig;

use self::queue::ShedQueue;

/// Runs so many calls at once and sheds what it cannot serve in time; a clone is another handle.
///
/// Calls that find no place wait in a bounded queue with one lane for each [`Priority`]; the most
/// important lane is served first. A lane whose delay stays above the target for a whole interval is
/// overloaded ([`CoDel`]): calls older than twice the target are shed, and the newest is served first
/// (adaptive LIFO) until one interval sees a short delay again. A call that finds the queue full takes
/// the place of the oldest of the least important ones, or is shed itself. A call whose deadline passed is
/// never run.
///
/// Because each lane is judged by itself and the important ones go first, calls of the highest priority
/// are not shed while their own load stays within capacity.
///
/// Defaults are those of [`ShedConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`SHED_OVERLOAD`](crate::names::SHED_OVERLOAD) | a lane began or ceased to be overloaded | `overloaded` |
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason` |
///
/// # Example
///
/// ```
/// use steadfast_base::{Priority, Time};
/// use steadfast_policy::{LoadShedder, ShedConfig};
///
/// let shedder = LoadShedder::new(ShedConfig::new(1), Time::system())?;
/// let permit = shedder.try_acquire()?;
/// assert!(shedder.try_acquire().is_err());
/// drop(permit);
/// assert!(shedder.acquire_blocking(Priority::High).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Maurer, "Fail at Scale", ACM Queue 2015; Nichols and Jacobson, "Controlling queue delay", 2012.
#[derive(Clone)]
pub struct LoadShedder {
    inner: Arc<Inner>,
}

struct Inner {
    time: Time,
    events: Events,
    state: Mutex<State>,
}

struct State {
    config: ShedConfig,
    running: u32,
    queue: ShedQueue,
    desk: Desk<Verdict>,
    permitted: u64,
    shed: [u64; Priority::ALL.len()],
}

/// What became of a call that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    LetIn,
    Shed,
}

/// The figures of a load shedder at one moment; counts are those since the last reset.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ShedStatistics {
    /// Calls running now.
    pub running: u32,
    /// Calls waiting now.
    pub waiting: u64,
    /// Whether the calls of any priority are overloaded.
    pub overloaded: bool,
    /// Calls let in.
    pub permitted: u64,
    /// Calls shed, by priority in the order of [`Priority::ALL`]: the most important first.
    pub shed: [u64; Priority::ALL.len()],
}

impl LoadShedder {
    /// A load shedder that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ShedConfig::validate`] finds.
    pub fn new(config: ShedConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, time, Events::off())
    }

    /// A load shedder that tells each rejection, and when overload begins and ends.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ShedConfig::validate`] finds.
    pub fn with_events(
        config: ShedConfig,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, events))
    }

    /// A load shedder with settings that were validated.
    fn unchecked(config: ShedConfig, time: Time, events: Events) -> Self {
        let state = State {
            config,
            running: 0,
            queue: ShedQueue::new(&config),
            desk: Desk::default(),
            permitted: 0,
            shed: [0; Priority::ALL.len()],
        };
        Self { inner: Arc::new(Inner { time, events, state: Mutex::new(state) }) }
    }

    /// The settings in force.
    pub fn config(&self) -> ShedConfig {
        self.inner.lock().config
    }

    /// Changes the settings; who waits already keeps the wait it was given.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`ShedConfig::validate`] finds.
    pub fn reconfigure(&self, config: ShedConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.inner.step(|state, now| {
            state.config = config;
            state.queue.reconfigure(&config);
            state.serve(now)
        });
        Ok(())
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> ShedStatistics {
        let state = self.inner.lock();
        ShedStatistics {
            running: state.running,
            waiting: state.queue.len() as u64,
            overloaded: state.queue.is_overloaded(),
            permitted: state.permitted,
            shed: state.shed,
        }
    }

    /// Sets the counts to zero.
    pub fn reset_statistics(&self) {
        let mut state = self.inner.lock();
        state.permitted = 0;
        state.shed = [0; Priority::ALL.len()];
    }
}

impl fmt::Debug for LoadShedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadShedder")
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Changes the state under the lock, then wakes whom it concerns and tells what changed.
    fn step(&self, change: impl FnOnce(&mut State, Instant) -> Vec<Waker>) {
        let now = self.time.now();
        let mut state = self.lock();
        let before = state.queue.is_overloaded();
        let wakers = change(&mut state, now);
        let after = state.queue.is_overloaded();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if before != after {
            self.events.emit(names::SHED_OVERLOAD, || [("overloaded", after.into())]);
        }
    }

    fn reject(&self) -> Rejection {
        let rejection = Rejection::new(names::SHED, Reason::Shed);
        self.events.rejected(&rejection);
        rejection
    }

    /// Locks the state; no foreign code runs under the lock, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place if one is free and nobody waits.
    fn take(&mut self) -> bool {
        let free = self.running < self.config.max_concurrent_calls && self.queue.len() == 0;
        if free {
            self.running += 1;
            self.permitted += 1;
        }
        free
    }

    /// Gives free places to those who are next; gives back the wakers of all that were decided for.
    fn serve(&mut self, now: Instant) -> Vec<Waker> {
        let (mut shed, mut wakers) = (Vec::new(), Vec::new());
        while self.running < self.config.max_concurrent_calls {
            let next = self.queue.next(now, &mut shed);
            for ticket in shed.drain(..) {
                wakers.extend(self.desk.decide(ticket, Verdict::Shed));
            }
            let Some(next) = next else { break };
            self.running += 1;
            self.permitted += 1;
            wakers.extend(self.desk.decide(next, Verdict::LetIn));
        }
        wakers
    }

    fn count_shed(&mut self, priority: Priority) {
        let place = Priority::ALL.iter().position(|other| *other == priority);
        if let Some(count) = place.and_then(|place| self.shed.get_mut(place)) {
            *count += 1;
        }
    }
}
