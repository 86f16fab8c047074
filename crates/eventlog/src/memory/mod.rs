//! A store that lives in memory: for tests, and the plainest reading of the contract.

mod core;
mod leases;
mod tail;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use steadfast_base::{LimitExceeded, Time};

use self::core::Core;
pub use self::leases::MemoryLeases;
use self::tail::{LogCursor, LogTail};
use crate::append::{Append, AppendError, Appended, Appending};
use crate::error::StoreError;
use crate::event::{ActorName, Position, Seq};
use crate::limits;
use crate::read::{Events, Query, ReadError, Subscription};
use crate::retention::{Pin, Retention, Retired};
use crate::statistics::{Statistics, VerifyReport};
use crate::store::{ActorExtent, EventStore, LogExtent};

/// A store in memory, lost with its last handle.
///
/// It keeps every promise of [`EventStore`] but that of durability, and is bounded only by retention: it
/// grows with what is appended. Clones share the log. Its pieces are single events, so retention removes to
/// the event.
///
/// # Example
///
/// ```
/// use steadfast_base::{EventId, Time};
/// use steadfast_eventlog::{Append, EventKind, EventStore, MemoryStore, NewEvent, Payload};
///
/// let store = MemoryStore::new(Time::system());
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// let appended = store.append(Append::one(event)).wait()?;
/// assert!(!appended.duplicate);
/// # Ok::<(), steadfast_eventlog::AppendError>(())
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    core: Mutex<Core>,
    time: Time,
    event_bytes_max: usize,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// An empty log that stamps events with this time.
    pub fn new(time: Time) -> Self {
        Self::with_event_bytes_max(time, limits::EVENT_BYTES_MAX)
    }

    /// An empty log whose events may have at most this many bytes.
    pub fn with_event_bytes_max(time: Time, event_bytes_max: usize) -> Self {
        let core = Mutex::new(Core::default());
        Self { shared: Arc::new(Shared { core, time, event_bytes_max }) }
    }

    fn try_append(&self, append: Append) -> Result<Appended, AppendError> {
        let append = append.check(self.shared.event_bytes_max);
        let now = self.shared.time.timestamp();
        let mut core = self.shared.lock();
        let answer = core.append(append, now);
        let wakers = if answer.is_ok() { core.listeners.take() } else { Vec::new() };
        drop(core);
        wakers.into_iter().for_each(std::task::Waker::wake);
        answer
    }
}

impl Default for MemoryStore {
    /// An empty log that stamps events with the machine's time.
    fn default() -> Self {
        Self::new(Time::system())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = self.shared.lock().extent();
        f.debug_struct("MemoryStore").field("extent", &extent).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn append(&self, append: Append) -> Appending {
        Appending::ready(self.try_append(append))
    }

    fn read(&self, query: Query) -> Events {
        match query.check() {
            Err(exceeded) => Events::ready(Err(ReadError::TooBroad(exceeded))),
            Ok(()) => Events::new(LogCursor::new(Arc::clone(&self.shared), query)),
        }
    }

    fn subscribe(&self, after: Position, query: Query) -> Subscription {
        let refused: Option<LimitExceeded> = query.check().err();
        Subscription::new(LogTail::new(Arc::clone(&self.shared), after, query, refused))
    }

    async fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        self.shared.lock().actor(actor)
    }

    async fn extent(&self) -> Result<LogExtent, ReadError> {
        self.shared.lock().open_extent()
    }

    async fn delete_to(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.shared.lock().delete_to(actor, to)
    }

    async fn release(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.shared.lock().release(actor, to)
    }

    async fn retain(&self, policy: &Retention) -> Result<Retired, StoreError> {
        let now = self.shared.time.timestamp();
        self.shared.lock().retain(policy, now)
    }

    async fn pinned(&self) -> Result<Vec<Pin>, ReadError> {
        self.shared.lock().pinned()
    }

    async fn verify(&self) -> Result<VerifyReport, ReadError> {
        self.shared.lock().verify()
    }

    async fn statistics(&self) -> Result<Statistics, ReadError> {
        self.shared.lock().statistics()
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.shared.lock().check_open().map_err(StoreError::from)
    }

    async fn close(&self) -> Result<(), StoreError> {
        let wakers = {
            let mut core = self.shared.lock();
            core.close();
            core.listeners.take()
        };
        wakers.into_iter().for_each(std::task::Waker::wake);
        Ok(())
    }
}
