//! The blocking face: waiting for a future on the current thread, and a store that only blocks.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::append::{Append, AppendError, Appended};
use crate::error::StoreError;
use crate::event::{ActorName, Event, Position, Seq};
use crate::read::{Delivery, Events, Query, ReadError, Subscription};
use crate::retention::{Pin, Retention, Retired};
use crate::statistics::{Statistics, VerifyReport};
use crate::store::{ActorExtent, EventStore, LogExtent};

/// Runs a future to its end on this thread, which sleeps while there is nothing to do.
///
/// Do not call it from a task of an asynchronous runtime: it blocks the runtime's thread.
///
/// # Example
///
/// ```
/// assert_eq!(steadfast_eventlog::block_on(async { 42 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    // Ends when the future does; each round has been asked for by a wake-up or is a harmless extra one.
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// A store whose every call blocks the thread until it is done.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// use steadfast_base::EventId;
/// use steadfast_eventlog::{Append, Blocking, EventKind, MemoryStore, NewEvent, Payload, Query};
///
/// let store = Blocking::new(Arc::new(MemoryStore::default()));
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// store.append(Append::one(event))?;
/// assert_eq!(store.read_all(Query::all())?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Blocking {
    store: Arc<dyn EventStore>,
}

impl Blocking {
    /// The blocking face of a store.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// Stores events; see [`EventStore::append_blocking`].
    ///
    /// # Errors
    ///
    /// [`AppendError`], which gives the events back.
    pub fn append(&self, append: impl Into<Append>) -> Result<Appended, AppendError> {
        self.store.append_blocking(append.into())
    }

    /// The events that a query finds, in batches.
    pub fn read(&self, query: Query) -> BlockingEvents {
        BlockingEvents(self.store.read(query))
    }

    /// The events that a query finds, in one piece of memory.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`] met.
    pub fn read_all(&self, query: Query) -> Result<Vec<Event>, ReadError> {
        block_on(self.store.read(query).all())
    }

    /// The events behind a position and those to come; see [`EventStore::subscribe`].
    pub fn subscribe(&self, after: Position, query: Query) -> BlockingSubscription {
        BlockingSubscription(self.store.subscribe(after, query))
    }

    /// What there is of an actor.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    pub fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        block_on(self.store.actor(actor))
    }

    /// What there is of the log.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    pub fn extent(&self) -> Result<LogExtent, ReadError> {
        block_on(self.store.extent())
    }

    /// Deletes an actor's events up to and including a number; see [`EventStore::delete_to`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it could not be made durable.
    pub fn delete_to(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        block_on(self.store.delete_to(actor, to))
    }

    /// Allows retention to remove an actor's events; see [`EventStore::release`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot take it.
    pub fn release(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        block_on(self.store.release(actor, to))
    }

    /// Removes what a policy allows; see [`EventStore::retain`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]; what was removed until then stays removed.
    pub fn retain(&self, policy: &Retention) -> Result<Retired, StoreError> {
        block_on(self.store.retain(policy))
    }

    /// What holds the oldest piece of the log.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    pub fn pinned(&self) -> Result<Vec<Pin>, ReadError> {
        block_on(self.store.pinned())
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    ///
    /// [`ReadError`] only if it could not go on.
    pub fn verify(&self) -> Result<VerifyReport, ReadError> {
        block_on(self.store.verify())
    }

    /// How much there is and what it cost.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the store cannot tell.
    pub fn statistics(&self) -> Result<Statistics, ReadError> {
        block_on(self.store.statistics())
    }

    /// Waits until everything acknowledged is as durable as it can be.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the log is poisoned then.
    pub fn sync(&self) -> Result<(), StoreError> {
        block_on(self.store.sync())
    }

    /// Ends the store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the last events could not be written.
    pub fn close(&self) -> Result<(), StoreError> {
        block_on(self.store.close())
    }
}

/// A cursor that blocks.
#[derive(Debug)]
pub struct BlockingEvents(Events);

impl BlockingEvents {
    /// The next events; none at the end.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; asking again reads on behind the damage.
    pub fn next_batch(&mut self) -> Result<Vec<Event>, ReadError> {
        block_on(self.0.next())
    }
}

/// A subscription that blocks.
#[derive(Debug)]
pub struct BlockingSubscription(Subscription);

impl BlockingSubscription {
    /// Waits for the next delivery; `None` once the store is closed.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; asking again goes on behind the damage.
    pub fn next_delivery(&mut self) -> Result<Option<Delivery>, ReadError> {
        block_on(self.0.next())
    }
}
