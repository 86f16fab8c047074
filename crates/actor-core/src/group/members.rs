//! The members of one group, and who is told of their coming and going.

use std::{
    any::Any,
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use steadfast_base::ActorId;

use super::{GroupChange, JoinError};
use crate::{ActorHandle, ActorRef, SendError, cell::catch};

/// Points of each member on the ring of the consistent hash.
const RING_POINTS: u32 = 64;

/// One who is told of changes.
pub(super) struct Watcher {
    /// Tells; false once the watcher has ended.
    notify: Box<dyn Fn(GroupChange) -> bool + Send + Sync>,
    watcher: ActorHandle,
}

impl Watcher {
    pub(super) fn new<N, F>(watcher: &ActorRef<N>, into_message: F) -> Self
    where
        N: Send + 'static,
        F: Fn(GroupChange) -> N + Send + Sync + 'static,
    {
        let (told, watcher) = (watcher.handle(), watcher.clone());
        let notify = move |change| {
            !matches!(watcher.tell(into_message(change)).now(), Err(SendError::Stopped(_)))
        };
        Self { notify: Box::new(notify), watcher: told }
    }

    /// False if it is not to be told any more: it has ended, or making its message panicked.
    fn tell(&self, change: GroupChange) -> bool {
        catch(|| (self.notify)(change)).unwrap_or(false)
    }

    fn has_ended(&self) -> bool {
        self.watcher.exit_reason().is_some()
    }
}

pub(super) struct Members<M: Send + 'static> {
    pub(super) by_id: BTreeMap<ActorId, ActorRef<M>>,
    ring: BTreeMap<u64, ActorId>,
    watchers: Vec<Arc<Watcher>>,
    /// Changes that somebody is just telling, in their order.
    changes: VecDeque<GroupChange>,
    telling: bool,
}

pub(super) struct Shared<M: Send + 'static> {
    pub(super) name: Arc<str>,
    members: Mutex<Members<M>>,
    turn: AtomicUsize,
}

impl<M: Send + 'static> Shared<M> {
    pub(super) fn new(name: &str) -> Self {
        let members = Members {
            by_id: BTreeMap::new(),
            ring: BTreeMap::new(),
            watchers: Vec::new(),
            changes: VecDeque::new(),
            telling: false,
        };
        Self { name: name.into(), members: Mutex::new(members), turn: AtomicUsize::new(0) }
    }

    pub(super) fn members(&self) -> MutexGuard<'_, Members<M>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn join(self: &Arc<Self>, actor: &ActorRef<M>) -> Result<(), JoinError> {
        let id = actor.id();
        {
            let mut members = self.members();
            if members.by_id.contains_key(&id) {
                return Ok(());
            }
            // First the actor's own note: one that has ended is never announced. If it ends now,
            // it waits for this lock to take itself out.
            let group: Arc<dyn AnyGroup> = Arc::<Self>::clone(self);
            if !actor.cell_any().join(Membership(group)) {
                return Err(JoinError);
            }
            members.by_id.insert(id, actor.clone());
            for point in 0..RING_POINTS {
                members.ring.insert(hash(&(id.as_u64(), point)), id);
            }
            members.note(GroupChange::Joined(id));
        }
        self.tell_changes();
        Ok(())
    }

    pub(super) fn remove(&self, id: ActorId) -> bool {
        let left = {
            let mut members = self.members();
            let Some(left) = members.by_id.remove(&id) else { return false };
            members.ring.retain(|_, member| *member != id);
            members.note(GroupChange::Left(id));
            left
        };
        drop(left);
        self.tell_changes();
        true
    }

    pub(super) fn watch(&self, watcher: Watcher) {
        let mut members = self.members();
        let gone: Vec<_> = members.watchers.extract_if(.., |known| known.has_ended()).collect();
        members.watchers.push(Arc::new(watcher));
        drop(members);
        drop(gone);
    }

    /// Tells the watchers of all changes, in order and outside of the lock: what makes their messages
    /// may look at the group, or change it. Whoever comes meanwhile leaves the telling to the first.
    fn tell_changes(&self) {
        if std::mem::replace(&mut self.members().telling, true) {
            return;
        }
        loop {
            let (change, watchers) = {
                let mut members = self.members();
                let Some(change) = members.changes.pop_front() else {
                    members.telling = false;
                    return;
                };
                (change, members.watchers.clone())
            };
            for watcher in watchers {
                if !watcher.tell(change) {
                    self.members().watchers.retain(|known| !Arc::ptr_eq(known, &watcher));
                }
            }
        }
    }

    pub(super) fn in_turn(&self) -> Option<ActorRef<M>> {
        let members = self.members();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let turn = turn.checked_rem(members.by_id.len())?;
        members.by_id.values().nth(turn).cloned()
    }

    pub(super) fn owner_of<K: Hash + ?Sized>(&self, key: &K) -> Option<ActorRef<M>> {
        let members = self.members();
        let after = members.ring.range(hash(key)..).next();
        let (_, id) = after.or_else(|| members.ring.first_key_value())?;
        members.by_id.get(id).cloned()
    }
}

impl<M: Send + 'static> Members<M> {
    fn note(&mut self, change: GroupChange) {
        if !self.watchers.is_empty() {
            self.changes.push_back(change);
        }
    }
}

/// A group seen without its message type: by the actors in it, and by the list of all groups.
pub(super) trait AnyGroup: Send + Sync {
    fn remove_member(&self, id: ActorId);
    fn group_name(&self) -> &str;
    /// Whether somebody who lives is to be told of changes.
    fn is_watched(&self) -> bool;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Send + 'static> AnyGroup for Shared<M> {
    fn remove_member(&self, id: ActorId) {
        self.remove(id);
    }

    fn group_name(&self) -> &str {
        &self.name
    }

    fn is_watched(&self) -> bool {
        self.members().watchers.iter().any(|watcher| !watcher.has_ended())
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
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

/// A hash that is the same in every run and on every platform of one word size.
fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
}
