//! What the threads of a log share.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::time::Duration;

use steadfast_base::Time;

use super::ahead::Ahead;
use super::block_cache::BlockCache;
use super::catalog::Catalog;
use super::config::{Config, Durability};
use super::directory::Directory;
use super::engine::Engine;
use super::indexing::write_indexes;
use super::loaded::Loaded;
use super::pieces::sync_piece;
use super::queue::Queue;
use super::segment_file::Spare;
use super::state::State;
use super::write_behind::WriteBehind;
use crate::append::{Epoch, Fence};
use crate::error::StoreError;

/// Each piece of a spare waits for a moment without a commit, but not for long: one that is not ready in time is made
/// by whoever needs it.
const ZERO_QUIET: Duration = Duration::from_micros(500);
const ZERO_PATIENCE: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) directory: Directory,
    pub(super) time: Time,
    pub(super) queue: Queue,
    /// What is in memory of sealed segments.
    pub(super) loaded: Arc<Loaded>,
    /// Blocks of sealed segments that were asked for lately.
    pub(super) blocks: BlockCache,
    /// What reads ahead for scans.
    pub(super) ahead: Ahead,
    /// In which epoch the log is written; `None` if it is only read.
    epoch: Option<Epoch>,
    /// How many threads decompress a segment of which most is read.
    pub(super) unpack_threads: usize,
    state: RwLock<State>,
    /// Also the lock under which deletions and retention run, one at a time.
    catalog: Mutex<Catalog>,
    fences: Mutex<HashMap<Arc<str>, Epoch>>,
    spares: Mutex<Spares>,
    spares_changed: Condvar,
    /// The buffer of the active segment, where there is one.
    behind: Mutex<Option<Arc<WriteBehind>>>,
    /// See [`Shared::lock_piece`].
    piece: Mutex<Option<io::ErrorKind>>,
    /// How many groups were committed.
    commits: AtomicU64,
    /// Whether the writer looks after what was committed by others.
    is_watched: AtomicBool,
    /// Whether the next group looks whether somebody else has taken over the log.
    check_due: AtomicBool,
}

/// The segment that is made ahead, and what else goes on in the background.
#[derive(Debug, Default)]
struct Spares {
    ready: Option<Spare>,
    asked: Asked,
    /// Whether a segment may have become full since somebody looked.
    full: bool,
    ended: bool,
}

/// What the thread that works ahead is asked for and has not begun.
#[derive(Debug, Default)]
struct Asked {
    spare: bool,
    /// Whether a piece of the active segment is to be synced.
    piece: bool,
}

/// What that thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Spare,
    Piece,
}

impl Shared {
    pub(super) fn new(
        config: Config,
        directory: Directory,
        time: Time,
        mut state: State,
        catalog: Catalog,
        epoch: Option<Epoch>,
    ) -> Self {
        state.ids.since = state.next;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            loaded: Arc::clone(&state.loaded),
            blocks: BlockCache::new(config.block_cache_bytes),
            ahead: Ahead::default(),
            epoch,
            unpack_threads: config.scan_threads.min(processors),
            config,
            directory,
            time,
            queue: Queue::default(),
            state: RwLock::new(state),
            catalog: Mutex::new(catalog),
            fences: Mutex::default(),
            spares: Mutex::default(),
            spares_changed: Condvar::new(),
            behind: Mutex::default(),
            piece: Mutex::default(),
            commits: AtomicU64::new(0),
            is_watched: AtomicBool::new(false),
            check_due: AtomicBool::new(true),
        }
    }

    /// The state, with indexes that know of every event.
    pub(super) fn read_state(&self) -> RwLockReadGuard<'_, State> {
        let state = self.peek_state();
        if state.is_settled() {
            return state;
        }
        drop(state);
        let mut state = self.write_state();
        state.settle();
        RwLockWriteGuard::downgrade(state)
    }

    /// The state, whose newest events the indexes may know by their ids only.
    pub(super) fn peek_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a change of the log's files pass if this is who writes them: not on a log that is only read, nor once
    /// somebody else has taken it over. Asked for while the catalog is held.
    pub(super) fn check_writer(&self) -> Result<(), StoreError> {
        let Some(own) = self.epoch else { return Err(StoreError::Closed) };
        let record = self.directory.writer_record();
        let record = record.map_err(|error| StoreError::Unavailable(Arc::new(error)))?;
        match record.filter(|record| record.epoch > own) {
            None => Ok(()),
            // Its own end: that is one more, too.
            Some(record) if record.closed_at.is_some() && record.epoch == own.next() => {
                Err(StoreError::Closed)
            }
            Some(record) => Err(StoreError::Fenced { current: record.epoch }),
        }
    }

    /// The epoch that shuts a fence out, if one does; otherwise the fence's own is remembered.
    pub(super) fn newer_epoch(&self, fence: &Fence) -> Option<Epoch> {
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = fences.entry(Arc::clone(&fence.lease)).or_default();
        if *seen > fence.epoch {
            return Some(*seen);
        }
        *seen = fence.epoch;
        None
    }

    pub(super) fn count_failures(&self, count: u64) {
        let statistics = &mut self.write_state().statistics;
        statistics.failures_total = statistics.failures_total.saturating_add(count);
    }

    pub(super) fn count_duplicate(&self) {
        let statistics = &mut self.write_state().statistics;
        statistics.appends_total = statistics.appends_total.saturating_add(1);
        statistics.duplicates_total = statistics.duplicates_total.saturating_add(1);
    }

    pub(super) fn set_behind(&self, behind: Option<Arc<WriteBehind>>) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = behind;
    }

    /// Writes out what `Durability::Memory` has left in memory; an error stays with the buffer, which
    /// gives it to the next append.
    pub(super) fn write_out(&self) {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(behind) = behind {
            behind.write_out().ok();
        }
    }

    /// Counts a group; whoever does has the engine.
    pub(super) fn count_commit(&self) {
        self.commits.store(self.commits().wrapping_add(1), Ordering::Relaxed);
    }

    /// Says whether the writer looks after commits, and gives what was said before. Whoever says it has the
    /// engine.
    pub(super) fn set_watched(&self, is_watched: bool) -> bool {
        let before = self.is_watched.load(Ordering::Relaxed);
        if before != is_watched {
            self.is_watched.store(is_watched, Ordering::Relaxed);
        }
        before
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether a group must look for another writer: each one that is synced, others once a tick.
    pub(super) fn is_check_due(&self) -> bool {
        let is_rare = self.config.durability != Durability::Sync && self.config.tick().is_some();
        let is_due = || self.check_due.load(Ordering::Relaxed);
        !is_rare || (is_due() && self.check_due.swap(false, Ordering::Relaxed))
    }

    pub(super) fn make_check_due(&self) {
        self.check_due.store(true, Ordering::Relaxed);
    }

    /// Asks for a spare to be made ahead.
    pub(super) fn want_spare(&self) {
        self.lock_spares().asked.spare = true;
        self.spares_changed.notify_all();
    }

    /// Asks for what was written to be synced, by whoever has nothing else to do.
    pub(super) fn want_piece(&self) {
        self.lock_spares().asked.piece = true;
        self.spares_changed.notify_all();
    }

    /// Held while a piece is synced: why the last sync of one failed.
    pub(super) fn lock_piece(&self) -> MutexGuard<'_, Option<io::ErrorKind>> {
        self.piece.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_spare(&self) -> Option<Spare> {
        self.lock_spares().ready.take()
    }

    /// Ends the threads that make spares and read ahead.
    pub(super) fn end_spares(&self) {
        self.ahead.end();
        let spare = {
            let mut spares = self.lock_spares();
            spares.ended = true;
            spares.ready.take()
        };
        self.spares_changed.notify_all();
        if let Some(spare) = spare {
            spare.discard(&self.directory);
        }
    }

    /// Writes the indexes of full segments and makes spares when they are wanted, until the log ends. One that
    /// cannot be made is made when it is needed, where the error has somebody to go to.
    pub(super) fn make_spares(&self, engine: &Mutex<Engine>) {
        let mut number = 1_u64;
        // Ends with the log.
        while let Some(wanted) = self.wait_for_wanted() {
            if wanted == Wanted::Piece {
                sync_piece(self, engine);
                continue;
            }
            write_indexes(self);
            if self.lock_spares().ready.is_some() {
                // Asked for by one who did not wait for it and made his own.
                continue;
            }
            number = number.saturating_add(2);
            let length = self.config.segment_bytes;
            let is_wanted = || {
                self.wait_while_busy(ZERO_QUIET, ZERO_PATIENCE);
                if self.lock_spares().asked.spare {
                    // A segment has become full meanwhile: its index does not wait for zeros.
                    write_indexes(self);
                }
                !self.is_ended()
            };
            let fill = self.config.fill();
            let made = Spare::make_while(&self.directory, number, length, fill, is_wanted);
            let Ok(spare) = made else { continue };
            let mut spares = self.lock_spares();
            if spares.ended {
                drop(spares);
                spare.discard(&self.directory);
                break;
            }
            spares.ready = Some(spare);
        }
        // A segment that became full last has no index yet.
        write_indexes(self);
    }

    /// Lets whoever appends go first: waits until there was no commit for as long as `quiet`, at most for `patience`.
    pub(super) fn wait_while_busy(&self, quiet: Duration, patience: Duration) {
        let mut left = patience;
        while !left.is_zero() {
            let before = self.commits();
            let spares = self.lock_spares();
            if spares.ended {
                return;
            }
            let waited = self.spares_changed.wait_timeout(spares, quiet);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            if self.commits() == before && !self.queue.has_jobs() {
                return;
            }
            left = left.saturating_sub(quiet);
        }
    }

    /// Says that a segment is full.
    pub(super) fn tell_full(&self) {
        self.lock_spares().full = true;
        self.spares_changed.notify_all();
    }

    /// Waits until a segment may be full; false at the end of the log.
    pub(super) fn wait_for_full(&self) -> bool {
        let mut spares = self.lock_spares();
        while !spares.full && !spares.ended {
            spares = self.spares_changed.wait(spares).unwrap_or_else(PoisonError::into_inner);
        }
        spares.full = false;
        !spares.ended
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock_spares().ended
    }

    /// What is to be done next; `None` at the end of the log.
    fn wait_for_wanted(&self) -> Option<Wanted> {
        let mut spares = self.lock_spares();
        // Ends with the log, if nothing is wanted before.
        while !spares.ended {
            if std::mem::take(&mut spares.asked.spare) {
                return Some(Wanted::Spare);
            }
            if std::mem::take(&mut spares.asked.piece) {
                return Some(Wanted::Piece);
            }
            spares = self.spares_changed.wait(spares).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn lock_spares(&self) -> MutexGuard<'_, Spares> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
