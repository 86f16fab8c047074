//! The contract of every event store.

use std::fmt;

use async_trait::async_trait;

use crate::append::{Append, AppendError, Appended, Appending};
use crate::error::StoreError;
use crate::event::{ActorName, Position, Seq};
use crate::read::{Events, Query, ReadError, Subscription};
use crate::retention::{Pin, Retention, Retired};
use crate::statistics::{Statistics, VerifyReport};

/// A log of events with one writer and any number of readers.
///
/// # What every store promises
///
/// 1. An append that was answered with `Ok` stays, through whatever the store's durability says; the
///    events of one append are stored next to each other, all or none.
/// 2. Appends take effect in the order of the calls of [`append`](Self::append), per actor and over all.
/// 3. Sequence numbers of an actor are 1, 2, 3 and so on; positions rise. Neither is given twice, even if
///    the events that had them are deleted.
/// 4. Appending again with the same ids and the same exact expectation stores nothing and gives the first
///    answer, marked as a duplicate ([`decide`](crate::decide)).
/// 5. A read sees every event acknowledged before it began, and never one that a crash could still take
///    away at the store's durability. Whatever order the wall clock says, events come by position.
/// 6. After an append failed as `CommitUnknown` the store is poisoned: every append fails until the store
///    is opened again, reads go on.
/// 7. Damage is an error that says where, never an answer with something missing.
///
/// The suite in `conformance` (feature `test-util`) checks what can be checked from outside.
///
/// # Example
///
/// ```
/// use steadfast_base::EventId;
/// use steadfast_eventlog::{Append, EventKind, EventStore, Expected, MemoryStore, NewEvent, Payload, Query, block_on};
///
/// let store = MemoryStore::default();
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// let appended = store.append(Append::one(event).expecting(Expected::NoStream)).wait()?;
/// assert_eq!(appended.first().map(|place| place.seq.get()), Some(1));
///
/// let events = block_on(store.read(Query::actor("acc-42")).all())?;
/// assert_eq!(events[0].payload.bytes(), "hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait EventStore: Send + Sync + fmt::Debug {
    /// Hands events over for storing; the answer says when they are stored.
    ///
    /// The request takes its place in the order of appends now, whether or not the answer is awaited.
    /// A full queue makes the answer wait, not the call.
    ///
    /// # Errors
    ///
    /// The answer is an [`AppendError`](crate::AppendError), which gives the events back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the answer loses only the answer.
    fn append(&self, append: Append) -> Appending;

    /// Stores events, and blocks the thread until they are stored.
    ///
    /// It takes its place in the order of appends like [`append`](Self::append). A store may do the work on the
    /// thread of the caller, who then waits for no other one to wake up.
    ///
    /// # Errors
    ///
    /// [`AppendError`](crate::AppendError), which gives the events back.
    fn append_blocking(&self, append: Append) -> Result<Appended, AppendError> {
        self.append(append).wait()
    }

    /// The events that a query finds.
    fn read(&self, query: Query) -> Events;

    /// The events that a query finds from behind a position on, and then as they are appended.
    ///
    /// `after` is the last position already seen, 0 for none. Direction and limit of the query play no part.
    fn subscribe(&self, after: Position, query: Query) -> Subscription;

    /// What there is of an actor; of an unknown one, nothing.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError>;

    /// What there is of the log.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn extent(&self) -> Result<LogExtent, ReadError>;

    /// Deletes an actor's events up to and including a number; [`Seq::MAX`] deletes all there are.
    ///
    /// They can no longer be read, and retention may remove them. The actor's highest number stays: its
    /// next event gets the next one. Deleting again, or less, does nothing. Durable once answered.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it could not be made durable; whether the events are deleted is unknown then.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have deleted; do it again.
    async fn delete_to(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError>;

    /// Allows retention to remove an actor's events up to and including a number.
    ///
    /// Lower numbers than before change nothing. A store may forget it when it is closed: events are then
    /// kept until they are released again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot take it.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have released; do it again.
    async fn release(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError>;

    /// Removes from the oldest end what a policy allows and everybody concerned has released.
    ///
    /// A store removes in pieces of its own (whole segments), never the newest event, and never past an
    /// event that is pinned.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; what was removed until then stays removed.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have removed anything from nothing to all of it; the log is whole either way.
    async fn retain(&self, policy: &Retention) -> Result<Retired, StoreError>;

    /// What holds the oldest piece of the log, by actor; at most a thousand.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn pinned(&self) -> Result<Vec<Pin>, ReadError>;

    /// Reads everything and checks it against checksums, numbers and links.
    ///
    /// # Errors
    ///
    /// [`ReadError`] only if it could not go on; what it found is in the report.
    ///
    /// # Cancel safety
    ///
    /// A dropped call loses the report.
    async fn verify(&self) -> Result<VerifyReport, ReadError>;

    /// How much there is and what it cost.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    async fn statistics(&self) -> Result<Statistics, ReadError>;

    /// Waits until everything acknowledged so far is as durable as the store can make it.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the log is poisoned then.
    ///
    /// # Cancel safety
    ///
    /// A dropped call loses nothing but the knowledge.
    async fn sync(&self) -> Result<(), StoreError>;

    /// Ends the store: what was handed over is written, then appends and reads answer `Closed`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the last events could not be written.
    ///
    /// # Cancel safety
    ///
    /// A dropped call goes on closing; call it again to wait for the end.
    async fn close(&self) -> Result<(), StoreError>;
}

/// What there is of one actor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorExtent {
    /// The first number that can still be read; one above `highest` if there is none.
    pub first: Seq,
    /// The highest number ever given; 0 for an unknown actor.
    pub highest: Seq,
    /// The number up to which events are released.
    pub released: Seq,
}

impl ActorExtent {
    /// The extent of an actor with these numbers.
    pub fn new(first: Seq, highest: Seq, released: Seq) -> Self {
        Self { first, highest, released }
    }
}

/// What there is of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogExtent {
    /// The first position that retention has left; one above `last` if there is none.
    pub first: Position,
    /// The last position that reads see.
    pub last: Position,
    /// The last position known to be on the disk; not below `last` where appends are synced.
    pub durable: Position,
}

impl LogExtent {
    /// The extent of a log with these positions.
    pub fn new(first: Position, last: Position, durable: Position) -> Self {
        Self { first, last, durable }
    }
}
