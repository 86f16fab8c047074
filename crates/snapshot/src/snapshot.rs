//! A snapshot and what is known of it without its state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use steadfast_base::{EventId, Limit, Timestamp};
use steadfast_eventlog::{
    ActorName, CodecId, Payload, Position, Seq, TypeName, limits as log_limits,
};

use crate::error::SnapshotError;
use crate::limits;

/// An actor's state after one of its events.
///
/// # Example
///
/// ```
/// use steadfast_eventlog::{Payload, Position, Seq};
/// use steadfast_snapshot::Snapshot;
///
/// let state = Payload::raw("bank.Account", "500");
/// let snapshot = Snapshot::new("acc-42", Seq::new(15), Position::new(90), state);
/// assert_eq!(snapshot.event, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whose state it is.
    pub actor: ActorName,
    /// The number of the last event it contains.
    pub seq: Seq,
    /// The position of that event.
    pub position: Position,
    /// When it was taken; `None` before it is saved means the store's clock. Kept to the microsecond.
    pub at: Option<Timestamp>,
    /// The id of the last event it contains. The nil id counts as none.
    pub event: Option<EventId>,
    /// The state: bytes, codec, type name and version.
    pub state: Payload,
    /// What the user wants to know about it later.
    pub metadata: BTreeMap<String, String>,
}

impl Snapshot {
    /// A snapshot with nothing but the necessary.
    pub fn new(actor: impl Into<ActorName>, seq: Seq, position: Position, state: Payload) -> Self {
        let metadata = BTreeMap::new();
        Self { actor: actor.into(), seq, position, at: None, event: None, state, metadata }
    }

    /// Sets when it was taken.
    #[must_use]
    pub fn with_at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Sets the id of the last event it contains.
    #[must_use]
    pub fn with_event(mut self, event: EventId) -> Self {
        self.event = Some(event);
        self
    }

    /// Adds a piece of metadata, replacing one with the same key.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// What is known of it without its state.
    pub(crate) fn info(&self, stored_bytes: u64) -> SnapshotInfo {
        SnapshotInfo {
            actor: self.actor.clone(),
            seq: self.seq,
            position: self.position,
            at: self.at.unwrap_or(Timestamp::UNIX_EPOCH),
            event: self.event,
            type_name: self.state.type_name().clone(),
            version: self.state.version(),
            codec: self.state.codec(),
            state_bytes: self.state.bytes().len() as u64,
            stored_bytes,
            metadata: self.metadata.clone(),
        }
    }

    /// Lets the snapshot pass if it is within all limits and makes sense.
    pub(crate) fn check(&self, state_bytes_max: u64) -> Result<(), SnapshotError> {
        let texts = self.metadata.iter().map(|(key, value)| key.len() + value.len() + 8);
        let sizes = [
            ("state_bytes_max", state_bytes_max, self.state.bytes().len()),
            ("actor_bytes_max", log_limits::ACTOR_BYTES_MAX as u64, self.actor.as_str().len()),
            (
                "type_name_bytes_max",
                log_limits::TYPE_NAME_BYTES_MAX as u64,
                self.state.type_name().as_str().len(),
            ),
            ("metadata_bytes_max", limits::METADATA_BYTES_MAX as u64, texts.sum()),
        ];
        for (name, max, bytes) in sizes {
            Limit::new(name, max).check(bytes as u64).map_err(SnapshotError::TooLarge)?;
        }
        if self.actor.as_str().is_empty() || self.state.type_name().as_str().is_empty() {
            return Err(SnapshotError::Rejected("a name is empty"));
        }
        Ok(())
    }

    /// The snapshot as every store keeps it: with a time, to the microsecond, and no nil id.
    pub(crate) fn settled(mut self, now: Timestamp) -> Self {
        self.at = Some(steadfast_eventlog::to_micros(self.at.unwrap_or(now)));
        self.event = self.event.filter(|id| id.as_u128() != 0);
        self
    }
}

/// What is known of a stored snapshot without reading its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Whose state it is.
    pub actor: ActorName,
    /// The number of the last event it contains.
    pub seq: Seq,
    /// The position of that event.
    pub position: Position,
    /// When it was taken.
    pub at: Timestamp,
    /// The id of the last event it contains.
    pub event: Option<EventId>,
    /// The name of the state's type.
    pub type_name: TypeName,
    /// Which shape of the type it is.
    pub version: u16,
    /// What encoded the state.
    pub codec: CodecId,
    /// Bytes of the state.
    pub state_bytes: u64,
    /// Bytes it takes in the store.
    pub stored_bytes: u64,
    /// What the user wanted to know later.
    pub metadata: BTreeMap<String, String>,
}
