//! Chaos among actors: killed under their supervisors, cut off from each other.

mod cuts;

use std::fmt;
use std::sync::Arc;

use tokio::task::AbortHandle;

use steadfast_actor_core::{ActorHandle, Recipient, System};
use steadfast_base::{Seed, Sink};
use steadfast_policy::{ChaosConfig, ChaosTarget, ConfigError, Events, SystemChaos};

use self::cuts::Cuts;

/// The actors of a system as a target of chaos; clones are the same target.
///
/// [`start`](Self::start) lets the system's time bring the faults of a [`ChaosConfig`]: `KillActors`
/// kills actors at random as [`ActorRef::kill`](steadfast_actor_core::ActorRef::kill) does, which their
/// supervisors see as a failure; `Partition` lets no message pass between two groups until it ends. The
/// same seed, configuration and actors give the same faults.
///
/// | what | who |
/// |---|---|
/// | may be killed | actors under a supervisor, supervisors under a supervisor among them; not the top |
/// | may be parted | senders and recipients joined by [`link`](Self::link); a path stands for all below it |
/// | may be limited to | a part of the tree, see [`below`](Self::below) |
///
/// A ref does not say who sends, so partitions know the links only that are told to them: give an actor a
/// linked [`Recipient`] instead of a ref in the tests and drills that are to part it. Without partitions a
/// linked message costs one load more. A message over a cut link counts as sent and is lost; a question
/// is not answered and runs into the asker's deadline. An answer to a question of before the cut still
/// arrives.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_actor_core::System;
/// use steadfast_base::Seed;
/// use steadfast_health::ActorChaos;
/// use steadfast_policy::{ChaosConfig, SystemFault};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let system = System::builder("shop").build()?;
/// let chaos = ActorChaos::new(&system).below("/shop/workers");
/// let faults = ChaosConfig::default()
///     .with_system_fault(SystemFault::KillActors(1), Duration::from_secs(10), 0.5);
/// let run = chaos.start(faults, Seed::new(7))?; // every ten seconds one worker, if a coin says so
/// run.stop();
/// # system.shutdown().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ActorChaos {
    system: System,
    /// The path above those that may be killed or dealt into groups.
    top: Option<Arc<str>>,
    cuts: Arc<Cuts>,
}

impl ActorChaos {
    /// All supervised actors of a system; no links yet.
    #[must_use]
    pub fn new(system: &System) -> Self {
        Self { system: system.clone(), top: None, cuts: Arc::default() }
    }

    /// Only the actors below a path; the one at the path itself is left alone.
    #[must_use]
    pub fn below(mut self, path: impl Into<Arc<str>>) -> Self {
        self.top = Some(path.into());
        self
    }

    /// The same recipient for the actor at the path `from`, over a link that partitions can cut.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_actor_core::Recipient;
    /// use steadfast_health::ActorChaos;
    ///
    /// /// What the orders are given in place of their stock.
    /// fn wired(chaos: &ActorChaos, stock: Recipient<u32>) -> Recipient<u32> {
    ///     chaos.link("/shop/orders", stock)
    /// }
    /// # let _ = wired;
    /// ```
    #[must_use]
    pub fn link<N: Send + 'static>(
        &self,
        from: impl Into<Arc<str>>,
        to: Recipient<N>,
    ) -> Recipient<N> {
        let (cuts, from, path) = (Arc::clone(&self.cuts), from.into(), to.path());
        to.gated(move |message| cuts.pass(&from, &path, message))
    }

    /// Messages that partitions kept from arriving so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.cuts.lost()
    }

    /// Injects the faults of a configuration, in a task of the system and on its time, until it is
    /// stopped or the system ends.
    ///
    /// Faults of calls are those of a [`Chaos`](steadfast_policy::Chaos) in a pipeline. Resources are
    /// taken on the task's thread; where they are large, run a [`SystemChaos`] with this target on a
    /// thread of its own.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`ChaosConfig::validate`] finds.
    pub fn start(&self, config: ChaosConfig, seed: Seed) -> Result<ChaosRun, ConfigError> {
        self.start_with(config, seed, Events::off())
    }

    /// As [`start`](Self::start), telling each fault and its end to a sink.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_told(
        &self,
        config: ChaosConfig,
        seed: Seed,
        sink: Arc<dyn Sink>,
    ) -> Result<ChaosRun, ConfigError> {
        let events = Events::new(self.system.name(), self.system.time().clone(), sink);
        self.start_with(config, seed, events)
    }

    fn start_with(
        &self,
        config: ChaosConfig,
        seed: Seed,
        events: Events,
    ) -> Result<ChaosRun, ConfigError> {
        let time = self.system.time().clone();
        let target: Arc<dyn ChaosTarget> = Arc::new(self.clone());
        let chaos = SystemChaos::with_events(config, time.clone(), seed, Some(target), events)?;
        let chaos = Arc::new(chaos);
        let stepped = Arc::clone(&chaos);
        let task = self.system.spawn_task(async move {
            while let Some(next) = stepped.step() {
                time.sleep_until(next).await;
            }
        });
        Ok(ChaosRun { chaos, task })
    }

    fn is_meant(&self, path: &str) -> bool {
        let below = |top: &Arc<str>| {
            path.strip_prefix(&**top).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
        };
        self.top.as_ref().is_none_or(below)
    }
}

impl ChaosTarget for ActorChaos {
    fn actors(&self) -> Vec<String> {
        // By their numbers, which a repeated run gives out in the same order.
        let supervised = self.system.actors().into_iter().filter(ActorHandle::is_supervised);
        let paths = supervised.map(|actor| actor.path());
        paths.filter(|path| self.is_meant(path)).map(|path| path.to_string()).collect()
    }

    fn kill(&self, actor: &str) {
        // Anonymous actors are in no register.
        let found = self.system.actors().into_iter().find(|known| &*known.path() == actor);
        if let Some(actor) = found {
            actor.kill();
        }
    }

    fn part(&self, left: &[String], right: &[String]) {
        self.cuts.part(left, right);
    }

    fn heal(&self, left: &[String], right: &[String]) {
        self.cuts.heal(left, right);
    }
}

impl fmt::Debug for ActorChaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorChaos")
            .field("system", &self.system.name())
            .field("top", &self.top)
            .field("cuts", &self.cuts)
            .finish()
    }
}

/// Chaos under way; dropping it stops it. Made by [`ActorChaos::start`].
#[derive(Debug)]
#[must_use = "dropping it stops the chaos"]
pub struct ChaosRun {
    chaos: Arc<SystemChaos>,
    task: AbortHandle,
}

impl ChaosRun {
    /// Ends it: no more faults, and partitions and resources are given back.
    pub fn stop(&self) {
        self.task.abort();
        self.chaos.stop();
    }

    /// What is held now, in bytes and file handles together.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.chaos.held()
    }
}

impl Drop for ChaosRun {
    fn drop(&mut self) {
        self.stop();
    }
}
