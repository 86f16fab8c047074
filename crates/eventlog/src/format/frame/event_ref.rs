//! An event as it stands in a frame, borrowed.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use steadfast_base::{CorrelationId, EventId, Timestamp};

use crate::event::{CodecId, Event, EventKind, Payload, Position, Seq};
use crate::hash::NameHash;
use crate::read::Query;

/// An event whose names and payload lie where they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// The event's own id.
    pub id: EventId,
    /// What happened.
    pub kind: KindRef<'a>,
    /// Whose event it is.
    pub actor: &'a str,
    /// The number among the actor's events.
    pub seq: Seq,
    /// The place in the log.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// The piece of work it belongs to.
    pub correlation: Option<CorrelationId>,
    /// The event that caused it.
    pub causation: Option<EventId>,
    /// The turn of the actor that made it; 0 if none was recorded.
    pub turn: u64,
    /// The name of the payload's type.
    pub type_name: &'a str,
    /// Which shape of the type it is.
    pub version: u16,
    /// What wrote the payload.
    pub codec: CodecId,
    /// The payload's bytes.
    pub payload: &'a [u8],
}

/// The kind of an event, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindRef<'a> {
    /// One of [`EventKind::BUILT_IN`].
    BuiltIn(&'static EventKind),
    /// The name of a kind that an application defined.
    Application(&'a str),
}

impl KindRef<'_> {
    /// Whether it stands for this kind.
    pub fn is(&self, kind: &EventKind) -> bool {
        match (self, kind) {
            (Self::Application(name), EventKind::Application(other)) => *name == other.as_str(),
            (Self::BuiltIn(known), other) => *known == other,
            (Self::Application(_), _) => false,
        }
    }
}

impl EventRef<'_> {
    /// Whether the event meets all conditions of a query; direction and limit play no part.
    pub fn matches(&self, query: &Query) -> bool {
        (query.from..=query.to).contains(&self.position)
            && (query.seq_from..=query.seq_to).contains(&self.seq)
            && self.at >= query.at_from
            && query.at_before.is_none_or(|before| self.at < before)
            && query.id.is_none_or(|id| self.id == id)
            && query.correlation.is_none_or(|id| self.correlation == Some(id))
            && (query.actors.is_empty() || query.actors.iter().any(|actor| *actor == self.actor))
            && (query.kinds.is_empty() || query.kinds.iter().any(|kind| self.kind.is(kind)))
    }

    /// The event with names and payload of its own; `payload` holds the same bytes as this one's.
    pub fn to_event(&self, names: &mut Names, payload: Bytes) -> Event {
        let kind = match self.kind {
            KindRef::BuiltIn(kind) => kind.clone(),
            KindRef::Application(name) => EventKind::application(names.get(name)),
        };
        Event {
            id: self.id,
            kind,
            actor: names.get(self.actor).into(),
            seq: self.seq,
            position: self.position,
            at: self.at,
            correlation: self.correlation,
            causation: self.causation,
            turn: self.turn,
            payload: Payload::new(self.codec, names.get(self.type_name), self.version, payload),
        }
    }
}

/// Names that were met before, so that each is allocated once.
#[derive(Debug, Default)]
pub struct Names {
    known: HashSet<Arc<str>, NameHash>,
}

impl Names {
    /// The most names kept; then all are forgotten and it starts again.
    pub const NAMES_MAX: usize = 65_536;

    /// No names yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name with this text.
    pub fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.known.get(text) {
            return Arc::clone(name);
        }
        if self.known.len() >= Self::NAMES_MAX {
            self.known.clear();
        }
        let name: Arc<str> = text.into();
        self.known.insert(Arc::clone(&name));
        name
    }
}
