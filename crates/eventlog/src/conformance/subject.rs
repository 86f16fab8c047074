//! What is tested, and small tools for testing it.

use std::sync::Arc;

use steadfast_base::{EventId, Timestamp};

use crate::append::{Append, AppendError, Appended, Expected};
use crate::blocking::Blocking;
use crate::event::{ActorName, Event, EventKind, NewEvent, Payload, Seq};
use crate::read::Query;
use crate::store::EventStore;

/// One fresh store under test.
pub trait Subject: Send + Sync {
    /// The store, as it is open now.
    fn store(&self) -> Arc<dyn EventStore>;

    /// Closes the store and opens it again; false if it does not outlive being closed.
    fn reopen(&self) -> bool;

    /// Begins a new piece of the log, where a store has pieces.
    fn roll(&self) {}
}

/// A subject that does not outlive being closed.
#[derive(Debug)]
pub struct Volatile(Arc<dyn EventStore>);

impl Volatile {
    /// The subject with this store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self(store)
    }
}

impl Subject for Volatile {
    fn store(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.0)
    }

    fn reopen(&self) -> bool {
        false
    }
}

pub(super) fn blocking(subject: &dyn Subject) -> Blocking {
    Blocking::new(subject.store())
}

/// Event `number` of a test, whose id, payload and so on are made of the number.
pub(super) fn event(actor: &str, number: u64) -> NewEvent {
    let payload = Payload::raw("test.Noted", format!("payload {number}"));
    NewEvent::new(id(number), actor, EventKind::StateChanged, payload)
}

pub(super) fn id(number: u64) -> EventId {
    EventId::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number))
}

/// A moment well in the past, and `micros` later.
pub(super) fn at(micros: u64) -> Timestamp {
    let nanos = micros.saturating_add(1_600_000_000_000_000).saturating_mul(1_000);
    Timestamp::from_unix_nanos(nanos)
}

/// A store in which actor `P` has the events 1 to 5, numbered like their ids.
pub(super) fn with_five(subject: &dyn Subject) -> Blocking {
    let log = blocking(subject);
    for number in 1..=5 {
        append(&log, event("P", number)).expect("the first five are stored");
    }
    log
}

pub(super) fn append(log: &Blocking, append: impl Into<Append>) -> Result<Appended, AppendError> {
    log.append(append)
}

pub(super) fn append_expecting(
    log: &Blocking,
    expected: Expected,
    events: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    log.append(Append::new(events).expecting(expected))
}

/// The numbers of the events that a query finds, checked to be whole and in order.
pub(super) fn seqs(log: &Blocking, query: Query) -> Vec<u64> {
    let events = log.read_all(query).expect("the store can be read");
    assert!(events.is_sorted_by(|one, next| one.position < next.position), "in order");
    events.iter().map(|event| event.seq.get()).collect()
}

pub(super) fn ids(events: &[Event]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(super) fn highest(log: &Blocking, actor: &str) -> u64 {
    log.actor(&ActorName::from(actor)).expect("the store can be read").highest.get()
}

pub(super) fn exact(seq: u64) -> Expected {
    Expected::Exact(Seq::new(seq))
}

/// The numbers from `from` to `to`, as a range of sequence numbers.
pub(super) fn between(from: u64, to: u64) -> std::ops::RangeInclusive<Seq> {
    Seq::new(from)..=Seq::new(to)
}
