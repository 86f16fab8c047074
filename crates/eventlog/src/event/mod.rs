//! Events: what is appended, and what it became once it was stored.

mod kind;
mod name;
mod number;
mod payload;

use serde::{Deserialize, Serialize};

use steadfast_base::{CorrelationId, EventId, Timestamp};

pub use self::kind::EventKind;
pub use self::name::{ActorName, KindName, TypeName};
pub use self::number::{Position, Seq};
pub use self::payload::{CodecId, Payload};

/// One stored event.
///
/// `seq` counts the events of one actor, `position` those of the whole log; both from 1, and neither is
/// ever given twice. Positions order events, `at` does not: the wall clock may step.
///
/// # Example
///
/// ```
/// use steadfast_base::{EventId, Timestamp};
/// use steadfast_eventlog::{EventKind, NewEvent, Payload, Placed, Position, Seq};
///
/// let new = NewEvent::new(EventId::from_u128(7), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// let placed = Placed { position: Position::new(90), seq: Seq::new(3), at: Timestamp::UNIX_EPOCH };
/// let event = new.placed(placed);
/// assert_eq!((event.actor.as_str(), event.seq.get()), ("acc-42", 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's own id, chosen by whoever appended it.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Whose event it is.
    pub actor: ActorName,
    /// The number among the actor's events, from 1, without gaps.
    pub seq: Seq,
    /// The place in the log, from 1; greater than that of every event before it.
    pub position: Position,
    /// When it happened by the wall clock, to the microsecond.
    pub at: Timestamp,
    /// The piece of work it belongs to.
    pub correlation: Option<CorrelationId>,
    /// The event that caused it; `None` for the first of a chain.
    pub causation: Option<EventId>,
    /// The turn of the actor that made it, from 1; 0 if none was recorded.
    pub turn: u64,
    /// What the actor said about it.
    pub payload: Payload,
}

/// An event to append; the log gives it its sequence number and position.
///
/// | Field | Default |
/// |---|---|
/// | `at` | the store's clock when it is appended |
/// | `correlation`, `causation` | none |
/// | `turn` | 0 |
///
/// # Example
///
/// ```
/// use steadfast_base::{CorrelationId, EventId};
/// use steadfast_eventlog::{EventKind, NewEvent, Payload};
///
/// let cause = EventId::from_u128(1);
/// let event = NewEvent::new(EventId::from_u128(2), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"))
///     .with_correlation(CorrelationId::from_u128(5))
///     .with_causation(cause);
/// assert_eq!(event.causation, Some(cause));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// The event's own id. A retry must use the same one: appending is idempotent by it.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// Whose event it is.
    pub actor: ActorName,
    /// When it happened; `None` for the moment of the append. Kept to the microsecond.
    pub at: Option<Timestamp>,
    /// The piece of work it belongs to. The nil id counts as none.
    pub correlation: Option<CorrelationId>,
    /// The event that caused it. The nil id counts as none.
    pub causation: Option<EventId>,
    /// The turn of the actor that made it, from 1; 0 if none is recorded.
    pub turn: u64,
    /// What the actor says about it.
    pub payload: Payload,
}

impl NewEvent {
    /// An event with nothing but the necessary.
    pub fn new(
        id: EventId,
        actor: impl Into<ActorName>,
        kind: EventKind,
        payload: Payload,
    ) -> Self {
        Self {
            id,
            kind,
            actor: actor.into(),
            at: None,
            correlation: None,
            causation: None,
            turn: 0,
            payload,
        }
    }

    /// Sets when it happened.
    #[must_use]
    pub fn with_at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Sets the piece of work it belongs to.
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Sets the event that caused it.
    #[must_use]
    pub fn with_causation(mut self, causation: EventId) -> Self {
        self.causation = Some(causation);
        self
    }

    /// Sets the turn of the actor that made it.
    #[must_use]
    pub fn with_turn(mut self, turn: u64) -> Self {
        self.turn = turn;
        self
    }

    /// The stored event that this one became.
    #[must_use]
    pub fn placed(self, placed: crate::append::Placed) -> Event {
        Event {
            id: self.id,
            kind: self.kind,
            actor: self.actor,
            seq: placed.seq,
            position: placed.position,
            at: placed.at,
            correlation: self.correlation.filter(|id| id.as_u128() != 0),
            causation: self.causation.filter(|id| id.as_u128() != 0),
            turn: self.turn,
            payload: self.payload,
        }
    }

    /// The bytes it counts against [`limits::EVENT_BYTES_MAX`](crate::limits::EVENT_BYTES_MAX).
    pub fn size_bytes(&self) -> usize {
        crate::limits::EVENT_OVERHEAD_BYTES
            .saturating_add(self.actor.as_str().len())
            .saturating_add(self.kind.name().len())
            .saturating_add(self.payload.type_name().as_str().len())
            .saturating_add(self.payload.bytes().len())
    }
}

/// The moment without what is finer than a microsecond: what every store keeps.
#[must_use]
pub fn to_micros(at: Timestamp) -> Timestamp {
    let nanos = at.as_unix_nanos();
    Timestamp::from_unix_nanos(nanos.saturating_sub(nanos % 1_000))
}
