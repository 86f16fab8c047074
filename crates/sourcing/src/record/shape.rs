//! What a recording and a replay know of an actor's types.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use steadfast_actor_core::Actor;
use steadfast_eventlog::{CodecError, CodecId, Payload, TypeName};

use super::vocabulary::{CODEC, Vocabulary};
use super::{ValueHash, turn::STATE_CODEC};

/// What is known of an actor's types, to record it and to replay it.
///
/// | with | needs | gives |
/// |---|---|---|
/// | [`new`](Self::new) | `Msg: Serialize + DeserializeOwned` | the record of its turns, and their replay |
/// | [`hashed`](Self::hashed) | `A: Serialize` | state hashes, and where two states differ |
/// | [`restored`](Self::restored) | `A: DeserializeOwned` too | recordings that begin amid a life, or go on behind a gap |
/// | [`cloned`](Self::cloned) | `A: Clone` | checkpoints: quick steps back |
/// | [`knowing`](Self::knowing) | a type `T` | the values of that type sent to others, or answered by them |
///
/// A state that is hashed must serialize alike each time: no `HashMap` in it (`docs/determinism.md`).
pub struct Shape<A: Actor> {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) message_type: TypeName,
    pub(crate) state_type: TypeName,
    pub(crate) encode: fn(&A::Msg, &TypeName) -> Result<Payload, CodecError>,
    pub(crate) decode: fn(&Payload) -> Result<A::Msg, CodecError>,
    pub(crate) state: Option<StateShape<A>>,
    pub(crate) restore: Option<Restore<A>>,
    pub(crate) clone: Option<fn(&A) -> A>,
}

type Restore<A> = fn(&Payload) -> Result<A, CodecError>;

/// How a state is looked at.
pub(crate) struct StateShape<A> {
    compact: fn(&A) -> Result<Payload, CodecError>,
    named: fn(&A, &TypeName) -> Result<Payload, CodecError>,
    tree: fn(&A) -> Option<Value>,
}

impl<A> Clone for StateShape<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for StateShape<A> {}

impl<A: Actor> Shape<A>
where
    A::Msg: Serialize + DeserializeOwned,
{
    /// The messages of an actor.
    #[must_use]
    pub fn new() -> Self {
        Self {
            vocabulary: Vocabulary::default().with::<A::Msg>(),
            message_type: std::any::type_name::<A::Msg>().into(),
            state_type: std::any::type_name::<A>().into(),
            encode: |message, name| Payload::encode(CODEC, name, 1, message),
            decode: Payload::decode,
            state: None,
            restore: None,
            clone: None,
        }
    }
}

impl<A: Actor> Default for Shape<A>
where
    A::Msg: Serialize + DeserializeOwned,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor> Shape<A> {
    /// Also knows the values of this type that are sent, or come back.
    #[must_use]
    pub fn knowing<T: Serialize + DeserializeOwned + Send + 'static>(mut self) -> Self {
        self.vocabulary = self.vocabulary.with::<T>();
        self
    }

    /// Also hashes states, and compares them.
    #[must_use]
    pub fn hashed(mut self) -> Self
    where
        A: Serialize,
    {
        self.state = Some(StateShape {
            compact: |state| Payload::encode(CODEC, "state", 1, state),
            named: |state, name| Payload::encode(STATE_CODEC, name, 1, state),
            tree: |state| serde_json::to_value(state).ok(),
        });
        self
    }

    /// Also restores states from what was recorded.
    #[must_use]
    pub fn restored(mut self) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        self.restore = Some(Payload::decode);
        self.hashed()
    }

    /// Also keeps states in memory, to come back to.
    #[must_use]
    pub fn cloned(mut self) -> Self
    where
        A: Clone,
    {
        self.clone = Some(A::clone);
        self
    }

    pub(crate) fn encode(&self, message: &A::Msg) -> Result<Payload, CodecError> {
        (self.encode)(message, &self.message_type)
    }

    /// The hash of a state; none if states are not looked at, or this one cannot be encoded.
    pub(crate) fn state_hash(&self, state: &A) -> Option<ValueHash> {
        let payload = (self.state.as_ref()?.compact)(state).ok()?;
        Some(ValueHash::of(payload.bytes()))
    }

    /// A state as it is kept.
    pub(crate) fn state_payload(&self, state: &A) -> Option<Payload> {
        (self.state.as_ref()?.named)(state, &self.state_type).ok()
    }

    /// A state as a tree.
    pub(crate) fn state_tree(&self, state: &A) -> Option<Value> {
        (self.state.as_ref()?.tree)(state)
    }
}

/// A kept state as a tree; its codec writes the names of the fields.
pub(crate) fn tree_of(payload: &Payload) -> Option<Value> {
    (payload.codec() == CodecId::NAMED).then(|| payload.decode().ok()).flatten()
}

impl<A: Actor> Clone for Shape<A> {
    fn clone(&self) -> Self {
        Self {
            vocabulary: self.vocabulary.clone(),
            message_type: self.message_type.clone(),
            state_type: self.state_type.clone(),
            ..*self
        }
    }
}

impl<A: Actor> fmt::Debug for Shape<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape")
            .field("message", &self.message_type)
            .field("hashed", &self.state.is_some())
            .field("restored", &self.restore.is_some())
            .field("cloned", &self.clone.is_some())
            .finish_non_exhaustive()
    }
}
