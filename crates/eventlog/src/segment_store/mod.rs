//! The embedded store: segments in a directory, one writer, group commit.
//!
//! ```text
//! append ──> queue ──> writer thread: decide, encode, pwrite, datasync ──> publish ──> answers
//! append_blocking ──> the same on the caller's thread, if nobody is before him
//!                                                                            │
//! read, subscribe <── newest events, indexes, frames by pread <──────────────┘
//! ```
//!
//! While one group is being synced the next one fills; there is no timer. Everything a reader sees has been
//! synced (with [`Durability::Sync`]).
//!
//! # Guarantees
//!
//! - What was acknowledged is there after any crash, at the durability that was asked for.
//! - A batch is whole or absent.
//! - A failed write or sync poisons the log: callers of that group get `CommitUnknown`, later ones
//!   `Poisoned`, without another system call. Reads go on. Opening it again is the way out, and trusts
//!   nothing that was not proven to be synced.
//! - Damage to what was synced is an error that names segment, offset and position; no byte is changed.
//!
//! # What is not guaranteed
//!
//! The newest frame has no witness that it was acknowledged until the next one, or the mark that follows
//! after [`Config::mark_after`]: damage to exactly that frame in that time looks like a torn write.

mod actors;
mod ahead;
mod answering;
mod block_cache;
mod catalog;
mod config;
mod cursor;
mod directory;
mod engine;
mod error;
mod fetch;
mod group;
mod indexing;
mod known;
mod known_frames;
mod loaded;
mod marking;
mod open;
mod page;
mod pieces;
mod plan;
mod publish;
mod queue;
mod recovery;
mod rows;
mod scan;
mod seal;
mod sealed;
mod segment_file;
mod shapes;
mod shared;
mod state;
mod threads;
mod unpacked;
mod upkeep;
mod write_behind;
mod writer;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;

use steadfast_base::Time;
use steadfast_base::storage::{FileSystem, Storage};

pub use self::config::{
    BLOCK_CACHE_BYTES, BLOCK_CACHE_BYTES_MAX, Config, ConfigError, Durability, MARK_AFTER,
    SCAN_THREADS, SEAL_LEVEL, SEALED_INDEX_BYTES, SEGMENT_BYTES, SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN, TAIL_EVENTS,
};
use self::cursor::{LogCursor, LogTail};
use self::directory::Directory;
use self::engine::Engine;
pub use self::error::OpenError;
use self::group::{Reply, Request};
use self::page::Reader;
use self::queue::Job;
use self::recovery::{Indexes, Recovered, recover};
use self::shared::Shared;
use self::state::Segment;
use self::threads::Threads;
use crate::append::{Append, AppendError, Appended, Appending};
use crate::error::StoreError;
use crate::event::{ActorName, Position, Seq};
use crate::format::frame::EventRef;
use crate::read::{Events, Query, ReadError, Subscription};
use crate::retention::{Pin, Retention, Retired};
use crate::statistics::{Statistics, VerifyReport};
use crate::store::{ActorExtent, EventStore, LogExtent};

/// The log in a directory. Clones share it; the last one to go closes it.
///
/// It owns four threads: the writer, one that makes segments and syncs ahead, one that seals full ones, and one that reads ahead
/// for scans. Other reads run on the thread that asks for them, at the speed of the page cache.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
///
/// # #[cfg(feature = "test-util")] {
/// use steadfast_base::storage::SimulatedStorage;
/// use steadfast_base::{EventId, Time};
/// use steadfast_eventlog::segment_store::{Config, SegmentStore};
/// use steadfast_eventlog::{Append, EventKind, EventStore, NewEvent, Payload, Query, block_on};
///
/// let storage = Arc::new(SimulatedStorage::new());
/// let store = SegmentStore::open_on(storage, Config::new("log"), Time::system())?;
/// let event = NewEvent::new(EventId::from_u128(1), "acc-42", EventKind::StateChanged, Payload::raw("note", "hi"));
/// store.append(Append::one(event)).wait()?;
/// assert_eq!(block_on(store.read(Query::all()).all())?.len(), 1);
/// block_on(store.close())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SegmentStore {
    shared: Arc<Shared>,
    /// What writes the log; `None` if it is only read.
    engine: Option<Arc<Mutex<Engine>>>,
    threads: Arc<Threads>,
}

impl SegmentStore {
    /// Opens a log on the machine's file system, or makes a new one.
    ///
    /// Blocks while it reads what there is.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(config: Config, time: Time) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(FileSystem), config, time)
    }

    /// Opens a log on any storage.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_on(
        storage: Arc<dyn Storage>,
        config: Config,
        time: Time,
    ) -> Result<Self, OpenError> {
        config.validate()?;
        let directory = Directory { storage, path: config.directory.clone() };
        let (engine, lock) = open::open(&directory, config, time)?;
        let shared = Arc::clone(&engine.shared);
        let writer = thread::Builder::new().name("eventlog-writer".to_owned());
        let engine = Arc::new(Mutex::new(engine));
        let writer = {
            let (engine, shared) = (Arc::clone(&engine), Arc::clone(&shared));
            writer.spawn(move || writer::run(&engine, &shared))?
        };
        let spares = thread::Builder::new().name("eventlog-spares".to_owned());
        let spares = {
            let (engine, shared) = (Arc::clone(&engine), Arc::clone(&shared));
            spares.spawn(move || shared.make_spares(&engine))
        };
        let threads = Arc::new(Threads::new(Arc::clone(&shared), Some(lock)));
        threads.add(writer);
        threads.add(spares?);
        if let Some(level) = shared.config.seal_level {
            let sealer = thread::Builder::new().name("eventlog-sealer".to_owned());
            let sealed = Arc::clone(&shared);
            threads.add(sealer.spawn(move || seal::seal_all(&sealed, level))?);
        }
        let reader = thread::Builder::new().name("eventlog-ahead".to_owned());
        let ahead = Arc::clone(&shared);
        shared.ahead.begin();
        threads.add(reader.spawn(move || ahead.ahead.run())?);
        shared.want_spare();
        shared.tell_full();
        Ok(Self { shared, engine: Some(engine), threads })
    }

    /// Opens a log for reading only: without the lock, without a change to any file, damaged or not.
    ///
    /// It sees what there is now. Appends, deletions and retention are answered `Closed`. What is damaged is an error where a read
    /// meets it, and reading on goes on behind it: so the rest can be saved.
    ///
    /// # Errors
    ///
    /// [`OpenError`], but not for damage.
    pub fn open_read_only(
        storage: Arc<dyn Storage>,
        config: Config,
        time: Time,
    ) -> Result<Self, OpenError> {
        config.validate()?;
        let directory = Directory { storage, path: config.directory.clone() };
        let recovered = recover(&directory, config.tail_events, config.scan_threads, Indexes::Use)?;
        let Recovered { mut state, last, catalog, .. } = recovered;
        if let Some(last) = last {
            let path = directory.segment(last.header.first);
            state.add_segment(Segment::new(last, path));
        }
        let shared = Shared::new(config, directory, time, state, catalog, None);
        shared.queue.close();
        let shared = Arc::new(shared);
        let threads = Arc::new(Threads::new(Arc::clone(&shared), None));
        Ok(Self { shared, engine: None, threads })
    }

    /// Begins a new segment, so that retention can remove what is in the one before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; `Unavailable` leaves the log as it was.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have begun one.
    pub async fn begin_segment(&self) -> Result<(), StoreError> {
        let (answer, completion) = Appending::later();
        if self.shared.queue.push(Job::Roll(completion)).is_err() {
            return Err(StoreError::Closed);
        }
        answer.await.map(|_nothing| ()).map_err(store_error)
    }

    /// Shows the events that a query finds one by one, oldest first, without copying them.
    ///
    /// For whoever looks at much and keeps little: it allocates nothing per event. Limit and direction of the
    /// query play no part; `visit` ends it by breaking off. Deleted events are not shown. Blocks the thread.
    ///
    /// # Errors
    ///
    /// The first [`ReadError`] met.
    pub fn scan(
        &self,
        query: &Query,
        visit: impl FnMut(&EventRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        query.check().map_err(ReadError::TooBroad)?;
        Reader::default().scan(&self.shared, query, visit)
    }

    /// Lets a request pass, or answers it where that takes no writing.
    fn admit(&self, append: Append) -> Result<Append, Result<Appended, AppendError>> {
        let admitted = append.check(self.shared.config.event_bytes_max);
        let answer = match admitted {
            Ok(append) if !append.events.is_empty() => return Ok(append),
            Ok(append) if self.shared.queue.is_closed() => {
                Err(AppendError::Closed { events: append.events })
            }
            Ok(append) => {
                match append.fence.as_ref().and_then(|fence| self.shared.newer_epoch(fence)) {
                    Some(current) => Err(AppendError::Fenced { current, events: append.events }),
                    None => Ok(Appended::NOTHING),
                }
            }
            Err(error) => Err(error),
        };
        if answer.is_err() {
            self.shared.count_failures(1);
        }
        Err(answer)
    }

    /// Hands a request over to the writer.
    fn hand_over(&self, append: Append) -> Appending {
        let (answer, completion) = Appending::later();
        let reply = Reply::Later(completion);
        let pushed = self.shared.queue.push(Job::Append(Request { append, reply }));
        if let Err(Job::Append(Request { append, reply: Reply::Later(completion) })) = pushed {
            completion.complete(Err(AppendError::Closed { events: append.events }));
        }
        answer
    }

    /// Writes a request on this thread; gives it back if somebody else is writing or waits to.
    fn write_here(&self, append: Append) -> Result<Result<Appended, AppendError>, Append> {
        let Some(engine) = &self.engine else { return Err(append) };
        let Ok(mut engine) = engine.try_lock() else { return Err(append) };
        // Whoever was before has been written by now, or is in the queue.
        if self.shared.queue.is_quiet() { Ok(engine.commit_here(append)) } else { Err(append) }
    }
}

impl fmt::Debug for SegmentStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = self.shared.read_state().extent();
        f.debug_struct("SegmentStore").field("extent", &extent).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventStore for SegmentStore {
    fn append(&self, append: Append) -> Appending {
        match self.admit(append) {
            Ok(append) => self.hand_over(append),
            Err(answer) => Appending::ready(answer),
        }
    }

    fn append_blocking(&self, append: Append) -> Result<Appended, AppendError> {
        let append = match self.admit(append) {
            Ok(append) => append,
            Err(answer) => return answer,
        };
        match self.write_here(append) {
            Ok(answer) => answer,
            Err(append) => self.hand_over(append).wait(),
        }
    }

    fn read(&self, query: Query) -> Events {
        match query.check() {
            Err(exceeded) => Events::ready(Err(ReadError::TooBroad(exceeded))),
            Ok(()) => Events::new(LogCursor::new(Arc::clone(&self.shared), query)),
        }
    }

    fn subscribe(&self, after: Position, query: Query) -> Subscription {
        let refused = query.check().err();
        Subscription::new(LogTail::new(Arc::clone(&self.shared), after, query, refused))
    }

    async fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        let state = self.shared.read_state();
        if state.closed { Err(ReadError::Closed) } else { Ok(state.actor(actor)) }
    }

    async fn extent(&self) -> Result<LogExtent, ReadError> {
        let state = self.shared.read_state();
        if state.closed { Err(ReadError::Closed) } else { Ok(state.extent()) }
    }

    async fn delete_to(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        upkeep::delete_to(&self.shared, actor, to)
    }

    async fn release(&self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        upkeep::release(&self.shared, actor, to)
    }

    async fn retain(&self, policy: &Retention) -> Result<Retired, StoreError> {
        upkeep::retain(&self.shared, policy, self.shared.time.timestamp())
    }

    async fn pinned(&self) -> Result<Vec<Pin>, ReadError> {
        upkeep::pinned(&self.shared)
    }

    async fn verify(&self) -> Result<VerifyReport, ReadError> {
        upkeep::verify(&self.shared)
    }

    async fn statistics(&self) -> Result<Statistics, ReadError> {
        let state = self.shared.read_state();
        if state.closed {
            return Err(ReadError::Closed);
        }
        let mut statistics = state.statistics();
        (statistics.block_hits_total, statistics.block_misses_total) = self.shared.blocks.counts();
        Ok(statistics)
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let (answer, completion) = Appending::later();
        if self.shared.queue.push(Job::Sync(completion)).is_err() {
            return Err(StoreError::Closed);
        }
        answer.await.map(|_nothing| ()).map_err(store_error)
    }

    async fn close(&self) -> Result<(), StoreError> {
        let (answer, completion) = Appending::later();
        if self.shared.queue.push(Job::Close(completion)).is_err() {
            self.shared.write_state().closed = true;
            return Ok(());
        }
        let closed = answer.await.map(|_nothing| ()).map_err(store_error);
        self.threads.join();
        closed
    }
}

/// The answer to a sync or close in the words of the store.
fn store_error(error: AppendError) -> StoreError {
    match error {
        AppendError::Poisoned { cause, .. } | AppendError::CommitUnknown { cause, .. } => {
            StoreError::Poisoned(cause)
        }
        AppendError::Fenced { current, .. } => StoreError::Fenced { current },
        AppendError::Unavailable { cause, .. } => StoreError::Unavailable(cause),
        _ => StoreError::Closed,
    }
}
