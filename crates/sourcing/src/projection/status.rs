//! How far a projection is, and what is wrong with it.

use std::fmt;

use steadfast_base::{EventId, Timestamp};
use steadfast_eventlog::{ActorName, Event, Position, Seq, TypeName};

/// Skipped events that the status names; the oldest go.
pub const SKIPPED_KEPT: usize = 16;

/// Where a projection stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProjectionStatus {
    /// What it does.
    pub state: ProjectionState,
    /// The position up to which the log is in the stored output.
    pub offset: Position,
    /// The position up to which it has looked at the log and found nothing left to store.
    pub seen: Position,
    /// Positions between that and the end of the log; 0 if the log cannot tell.
    pub lag: u64,
    /// Events handled and stored since the start of the projector.
    pub events_total: u64,
    /// Units stored.
    pub units_total: u64,
    /// Tries after a failure.
    pub retries_total: u64,
    /// Events left out as poison.
    pub skipped_total: u64,
    /// The last of those, the newest last.
    pub skipped: Vec<PoisonEvent>,
    /// What failed last, with its causes, and when.
    pub last_error: Option<(Timestamp, String)>,
    /// The event in front of which it has stopped.
    pub poison: Option<PoisonEvent>,
}

/// What a projection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProjectionState {
    /// Nobody runs it.
    #[default]
    Idle,
    /// It reads what the log had when it started.
    CatchingUp,
    /// It has reached the end of the log and follows it.
    Live,
    /// Something failed; it waits for the next try.
    Retrying,
    /// It gave up and waits to be told to go on.
    Failed,
}

/// An event whose handling fails each time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoisonEvent {
    /// Its place in the log; what [`ProjectorHandle::skip`](super::ProjectorHandle::skip) takes.
    pub position: Position,
    /// Its id.
    pub id: EventId,
    /// Whose event it is.
    pub actor: ActorName,
    /// Its number among those of the actor.
    pub seq: Seq,
    /// The type of its payload.
    pub type_name: TypeName,
    /// The version of the type.
    pub version: u16,
}

impl PoisonEvent {
    pub(super) fn of(event: &Event) -> Self {
        Self {
            position: event.position,
            id: event.id,
            actor: event.actor.clone(),
            seq: event.seq,
            type_name: event.payload.type_name().clone(),
            version: event.payload.version(),
        }
    }
}

impl fmt::Display for PoisonEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, id, actor, seq, type_name, version } = self;
        write!(f, "event {id} at position {position} ({actor} #{seq}, {type_name} v{version})")
    }
}

impl ProjectionStatus {
    pub(super) fn note_skipped(&mut self, event: &Event) {
        self.skipped_total = self.skipped_total.saturating_add(1);
        if self.skipped.len() >= SKIPPED_KEPT {
            self.skipped.remove(0);
        }
        self.skipped.push(PoisonEvent::of(event));
    }
}
