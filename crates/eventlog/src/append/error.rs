//! Why an append failed, with the events to try again with.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use steadfast_base::{EventId, LimitExceeded, Recoverable, Recovery};

use super::{Epoch, Expected};
use crate::event::{ActorName, NewEvent, Seq};

/// What lies behind an error; shared, since one failed sync fails many appends.
pub type Cause = Arc<dyn Error + Send + Sync + 'static>;

/// Why an append was not acknowledged; every variant gives the events back.
///
/// Only after [`CommitUnknown`](Self::CommitUnknown) the events may be stored nevertheless. Reopen the
/// log, then append the same events with the same ids and expectation: if they are stored, the answer is
/// a duplicate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppendError {
    /// An actor's highest sequence number is not the expected one.
    Conflict {
        /// The actor.
        actor: ActorName,
        /// What was expected of it.
        expected: Expected,
        /// What is.
        actual: Seq,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// Only the beginning of the events is stored already: these are not the events of an earlier try.
    CorruptedIdempotency {
        /// The first event that differs from what is stored.
        id: EventId,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// The request or one event of it is larger than allowed.
    TooLarge {
        /// Which limit, and by how much.
        exceeded: LimitExceeded,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// The request makes no sense.
    Rejected {
        /// What is wrong with it.
        reason: Rejection,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// Writing or syncing failed under way: the events may be stored or not.
    CommitUnknown {
        /// What failed.
        cause: Cause,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// An earlier write or sync failed: the log takes nothing until it is opened again.
    Poisoned {
        /// What failed then.
        cause: Cause,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// Somebody else writes now.
    Fenced {
        /// The highest epoch seen.
        current: Epoch,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// Nothing was written: the disk is full, or the store cannot be reached.
    Unavailable {
        /// What failed.
        cause: Cause,
        /// The events of the request.
        events: Vec<NewEvent>,
    },
    /// The store was closed before the events were written.
    Closed {
        /// The events of the request.
        events: Vec<NewEvent>,
    },
}

impl AppendError {
    /// The events of the request.
    pub fn events(&self) -> &[NewEvent] {
        match self {
            Self::Conflict { events, .. }
            | Self::CorruptedIdempotency { events, .. }
            | Self::TooLarge { events, .. }
            | Self::Rejected { events, .. }
            | Self::CommitUnknown { events, .. }
            | Self::Poisoned { events, .. }
            | Self::Fenced { events, .. }
            | Self::Unavailable { events, .. }
            | Self::Closed { events } => events,
        }
    }

    /// Gives the events of the request back.
    #[must_use]
    pub fn into_events(self) -> Vec<NewEvent> {
        match self {
            Self::Conflict { events, .. }
            | Self::CorruptedIdempotency { events, .. }
            | Self::TooLarge { events, .. }
            | Self::Rejected { events, .. }
            | Self::CommitUnknown { events, .. }
            | Self::Poisoned { events, .. }
            | Self::Fenced { events, .. }
            | Self::Unavailable { events, .. }
            | Self::Closed { events } => events,
        }
    }

    /// The highest sequence number that stood against the expectation, if that was the reason.
    pub fn conflict(&self) -> Option<Seq> {
        match self {
            Self::Conflict { actual, .. } => Some(*actual),
            _ => None,
        }
    }

    /// Whether the events may be stored in spite of the error.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::CommitUnknown { .. })
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { actor, expected, actual, .. } => {
                write!(f, "actor {actor} is at sequence number {actual}, expected {expected}")
            }
            Self::CorruptedIdempotency { id, .. } => {
                write!(f, "the events up to {id} are stored already, with others behind them")
            }
            Self::TooLarge { exceeded, .. } => write!(f, "too large: {exceeded}"),
            Self::Rejected { reason, .. } => write!(f, "rejected: {reason}"),
            Self::CommitUnknown { .. } => {
                f.write_str("a write failed under way, the events may be stored or not")
            }
            Self::Poisoned { .. } => {
                f.write_str("an earlier write failed, the log must be opened again")
            }
            Self::Fenced { current, .. } => {
                write!(f, "another writer has taken over in epoch {current}")
            }
            Self::Unavailable { .. } => f.write_str("the store cannot write now"),
            Self::Closed { .. } => f.write_str("the store is closed"),
        }
    }
}

impl Error for AppendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CommitUnknown { cause, .. }
            | Self::Poisoned { cause, .. }
            | Self::Unavailable { cause, .. } => Some(&**cause),
            _ => None,
        }
    }
}

impl Recoverable for AppendError {
    /// Only an unavailable store is worth the same try again.
    fn recovery(&self) -> Recovery {
        match self {
            Self::Unavailable { .. } => Recovery::Retry,
            Self::CommitUnknown { .. } => Recovery::Unknown,
            _ => Recovery::Never,
        }
    }
}

/// What is wrong with a request that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// An actor, type or kind has an empty name.
    EmptyName {
        /// Which name: `actor`, `type` or `kind`.
        what: &'static str,
    },
    /// Two events of the request have the same id, or one is stored already in another place.
    DuplicateId(EventId),
    /// An event has the nil id, which stands for no event.
    NilId,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName { what } => write!(f, "the name of a {what} is empty"),
            Self::DuplicateId(id) => write!(f, "event id {id} is used twice"),
            Self::NilId => f.write_str("an event has the nil id"),
        }
    }
}

impl Error for Rejection {}
