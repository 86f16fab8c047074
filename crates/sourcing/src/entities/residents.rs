//! Who is in memory: one incarnation of each entity at most, and no more of them than there is room for.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use steadfast_actor_core::{ActorRef, SendError, Status};
use steadfast_base::{ActorId, Instant};
use steadfast_supervision::ChildError;

use super::actor::{EntityActor, Msg};
use super::shared::{Shared, count};
use crate::{CommandFault, EventSourced, PersistFailed, RecoveryFailed};

/// How many entities one lock guards at least before another is worth it.
const SHARD_ENTITIES: usize = 64;

/// The most locks.
const SHARDS_MAX: usize = 64;

/// How many entities rest at most, beside those in memory, for each lock; beyond, all of its rests are forgotten.
const RESTS_MAX: usize = 1_024;

/// How long to wait before another entity is asked to leave.
const EVICT_EVERY: Duration = Duration::from_millis(100);

/// An entity that is in memory. Whoever holds it may send to it: it does not leave until then.
pub(crate) struct Resident<S: EventSourced> {
    pub(crate) actor: ActorRef<Msg<S>>,
    /// When it was last used, in uses of all entities.
    used: AtomicU64,
    /// Whether it was asked to leave and has not answered.
    leaving: AtomicBool,
    _room: OwnedSemaphorePermit,
}

impl<S: EventSourced> Resident<S> {
    fn is_over(&self) -> bool {
        self.actor.status() == Status::Stopped
    }

    /// Asks it to leave, if nothing keeps it.
    fn ask_to_leave(&self) -> bool {
        if self.actor.queued() > 0 || self.leaving.swap(true, Ordering::Relaxed) {
            return false;
        }
        match self.actor.tell(Msg::Leave).now() {
            Ok(()) => true,
            Err(SendError::Stopped(_)) => false,
            Err(_) => {
                self.leaving.store(false, Ordering::Relaxed);
                false
            }
        }
    }
}

enum Slot<S: EventSourced> {
    /// Somebody brings it into memory; the others wait.
    Starting(Arc<Notify>),
    Live(Arc<Resident<S>>),
    /// It failed for good not long ago.
    Resting(Instant, CommandFault),
}

type Shard<S> = HashMap<Arc<str>, Slot<S>>;

pub(crate) struct Residents<S: EventSourced> {
    shards: Box<[Mutex<Shard<S>>]>,
    /// How many slots a shard has at most; those in memory are not spread quite evenly.
    slots_max: usize,
    room: Arc<Semaphore>,
    /// Counts the uses of all entities; also the tickets of asks.
    uses: AtomicU64,
}

/// What a look at the table came to.
enum Look<S: EventSourced> {
    Found(Arc<Resident<S>>),
    Wait(tokio::sync::futures::OwnedNotified),
    Start(Arc<Notify>),
    Fault(CommandFault),
}

impl<S: EventSourced> Residents<S> {
    pub(crate) fn new(resident_max: usize) -> Self {
        let shards = (resident_max / SHARD_ENTITIES).clamp(1, SHARDS_MAX);
        Self {
            slots_max: RESTS_MAX.saturating_add(resident_max.saturating_mul(4) / shards),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            room: Arc::new(Semaphore::new(resident_max)),
            uses: AtomicU64::new(0),
        }
    }

    fn place(&self, id: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let shards = self.shards.len() as u64;
        usize::try_from(hasher.finish() % shards).unwrap_or(0)
    }

    fn lock(&self, place: usize) -> MutexGuard<'_, Shard<S>> {
        let shard = self.shards.get(place).expect("a place is below the number of shards");
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, id: &str) -> MutexGuard<'_, Shard<S>> {
        self.lock(self.place(id))
    }

    /// The next use, from 1.
    pub(crate) fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many are in memory or on their way there.
    pub(crate) fn count(&self, resident_max: usize) -> usize {
        resident_max - self.room.available_permits().min(resident_max)
    }

    fn look(&self, id: &Arc<str>, now: impl Fn() -> Instant, rest: Duration) -> Look<S> {
        let mut shard = self.shard(id);
        let slot = shard.get(id);
        let gone = match slot {
            Some(Slot::Live(resident)) if !resident.is_over() => {
                resident.used.store(self.next_use(), Ordering::Relaxed);
                // Its mailbox may have dropped the word that it shall leave.
                resident.leaving.store(false, Ordering::Relaxed);
                return Look::Found(Arc::clone(resident));
            }
            Some(Slot::Starting(done)) => return Look::Wait(Arc::clone(done).notified_owned()),
            Some(Slot::Resting(until, fault)) => {
                if now() < *until {
                    return Look::Fault(fault.clone());
                }
                None
            }
            Some(Slot::Live(resident)) => lasting(resident),
            None => None,
        };
        if let Some(fault) = gone {
            shard.insert(Arc::clone(id), Slot::Resting(now() + rest, fault.clone()));
            self.bound(&mut shard);
            return Look::Fault(fault);
        }
        let done = Arc::new(Notify::new());
        shard.insert(Arc::clone(id), Slot::Starting(Arc::clone(&done)));
        Look::Start(done)
    }

    /// Forgets all rests of a shard if there are too many: each of them is tried again when it is asked for.
    fn bound(&self, shard: &mut Shard<S>) {
        if shard.len() > self.slots_max {
            shard.retain(|_, slot| !matches!(slot, Slot::Resting(..)));
        }
    }

    /// The entity, if it is in memory; this is no use of it.
    pub(crate) fn in_memory(&self, id: &str) -> Option<Arc<Resident<S>>> {
        match self.shard(id).get(id)? {
            Slot::Live(resident) if !resident.is_over() => Some(Arc::clone(resident)),
            _ => None,
        }
    }

    /// Takes an entity out, if it is this incarnation of it and nobody can be about to send to it.
    ///
    /// Senders take a resident out of the table under its lock and hold it until their message is in the
    /// mailbox; so with the lock held, one holder and an empty mailbox, there is no such sender, and there
    /// never will be.
    // INV-SRC-2: an entity leaves only when no command is in its mailbox or on its way there.
    pub(crate) fn leave(&self, id: &Arc<str>, actor: ActorId, idle: bool) -> bool {
        let mut shard = self.shard(id);
        let Some(Slot::Live(resident)) = shard.get(id) else { return true };
        if resident.actor.id() != actor {
            return true;
        }
        if !idle || Arc::strong_count(resident) > 1 || resident.actor.queued() > 0 {
            resident.leaving.store(false, Ordering::Relaxed);
            return false;
        }
        let gone = shard.remove(id);
        drop(shard);
        drop(gone);
        true
    }

    /// Asks the least recently used entity to leave, of the shard at `place` or else of the next ones.
    ///
    /// Those that are over give their room back first.
    fn evict(&self, place: usize, now: Instant, rest: Duration) {
        let shards = self.shards.len();
        for step in 0..shards {
            let mut shard = self.lock((place + step) % shards);
            lay_to_rest(&mut shard, now, rest);
            self.bound(&mut shard);
            if self.room.available_permits() > 0 {
                return;
            }
            let mut candidates: Vec<&Arc<Resident<S>>> = shard
                .values()
                .filter_map(|slot| match slot {
                    Slot::Live(resident)
                        if Arc::strong_count(resident) == 1
                            && !resident.leaving.load(Ordering::Relaxed) =>
                    {
                        Some(resident)
                    }
                    _ => None,
                })
                .collect();
            candidates.sort_unstable_by_key(|resident| resident.used.load(Ordering::Relaxed));
            if candidates.into_iter().any(|resident| resident.ask_to_leave()) {
                return;
            }
        }
    }

    /// Asks all entities to leave that were not used since `before`; forgets failures that are over.
    ///
    /// One that failed for good, and that nobody has looked at since, rests from now on.
    pub(crate) fn sweep(&self, before: u64, now: Instant, rest: Duration) {
        for place in 0..self.shards.len() {
            let mut shard = self.lock(place);
            lay_to_rest(&mut shard, now, rest);
            self.bound(&mut shard);
            for slot in shard.values() {
                if let Slot::Live(resident) = slot
                    && resident.used.load(Ordering::Relaxed) <= before
                    && Arc::strong_count(resident) == 1
                {
                    // Asked a second time it does no harm; its mailbox may have dropped the first word.
                    resident.leaving.store(false, Ordering::Relaxed);
                    resident.ask_to_leave();
                }
            }
        }
    }

    /// How far the count of uses has come.
    pub(crate) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }
}

/// Takes out who is over, and gives their room back; who failed for good rests. Forgets rests that are over.
fn lay_to_rest<S: EventSourced>(shard: &mut Shard<S>, now: Instant, rest: Duration) {
    shard.retain(|_, slot| {
        let fault = match slot {
            Slot::Resting(until, _) => return now < *until,
            Slot::Live(resident) if resident.is_over() => lasting(resident),
            _ => return true,
        };
        let Some(fault) = fault else { return false };
        *slot = Slot::Resting(now + rest, fault);
        true
    });
}

/// The failure that an entity which is over has to be left alone for a while for.
fn lasting<S: EventSourced>(resident: &Resident<S>) -> Option<CommandFault> {
    let reason = resident.actor.exit_reason()?;
    let failure = reason.failure()?.root_cause();
    if let Some(failed) = failure.downcast_ref::<RecoveryFailed>() {
        return Some(CommandFault::Recovery(failed.clone()));
    }
    if failure.downcast_ref::<PersistFailed>().is_some() {
        // The gate says when it may be tried again.
        return None;
    }
    Some(CommandFault::Failed(failure.message().into()))
}

impl<S: EventSourced> Shared<S> {
    /// The entity in memory; brought there if it is not, within a limit that begins when it turns out not to
    /// be; `began` says when that was.
    pub(crate) async fn resident(
        self: &Arc<Self>,
        id: &Arc<str>,
        limit: Duration,
        began: &mut Option<Instant>,
    ) -> Result<Arc<Resident<S>>, CommandFault> {
        loop {
            self.gate.check()?;
            let now = || self.system.time().now();
            match self.residents.look(id, now, self.config.retry_after) {
                Look::Found(resident) => return Ok(resident),
                Look::Fault(fault) => return Err(fault),
                Look::Wait(done) => {
                    let until = *began.get_or_insert_with(now) + limit;
                    let waited = self.system.time().timeout_at(until, done).await;
                    waited.map_err(|_elapsed| CommandFault::Full)?;
                }
                Look::Start(done) => {
                    let deadline = *began.get_or_insert_with(now) + limit;
                    let starting = Starting { shared: self, id, done, deadline };
                    return Box::pin(starting.start()).await;
                }
            }
        }
    }
}

/// Brings an entity into memory. Dropped on the way, it makes room for the next one who wants to.
struct Starting<'a, S: EventSourced> {
    shared: &'a Arc<Shared<S>>,
    id: &'a Arc<str>,
    done: Arc<Notify>,
    deadline: Instant,
}

impl<S: EventSourced> Starting<'_, S> {
    async fn start(self) -> Result<Arc<Resident<S>>, CommandFault> {
        let Self { shared, id, .. } = &self;
        let room = self.room().await?;
        let supervisor = shared.supervisor.get().ok_or(CommandFault::Closed)?;
        let (of_entity, name) = (Arc::clone(shared), Arc::clone(id));
        let factory = move || EntityActor::new(Arc::clone(&of_entity), Arc::clone(&name));
        let actor = supervisor.spawn_child::<EntityActor<S>, _, _>(factory).await;
        let actor = actor.map_err(|error| match error {
            ChildError::Full | ChildError::Timeout => CommandFault::Full,
            _ => CommandFault::Closed,
        })?;
        count(&shared.counters.activations);
        let residents = &shared.residents;
        let resident = Arc::new(Resident {
            actor,
            used: AtomicU64::new(residents.next_use()),
            leaving: AtomicBool::new(false),
            _room: room,
        });
        let live = Slot::Live(Arc::clone(&resident));
        residents.shard(id).insert(Arc::clone(id), live);
        Ok(resident)
    }

    /// Room for one more; others leave for it.
    async fn room(&self) -> Result<OwnedSemaphorePermit, CommandFault> {
        let Shared { residents, system, config, .. } = &**self.shared;
        if let Ok(room) = Arc::clone(&residents.room).try_acquire_owned() {
            return Ok(room);
        }
        let place = residents.place(self.id);
        loop {
            let now = system.time().now();
            residents.evict(place, now, config.retry_after);
            let room = Arc::clone(&residents.room).acquire_owned();
            let until = self.deadline.min(now + EVICT_EVERY);
            match system.time().timeout_at(until, room).await {
                Ok(Ok(room)) => return Ok(room),
                Ok(Err(_)) => return Err(CommandFault::Closed),
                Err(_) if until == self.deadline => return Err(CommandFault::Full),
                Err(_) => {}
            }
        }
    }
}

impl<S: EventSourced> Drop for Starting<'_, S> {
    fn drop(&mut self) {
        let mut shard = self.shared.residents.shard(self.id);
        let mine = matches!(shard.get(self.id), Some(Slot::Starting(done)) if Arc::ptr_eq(done, &self.done));
        if mine {
            shard.remove(self.id);
        }
        drop(shard);
        self.done.notify_waiters();
    }
}
