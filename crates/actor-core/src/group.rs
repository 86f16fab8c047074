//! Groups: sets of actors with one message type, to publish to and to route over.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use steadfast_base::ActorId;

use crate::{ActorRef, SendError, system::SystemInner};

/// Points of each member on the ring of the consistent hash.
const RING_POINTS: u32 = 64;

/// What a watcher of a group is told, once for each member that comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupChange {
    /// An actor joined.
    Joined(ActorId),
    /// An actor left, or ended.
    Left(ActorId),
}

type Notify = Box<dyn Fn(GroupChange) -> bool + Send + Sync>;

struct Members<M: Send + 'static> {
    by_id: BTreeMap<ActorId, ActorRef<M>>,
    ring: BTreeMap<u64, ActorId>,
    watchers: Vec<Notify>,
}

struct Shared<M: Send + 'static> {
    name: Arc<str>,
    members: Mutex<Members<M>>,
    turn: AtomicUsize,
}

impl<M: Send + 'static> Shared<M> {
    fn members(&self) -> MutexGuard<'_, Members<M>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, id: ActorId) -> bool {
        let mut members = self.members();
        if members.by_id.remove(&id).is_none() {
            return false;
        }
        members.ring.retain(|_, member| *member != id);
        members.watchers.retain(|notify| notify(GroupChange::Left(id)));
        true
    }
}

/// A group seen without its message type, as the actor that is in it keeps it.
trait AnyGroup: Send + Sync {
    fn remove_member(&self, id: ActorId);
    fn group_name(&self) -> &str;
}

impl<M: Send + 'static> AnyGroup for Shared<M> {
    fn remove_member(&self, id: ActorId) {
        self.remove(id);
    }

    fn group_name(&self) -> &str {
        &self.name
    }
}

/// An actor's own note of a group that it is in.
pub(crate) struct Membership(Arc<dyn AnyGroup>);

impl Membership {
    pub(crate) fn group(&self) -> &str {
        self.0.group_name()
    }

    pub(crate) fn end(self, id: ActorId) {
        self.0.remove_member(id);
    }
}

/// The groups of one system, by name.
#[derive(Default)]
pub(crate) struct Groups {
    by_name: Mutex<BTreeMap<Arc<str>, Arc<dyn Any + Send + Sync>>>,
}

/// A named set of actors that take messages of type `M`.
///
/// An actor that ends leaves by itself; a restart changes nothing. Two systems share no groups.
pub struct Group<M: Send + 'static> {
    shared: Arc<Shared<M>>,
}

/// The group exists with another message type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTypeError(pub(crate) String);

impl fmt::Display for GroupTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the group {} has members of another message type", self.0)
    }
}

impl std::error::Error for GroupTypeError {}

/// An actor that has ended cannot join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinError;

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the actor has stopped and cannot join a group")
    }
}

impl std::error::Error for JoinError {}

impl Groups {
    pub(crate) fn get<M: Send + 'static>(&self, name: &str) -> Result<Group<M>, GroupTypeError> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = if let Some(shared) = by_name.get(name) {
            Arc::clone(shared)
        } else {
            let name: Arc<str> = name.into();
            let members =
                Members { by_id: BTreeMap::new(), ring: BTreeMap::new(), watchers: Vec::new() };
            let shared: Arc<dyn Any + Send + Sync> = Arc::new(Shared::<M> {
                name: Arc::clone(&name),
                members: Mutex::new(members),
                turn: AtomicUsize::new(0),
            });
            by_name.insert(name, Arc::clone(&shared));
            shared
        };
        match shared.downcast() {
            Ok(shared) => Ok(Group { shared }),
            Err(_) => Err(GroupTypeError(name.to_owned())),
        }
    }
}

impl<M: Send + 'static> Group<M> {
    /// The name of the group.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Adds an actor; joining twice changes nothing.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if the actor has ended.
    pub fn join(&self, actor: &ActorRef<M>) -> Result<(), JoinError> {
        let id = actor.id();
        {
            let mut members = self.shared.members();
            if members.by_id.contains_key(&id) {
                return Ok(());
            }
            // First the actor's own note: one that has ended is never announced. If it ends now,
            // it waits for this lock to take itself out.
            let group: Arc<dyn AnyGroup> = Arc::<Shared<M>>::clone(&self.shared);
            if !actor.cell_any().join(Membership(group)) {
                return Err(JoinError);
            }
            members.by_id.insert(id, actor.clone());
            for point in 0..RING_POINTS {
                members.ring.insert(hash(&(id.as_u64(), point)), id);
            }
            members.watchers.retain(|notify| notify(GroupChange::Joined(id)));
        }
        Ok(())
    }

    /// Takes an actor out; false if it was not in.
    pub fn leave(&self, actor: &ActorRef<M>) -> bool {
        actor.cell_any().leave(self.name());
        self.shared.remove(actor.id())
    }

    /// The members, by their number.
    #[must_use]
    pub fn members(&self) -> Vec<ActorRef<M>> {
        self.shared.members().by_id.values().cloned().collect()
    }

    /// How many actors are in the group.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.members().by_id.len()
    }

    /// True if no actor is in the group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells `watcher` of each member that comes or goes, without waiting for room, until the
    /// watcher has ended.
    pub fn watch<N, F>(&self, watcher: &ActorRef<N>, into_message: F)
    where
        N: Send + 'static,
        F: Fn(GroupChange) -> N + Send + Sync + 'static,
    {
        let watcher = watcher.clone();
        let notify = move |change| {
            !matches!(watcher.tell(into_message(change)).now(), Err(SendError::Stopped(_)))
        };
        self.shared.members().watchers.push(Box::new(notify));
    }

    /// Sends a copy to every member without waiting for room; how many took it.
    pub fn publish(&self, message: &M) -> usize
    where
        M: Clone,
    {
        let members = self.members();
        members.iter().filter(|member| member.tell(message.clone()).now().is_ok()).count()
    }

    /// The members in turn.
    #[must_use]
    pub fn round_robin(&self) -> Option<ActorRef<M>> {
        let members = self.shared.members();
        let turn = self.shared.turn.fetch_add(1, Ordering::Relaxed);
        let turn = turn.checked_rem(members.by_id.len())?;
        members.by_id.values().nth(turn).cloned()
    }

    /// The member for a key: the same while it is in; others keep theirs when one comes or goes.
    pub fn consistent_hash<K: Hash + ?Sized>(&self, key: &K) -> Option<ActorRef<M>> {
        let members = self.shared.members();
        let after = members.ring.range(hash(key)..).next();
        let (_, id) = after.or_else(|| members.ring.first_key_value())?;
        members.by_id.get(id).cloned()
    }

    /// The member with the fewest messages waiting; the eldest of equals.
    #[must_use]
    pub fn least_busy(&self) -> Option<ActorRef<M>> {
        let members = self.shared.members();
        members.by_id.values().min_by_key(|member| member.queued()).cloned()
    }
}

/// A hash that is the same in every run and on every platform of one word size.
fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}

impl<M: Send + 'static> Clone for Group<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<M: Send + 'static> fmt::Debug for Group<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.name()).field("len", &self.len()).finish()
    }
}

impl SystemInner {
    pub(crate) fn group<M: Send + 'static>(&self, name: &str) -> Result<Group<M>, GroupTypeError> {
        self.groups.get(name)
    }
}
