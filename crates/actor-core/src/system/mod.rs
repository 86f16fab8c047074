//! `System`: the world that actors live in. Two systems in one process share nothing.

mod builder;
mod installed;
mod registry;
mod shutdown;
mod signals;
mod tasks;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, task::AbortHandle};

use steadfast_base::{ActorId, IdSource, Seed, Time};

pub use builder::{ASK_TIMEOUT_DEFAULT, BuildError, CAPACITY_DEFAULT, SystemBuilder};
pub use registry::NAME_BYTES_MAX;
pub use shutdown::{PHASE_TIMEOUT_DEFAULT, Phase, PhaseError, PhaseOutcome, ShutdownReport};

use crate::{
    Actor, ActorHandle, ActorRef, DeadLetterSubscription, Failure, Group, GroupTypeError,
    IntoFactory, Overflow, Probe, Spawn, StartError,
    cell::{AnyCell, Cell, Flags},
    dead_letters::DeadLetters,
    group::Groups,
    live::{Live, Removal},
    slot::PoolHandle,
    waits::Waits,
};
use installed::Installed;
use registry::{Registry, check_name};
use shutdown::Shutdown;
use tasks::Tasks;

/// A world of actors: time, randomness, names, groups, dead letters, shutdown.
///
/// Cloning gives another handle to the same system. End it with [`shutdown`](Self::shutdown) (in
/// order) or [`emergency_stop`](Self::emergency_stop) (at once); dropping all handles stops
/// nothing, since actors hold their system.
///
/// # Example
///
/// ```
/// use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
///
/// struct Counter(u64);
/// enum Msg { Add(u64), Get(Reply<u64>) }
///
/// impl Actor for Counter {
///     type Msg = Msg;
///     type Error = std::convert::Infallible;
///     async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
///         match msg {
///             Msg::Add(n) => self.0 += n,
///             Msg::Get(reply) => reply.send(self.0),
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let system = System::builder("example").build()?;
/// let counter = system.spawn("counter", || Counter(0)).await?;
/// counter.tell(Msg::Add(2)).await?;
/// assert_eq!(counter.ask(Msg::Get).await?, 2);
/// system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct System {
    inner: Arc<SystemInner>,
}

/// What all threads read is kept off the cache lines that each start and end of an actor writes: the
/// counts of the `Arc` before it, and the next number.
#[repr(align(128))]
pub(crate) struct SystemInner {
    pub(crate) name: Box<str>,
    pub(crate) time: Time,
    pub(crate) seed: Seed,
    pub(crate) ids: IdSource,
    pub(crate) capacity: u32,
    pub(crate) overflow: Overflow,
    pub(crate) ask_limit_ms: u32,
    pub(crate) probe: Option<Arc<dyn Probe>>,
    pub(crate) pool: PoolHandle,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) groups: Groups,
    pub(crate) waits: Waits,
    runtime: Handle,
    /// A runtime of the system's own, where it was built outside of one.
    owned: std::sync::Mutex<Option<tokio::runtime::Runtime>>,
    next_id: NextId,
    live: Live,
    registry: Registry,
    installed: Installed,
    tasks: Arc<Tasks>,
    shutdown: Shutdown,
}

/// The number of the next actor.
#[repr(align(128))]
struct NextId(AtomicU64);

impl System {
    /// Starts the configuration of a system; the name is the first segment of all its paths.
    pub fn builder(name: impl Into<String>) -> SystemBuilder {
        SystemBuilder::new(name.into())
    }

    pub(crate) fn from_inner(inner: Arc<SystemInner>) -> Self {
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<SystemInner> {
        &self.inner
    }

    /// The system's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Prepares an actor with a name, unique among the live actors of the system. The factory
    /// builds each incarnation; see [`IntoFactory`] for what it may return.
    pub fn spawn<A: Actor, K, F: IntoFactory<A, K>>(
        &self,
        name: &str,
        factory: F,
    ) -> Spawn<A, F::Factory> {
        Spawn::new(Arc::clone(&self.inner), Some(name), factory.into_factory())
    }

    /// Prepares an actor without a name: it cannot be looked up, and costs less memory.
    pub fn spawn_anonymous<A: Actor, K, F: IntoFactory<A, K>>(
        &self,
        factory: F,
    ) -> Spawn<A, F::Factory> {
        Spawn::new(Arc::clone(&self.inner), None, factory.into_factory())
    }

    /// The actor at a path (`/bank/acc-42`), if it is alive and takes messages of type `M`.
    #[must_use]
    pub fn lookup<M: Send + 'static>(&self, path: &str) -> Option<ActorRef<M>> {
        ActorRef::from_any(self.inner.registry.get(path)?)
    }

    /// The actor at a path, of any type.
    #[must_use]
    pub fn lookup_handle(&self, path: &str) -> Option<ActorHandle> {
        self.inner.registry.get(path).map(ActorHandle::new)
    }

    /// The group of that name, made on first use.
    ///
    /// # Errors
    ///
    /// [`GroupTypeError`] if it exists with another message type.
    pub fn group<M: Send + 'static>(&self, name: &str) -> Result<Group<M>, GroupTypeError> {
        self.inner.group(name)
    }

    /// Live actors, by their number.
    #[must_use]
    pub fn actors(&self) -> Vec<ActorHandle> {
        self.inner.live.all().into_iter().map(ActorHandle::new).collect()
    }

    /// How many actors are alive.
    #[must_use]
    pub fn actor_count(&self) -> usize {
        self.inner.live.len()
    }

    /// How many tasks the system runs beside its actors: piped futures and its own.
    #[must_use]
    pub fn task_count(&self) -> usize {
        self.inner.tasks.count()
    }

    /// Messages that no actor handled, so far.
    #[must_use]
    pub fn dead_letter_count(&self) -> u64 {
        self.inner.dead_letters.total()
    }

    /// Subscribes to dead letters from now on.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetterSubscription {
        self.inner.dead_letters.subscribe()
    }

    /// The injected clock and timer.
    #[must_use]
    pub fn time(&self) -> &Time {
        &self.inner.time
    }

    /// The seed that all random streams of the system are derived from.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.inner.seed
    }

    /// The deadline of asks that set none.
    #[must_use]
    pub fn ask_timeout(&self) -> Duration {
        Duration::from_millis(self.inner.ask_limit_ms.into())
    }

    /// The source of event and correlation ids.
    #[must_use]
    pub fn ids(&self) -> &IdSource {
        &self.inner.ids
    }

    /// Puts a value of any type at the disposal of all actors of the system, one of each type.
    ///
    /// For what layers above share with their actors without handing it to each, such as the stores that
    /// states are kept in. It stays as long as the system does.
    ///
    /// # Errors
    ///
    /// The value, if there is one of its type already.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_actor_core::{System, testkit::TestSystem};
    ///
    /// struct Prices(u64);
    ///
    /// let system = TestSystem::new();
    /// system.install(Arc::new(Prices(5))).ok();
    /// assert_eq!(system.installed::<Prices>().map(|prices| prices.0), Some(5));
    /// assert!(system.install(Arc::new(Prices(6))).is_err());
    /// ```
    pub fn install<T: Send + Sync + 'static>(&self, value: Arc<T>) -> Result<(), Arc<T>> {
        self.inner.installed.put(value)
    }

    /// The value of this type that was put at the disposal of the system's actors.
    #[must_use]
    pub fn installed<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.installed.get()
    }

    /// Runs a future as a task that the system owns: it is aborted when the system ends.
    pub fn spawn_task<F>(&self, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.inner.spawn_task(future)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System")
            .field("name", &self.inner.name)
            .field("actors", &self.actor_count())
            .finish_non_exhaustive()
    }
}

/// The last handle may be dropped on a thread of the system's own runtime, or of another one, where
/// a runtime must not be waited for.
impl Drop for SystemInner {
    fn drop(&mut self) {
        let owned = self.owned.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = owned {
            runtime.shutdown_background();
        }
    }
}

impl SystemInner {
    pub(crate) fn next_id(&self) -> ActorId {
        ActorId::new(self.next_id.0.fetch_add(1, Ordering::Relaxed))
    }

    /// The path of an actor called `name` under `above`, or under the system.
    pub(crate) fn path_of(&self, above: Option<&str>, name: &str) -> Result<Arc<str>, StartError> {
        check_name(name)?;
        Ok(match above {
            Some(above) => format!("{above}/{name}").into(),
            None => format!("/{}/{name}", self.name).into(),
        })
    }

    /// Enters an actor into the tables, unless its path is taken or the system is ending.
    pub(crate) fn register<M: Send + 'static>(
        &self,
        cell: &Arc<Cell<M>>,
        path: Option<&Arc<str>>,
    ) -> Result<(), StartError> {
        if self.shutdown.refuses_actors() {
            return Err(StartError::ShuttingDown);
        }
        let any = || -> Arc<dyn AnyCell> { Arc::<Cell<M>>::clone(cell) };
        if let Some(path) = path {
            self.registry.insert(path, any())?;
        }
        cell.place.store(self.live.insert(any()), Ordering::Relaxed);
        if let Some(probe) = &self.probe {
            probe.spawned(cell.id, &cell.path());
        }
        // A stop that began meanwhile may have missed this actor.
        if self.shutdown.kills() {
            cell.raise(Flags::KILL | Flags::FINAL);
        } else if self.shutdown.refuses_actors() && !AnyCell::has_parent(&**cell) {
            cell.raise(Flags::STOP | Flags::FINAL);
        }
        Ok(())
    }

    /// Takes an actor out of the tables.
    pub(crate) fn forget(&self, cell: &dyn AnyCell, path: Option<&str>) {
        if let Some(path) = path {
            self.registry.remove(path, cell);
        }
        // Whoever waits for the last one has closed the system first.
        let removal = self.live.remove(cell.id(), cell.place());
        if removal == Removal::Emptied && self.shutdown.refuses_actors() {
            self.tasks.notify();
        }
    }

    pub(crate) fn report_failure(&self, id: ActorId, failure: &Failure) {
        if let Some(probe) = &self.probe {
            probe.failure(id, failure);
        }
    }

    /// Runs the task of an actor.
    #[expect(clippy::disallowed_methods, reason = "the one place where actors are spawned")]
    #[inline]
    pub(crate) fn spawn_actor(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    pub(crate) fn spawn_task<F>(&self, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(&self.runtime, future)
    }
}
