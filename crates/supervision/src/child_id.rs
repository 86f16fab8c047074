//! How callers name a child.

use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, ActorRef, ChildEvent};

use crate::ChildKey;
use crate::shell::{Request, SupervisorActor};

/// Names a child of one supervisor: by name, by key, or by its actor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildId {
    /// By its name.
    Name(Arc<str>),
    /// By the supervisor's own key.
    Key(ChildKey),
    /// By its actor.
    Actor(ActorHandle),
}

impl ChildId {
    /// The key in place of the actor, where it is known without asking the supervisor.
    pub(crate) fn seen_from(self, supervisor: &ActorRef<Request>) -> Self {
        match self {
            Self::Actor(actor) => match actor.key_under(&supervisor.handle()) {
                Some(key) if key != ChildEvent::BORN => Self::Key(ChildKey::from_u64(key)),
                _ => Self::Actor(actor),
            },
            other => other,
        }
    }

    pub(crate) fn find(&self, supervisor: &SupervisorActor) -> Option<ChildKey> {
        match self {
            Self::Name(name) => supervisor.core().find(name),
            Self::Key(key) => Some(*key),
            Self::Actor(actor) => supervisor.born_as(actor),
        }
    }
}

impl From<&str> for ChildId {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<&String> for ChildId {
    fn from(name: &String) -> Self {
        Self::Name(name.as_str().into())
    }
}

impl From<String> for ChildId {
    fn from(name: String) -> Self {
        Self::Name(name.into())
    }
}

impl From<ChildKey> for ChildId {
    fn from(key: ChildKey) -> Self {
        Self::Key(key)
    }
}

impl From<&ActorHandle> for ChildId {
    fn from(actor: &ActorHandle) -> Self {
        Self::Actor(actor.clone())
    }
}

impl<M: Send + 'static> From<&ActorRef<M>> for ChildId {
    fn from(actor: &ActorRef<M>) -> Self {
        Self::Actor(actor.handle())
    }
}
