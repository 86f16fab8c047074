//! Faults of the whole system: killed actors, partitions, exhausted resources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_base::{ConfigError, Instant, Seed, Time};

use crate::events::Events;
use crate::names;
use crate::waiting::block_on;

use super::config::{ChaosConfig, SystemFault};
use super::exhaustion::Exhaustion;
use super::plan::{Act, SystemPlan};

/// What chaos can do to actors; implemented by the layers that have some.
///
/// This crate knows no actors: it decides who and when, and a target does it. Actors are named by their
/// paths. The methods must not block for long, panic, or call back into the chaos; what they cannot do
/// they leave.
///
/// # Example
///
/// ```
/// use steadfast_policy::ChaosTarget;
///
/// /// A system without actors.
/// struct Nobody;
///
/// impl ChaosTarget for Nobody {
///     fn actors(&self) -> Vec<String> {
///         Vec::new()
///     }
///     fn kill(&self, _actor: &str) {}
///     fn part(&self, _left: &[String], _right: &[String]) {}
///     fn heal(&self, _left: &[String], _right: &[String]) {}
/// }
/// # let _: &dyn ChaosTarget = &Nobody;
/// ```
pub trait ChaosTarget: Send + Sync {
    /// The actors that may be killed and parted, in an order that a repeated run has too.
    fn actors(&self) -> Vec<String>;

    /// Kills an actor as a fault would, so that its supervisor sees a failure.
    fn kill(&self, actor: &str);

    /// Lets no message pass between the two groups, in both directions, until [`heal`](Self::heal).
    fn part(&self, left: &[String], right: &[String]);

    /// Lets messages pass again between the two groups.
    fn heal(&self, left: &[String], right: &[String]);
}

/// Injects the [`SystemFault`]s of a configuration; whatever lasts is undone at its end.
///
/// Step it by hand, or let [`run`](Self::run) do so on a thread of its own: taking resources blocks.
/// Dropping it undoes what lasts. A fault that still lasts is not begun again at the next occasions of its
/// rule, so that resources are bounded by the settings; what the system cannot give is not insisted on.
///
/// By default no fault is injected, see [`ChaosConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`CHAOS_BEGUN`](crate::names::CHAOS_BEGUN) | a fault was injected | `fault`, `amount` |
/// | [`CHAOS_ENDED`](crate::names::CHAOS_ENDED) | one that lasted is undone | `fault`, `amount` |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::{Seed, Time};
/// use steadfast_policy::{ChaosConfig, SystemChaos, SystemFault};
///
/// let fault = SystemFault::Memory { bytes: 1 << 20, lasting: Duration::from_secs(1) };
/// let config = ChaosConfig::default().with_system_fault(fault, Duration::from_nanos(1), 1.0);
/// let chaos = SystemChaos::new(config, Time::system(), Seed::new(7), None)?;
/// chaos.step();
/// assert_eq!(chaos.held(), 1 << 20);
/// chaos.stop();
/// assert_eq!(chaos.held(), 0);
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
pub struct SystemChaos {
    time: Time,
    seed: Seed,
    events: Events,
    target: Option<Arc<dyn ChaosTarget>>,
    state: Mutex<State>,
}

struct State {
    config: ChaosConfig,
    plan: SystemPlan,
    lasting: BTreeMap<u64, Lasting>,
    stopped: bool,
}

/// A fault under way and what it holds.
struct Lasting {
    fault: SystemFault,
    held: Option<Exhaustion>,
}

impl SystemChaos {
    /// Chaos for a system; without a target, faults of actors do nothing.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ChaosConfig::validate`] finds.
    pub fn new(
        config: ChaosConfig,
        time: Time,
        seed: Seed,
        target: Option<Arc<dyn ChaosTarget>>,
    ) -> Result<Self, ConfigError> {
        Self::with_events(config, time, seed, target, Events::off())
    }

    /// Chaos that tells each fault and its end.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ChaosConfig::validate`] finds.
    pub fn with_events(
        config: ChaosConfig,
        time: Time,
        seed: Seed,
        target: Option<Arc<dyn ChaosTarget>>,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let plan = SystemPlan::new(&config, seed, time.now());
        let state = Mutex::new(State { config, plan, lasting: BTreeMap::new(), stopped: false });
        Ok(Self { time, seed, events, target, state })
    }

    /// Does what is due now; says when something is due next, `None` if nothing ever is.
    pub fn step(&self) -> Option<Instant> {
        let now = self.time.now();
        let actors = || self.target.as_ref().map(|target| target.actors()).unwrap_or_default();
        let mut state = self.lock();
        if state.stopped {
            return None;
        }
        let State { config, plan, .. } = &mut *state;
        for act in plan.step(config, now, actors) {
            match act {
                Act::Kill(actor) => {
                    self.tell("kill-actors", true, 1);
                    if let Some(target) = &self.target {
                        target.kill(&actor);
                    }
                }
                Act::Begin(number, fault) => {
                    let lasting = self.begin(number, fault);
                    state.lasting.insert(number, lasting);
                }
                Act::End(number) => {
                    if let Some(lasting) = state.lasting.remove(&number) {
                        self.end(lasting);
                    }
                }
            }
        }
        state.plan.next_step()
    }

    /// Steps until then on this thread, which is parked in between; then undoes what lasts.
    pub fn run(&self, until: Instant) {
        while let Some(next) = self.step()
            && next < until
        {
            block_on(self.time.sleep_until(next));
        }
        block_on(self.time.sleep_until(until));
        self.stop();
    }

    /// Other faults from now on: undoes what lasts, and begins anew with the same seed.
    ///
    /// Who waits for the time that [`step`](Self::step) said steps again at once, or the new faults begin then.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`ChaosConfig::validate`] finds.
    pub fn reconfigure(&self, config: ChaosConfig) -> Result<(), ConfigError> {
        config.validate()?;
        let mut state = self.lock();
        state.plan = SystemPlan::new(&config, self.seed, self.time.now());
        state.config = config;
        let lasting = std::mem::take(&mut state.lasting);
        drop(state);
        for lasting in lasting.into_values() {
            self.end(lasting);
        }
        Ok(())
    }

    /// Ends it: undoes what lasts, and steps do nothing any more.
    pub fn stop(&self) {
        let mut state = self.lock();
        // INV-CHAOS-1: what was begun and lasts is here until it is undone.
        state.stopped = true;
        let lasting = std::mem::take(&mut state.lasting);
        drop(state);
        for lasting in lasting.into_values() {
            self.end(lasting);
        }
    }

    /// What is held now, in bytes and file handles together.
    pub fn held(&self) -> u64 {
        let state = self.lock();
        state
            .lasting
            .values()
            .filter_map(|lasting| lasting.held.as_ref())
            .map(Exhaustion::held)
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, number: u64, fault: SystemFault) -> Lasting {
        if let (SystemFault::Partition { left, right, .. }, Some(target)) = (&fault, &self.target) {
            target.part(left, right);
        }
        let held = Exhaustion::take(&fault, number);
        self.tell(fault.name(), true, held.as_ref().map_or(0, Exhaustion::held));
        Lasting { fault, held }
    }

    fn end(&self, lasting: Lasting) {
        let Lasting { fault, held } = lasting;
        if let (SystemFault::Partition { left, right, .. }, Some(target)) = (&fault, &self.target) {
            target.heal(left, right);
        }
        self.tell(fault.name(), false, held.as_ref().map_or(0, Exhaustion::held));
    }

    fn tell(&self, fault: &'static str, begins: bool, amount: u64) {
        let name = if begins { names::CHAOS_BEGUN } else { names::CHAOS_ENDED };
        self.events.emit(name, || [("fault", fault.into()), ("amount", amount.into())]);
    }
}

impl Drop for SystemChaos {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for SystemChaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemChaos").field("config", &self.lock().config).finish_non_exhaustive()
    }
}
