//! The request to append and its answer.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use steadfast_base::Timestamp;

use crate::event::{NewEvent, Position, Seq};

/// One request: events that are stored all or none, next to each other, in this order.
///
/// The events may be of several actors; the expectation then holds for each of them.
///
/// # Example
///
/// ```
/// use steadfast_base::EventId;
/// use steadfast_eventlog::{Append, EventKind, Expected, NewEvent, Payload, Seq};
///
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// let append = Append::one(event).expecting(Expected::Exact(Seq::new(4)));
/// assert_eq!(append.events.len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Append {
    /// The events; none at all is a request that does nothing and succeeds.
    pub events: Vec<NewEvent>,
    /// What must be true of each actor before.
    pub expected: Expected,
    /// The lease under which this is written, if leases guard the log.
    pub fence: Option<Fence>,
}

impl Append {
    /// A request for several events, with [`Expected::Any`].
    pub fn new(events: Vec<NewEvent>) -> Self {
        Self { events, expected: Expected::Any, fence: None }
    }

    /// A request for one event, with [`Expected::Any`].
    pub fn one(event: NewEvent) -> Self {
        Self::new(vec![event])
    }

    /// Sets what must be true before.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// Sets the lease under which this is written.
    #[must_use]
    pub fn fenced_by(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }
}

impl From<NewEvent> for Append {
    fn from(event: NewEvent) -> Self {
        Self::one(event)
    }
}

impl From<Vec<NewEvent>> for Append {
    fn from(events: Vec<NewEvent>) -> Self {
        Self::new(events)
    }
}

/// What the highest sequence number of an actor must be for an append to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Anything. A retry is recognized as far as the store remembers the ids: best effort.
    Any,
    /// Nothing was ever appended; the same as `Exact(Seq::ZERO)`.
    NoStream,
    /// Something was appended at some time, even if it has been deleted since.
    StreamExists,
    /// Exactly this number.
    Exact(Seq),
}

impl Expected {
    /// The exact number that is expected, if one is.
    pub fn exact(self) -> Option<Seq> {
        match self {
            Self::NoStream => Some(Seq::ZERO),
            Self::Exact(seq) => Some(seq),
            Self::Any | Self::StreamExists => None,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::NoStream => f.write_str("no events"),
            Self::StreamExists => f.write_str("any events"),
            Self::Exact(seq) => write!(f, "sequence number {seq}"),
        }
    }
}

/// How often a lease has changed hands, or a log was opened for writing; only ever rises.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first owner.
    pub const ZERO: Self = Self(0);

    /// The epoch with this number.
    pub const fn new(epoch: u64) -> Self {
        Self(epoch)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The epoch of the next owner.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Proof of a lease, shown with each append: its name and the epoch in which it was given.
///
/// A store remembers the highest epoch it has seen of each name, for as long as it is open, and
/// refuses lower ones as `Fenced`: the fencing token of Kleppmann, "How to do distributed locking" (2016).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The name of the lease.
    pub lease: Arc<str>,
    /// The epoch in which it was given.
    pub epoch: Epoch,
}

/// Where an event was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placed {
    /// Its place in the log.
    pub position: Position,
    /// Its number among those of its actor.
    pub seq: Seq,
    /// Its time, to the microsecond.
    pub at: Timestamp,
}

/// The answer to an append that was stored, now or by an earlier try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Where each event stands, in the order of the request.
    pub places: Places,
    /// Whether an earlier try had stored the events already.
    pub duplicate: bool,
}

impl Appended {
    /// The answer to a request without events.
    pub const NOTHING: Self = Self { places: Places::Many(Vec::new()), duplicate: false };

    /// Where the first event stands; `None` if there were none.
    pub fn first(&self) -> Option<Placed> {
        self.places.as_slice().first().copied()
    }

    /// Where the last event stands; `None` if there were none.
    pub fn last(&self) -> Option<Placed> {
        self.places.as_slice().last().copied()
    }
}

/// The places of one event, which are kept without an allocation, or of several.
#[derive(Clone, Debug)]
pub enum Places {
    /// The place of the only event.
    One(Placed),
    /// The places of several events, or of none.
    Many(Vec<Placed>),
}

impl Places {
    /// The places, in the order of the request.
    pub fn as_slice(&self) -> &[Placed] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places,
        }
    }
}

impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Places {}

impl From<Vec<Placed>> for Places {
    fn from(places: Vec<Placed>) -> Self {
        match places.as_slice() {
            [place] => Self::One(*place),
            _ => Self::Many(places),
        }
    }
}
