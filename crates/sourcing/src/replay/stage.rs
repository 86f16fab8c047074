//! The world of a replay: a system in which nothing runs, and a clock that reads what was recorded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use steadfast_actor_core::{ActorRef, BuildError, Recipient, System, tape::stand_in};
use steadfast_base::{ActorId, Clock, Instant, Seed, Sleep, Time, Timer, Timestamp};

/// Ids of stand-ins that the record does not name begin here, out of the way of recorded ones.
const STAND_INS_FROM: u64 = 1 << 48;

/// The clock of a replay: it reads what it was set to.
#[derive(Debug, Default)]
pub(crate) struct ReplayClock {
    now: AtomicU64,
    wall: AtomicU64,
}

impl ReplayClock {
    pub(crate) fn set(&self, now: Instant, wall: Timestamp) {
        self.now.store(now.as_nanos(), Ordering::Relaxed);
        self.wall.store(wall.as_unix_nanos(), Ordering::Relaxed);
    }
}

impl Clock for ReplayClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.wall.load(Ordering::Relaxed))
    }
}

/// Time does not pass by waiting for it.
#[derive(Debug)]
struct Never;

impl Timer for Never {
    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::from_future(at, std::future::pending())
    }
}

/// The world of a replay: a system of its own, in which nothing runs.
///
/// The factory of an actor gets it, to make the refs that the actor's state holds. What is sent to them goes
/// to the replay and nowhere else; so does what is sent to a ref of a live system.
#[derive(Clone, Debug)]
pub struct Stage {
    system: System,
    clock: Arc<ReplayClock>,
    path: Arc<str>,
    next_id: Arc<AtomicU64>,
}

impl Stage {
    pub(crate) fn new(
        name: &str,
        seed: Seed,
        clock: &Arc<ReplayClock>,
    ) -> Result<Self, BuildError> {
        let time = Time::new(Arc::<ReplayClock>::clone(clock), Arc::new(Never));
        let system = System::builder(name).time(time).seed(seed).still().build()?;
        let next_id = Arc::new(AtomicU64::new(STAND_INS_FROM));
        Ok(Self { system, clock: Arc::clone(clock), path: "".into(), next_id })
    }

    /// The same stage, for the actor with this path.
    pub(crate) fn for_actor(&self, path: &str) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    pub(crate) fn clock(&self) -> &Arc<ReplayClock> {
        &self.clock
    }

    /// The path of the actor that is to be built.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The system of the replay.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    /// A ref that stands for the actor with this path.
    #[must_use]
    pub fn actor_ref<M: Send + 'static>(&self, path: &str) -> ActorRef<M> {
        let id = ActorId::new(self.next_id.fetch_add(1, Ordering::Relaxed));
        stand_in(&self.system, id, path)
    }

    /// A recipient that stands for the actor with this path.
    #[must_use]
    pub fn recipient<M: Send + 'static>(&self, path: &str) -> Recipient<M> {
        self.actor_ref::<M>(path).recipient()
    }
}
