//! Groups: sets of actors with one message type, to publish to and to route over.

mod members;
mod names;

use std::{fmt, hash::Hash, sync::Arc};

use steadfast_base::ActorId;

use self::members::{Shared, Watcher};
pub(crate) use self::{members::Membership, names::Groups};
use crate::{ActorRef, system::SystemInner};

/// What a watcher of a group is told, once for each member that comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupChange {
    /// An actor joined.
    Joined(ActorId),
    /// An actor left, or ended.
    Left(ActorId),
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
        self.shared.join(actor)
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
    ///
    /// `into_message` may use the group. One that panics is not called again.
    pub fn watch<N, F>(&self, watcher: &ActorRef<N>, into_message: F)
    where
        N: Send + 'static,
        F: Fn(GroupChange) -> N + Send + Sync + 'static,
    {
        self.shared.watch(Watcher::new(watcher, into_message));
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
        self.shared.in_turn()
    }

    /// The member for a key: the same while it is in; others keep theirs when one comes or goes.
    pub fn consistent_hash<K: Hash + ?Sized>(&self, key: &K) -> Option<ActorRef<M>> {
        self.shared.owner_of(key)
    }

    /// The member with the fewest messages waiting; the eldest of equals.
    #[must_use]
    pub fn least_busy(&self) -> Option<ActorRef<M>> {
        let members = self.shared.members();
        members.by_id.values().min_by_key(|member| member.queued()).cloned()
    }
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
