//! The pool's owner: hands out slots, and closes the pool when it is dropped.

use std::collections::HashMap;
use std::fmt;
use std::ptr::NonNull;

use steadfast_base::ActorId;

use super::answer::Answer;
use super::asker::{Asker, place_of};
use super::chunk::{CHUNK_SLOTS, Chunk};
use super::deadline::Deadline;
use super::pool::{SlotPool, lock};
use super::tag::AskTag;
use super::ticker::Ticker;
use super::word::{ANSWER_LEFT, Why};
use crate::sync::Ordering;

/// The owner of a pool: hands out slots, and closes the pool when it is dropped.
///
/// The memory is freed once the handle is dropped and all slots and the ticker are back. At the
/// drop, asks under a coarse deadline are lost with [`Why::Closed`], for nobody watches it then.
///
/// The pool grows to the largest number of asks that were pending at once (64 bytes each) and keeps
/// that until it closes: its bound is the number of live asking futures and unanswered replies.
pub(crate) struct PoolHandle {
    pool: NonNull<SlotPool>,
}

// SAFETY: a pool is shared by all threads; its parts are atomics, locks and slots that may be
// used from any thread.
unsafe impl Send for PoolHandle {}
// SAFETY: as above.
unsafe impl Sync for PoolHandle {}

impl PoolHandle {
    pub(super) fn new(pool: NonNull<SlotPool>) -> Self {
        Self { pool }
    }

    fn pool(&self) -> &SlotPool {
        // SAFETY: the handle keeps the pool alive.
        unsafe { self.pool.as_ref() }
    }

    /// Takes a slot for one ask; `limit_ms` is its coarse deadline, 0 for none.
    ///
    /// The limit counts from the first scan that sees the asker waiting: never early, and late by at
    /// most the time between two scans, twice.
    #[inline]
    pub(crate) fn acquire<T: Send>(&self, limit_ms: u32) -> (Asker<T>, Answer<T>) {
        let slot = SlotPool::take(self.pool, 0, limit_ms);
        // SAFETY: the slot is fresh, and this is its only asker.
        let asker = unsafe { Asker::new(slot) };
        // SAFETY: the slot is fresh, and this is its only answer; `T` is `Send`.
        (asker, unsafe { Answer::new(slot) })
    }

    /// A coarse deadline without an ask: ready after `limit_ms` (at least 1).
    pub(crate) fn register_deadline(&self, limit_ms: u32) -> Deadline {
        let slot = SlotPool::take(self.pool, ANSWER_LEFT, limit_ms.max(1));
        // SAFETY: the slot is fresh, and its state says that there is no answer.
        Deadline::new(unsafe { Asker::new(slot) })
    }

    /// The scanner of the coarse deadlines; there is one, so a second call gives `None`.
    pub(crate) fn ticker(&self) -> Option<Ticker> {
        let mut seat = lock(&self.pool().seat);
        if seat.taken {
            return None;
        }
        seat.taken = true;
        self.pool().check_out();
        // SAFETY: the ticker is counted in, and it is the only one.
        Some(unsafe { Ticker::new(self.pool) })
    }

    /// Slots in use now.
    pub(crate) fn live(&self) -> u64 {
        let seat = lock(&self.pool().seat);
        self.pool().out().saturating_sub(i64::from(seat.taken)).max(0).unsigned_abs()
    }

    /// Slots allocated so far, in use or free.
    pub(crate) fn allocated(&self) -> u64 {
        self.pool().allocated()
    }

    /// The asks that wait for an answer from `actor`, with the places of their questions in its
    /// mailbox. Looks at every slot of the pool: for the end of an actor, not for its life.
    ///
    /// Complete for the questions that were taken out of the mailbox before the call.
    pub(crate) fn asks_of(&self, actor: ActorId) -> HashMap<u32, AskTag> {
        let mut chunks = Vec::new();
        self.pool().update(&mut chunks);
        let mut asks = HashMap::new();
        for chunk in chunks {
            for index in 0..CHUNK_SLOTS {
                // SAFETY: the chunk is allocated and the index is inside it.
                let ptr = unsafe { Chunk::slot(chunk, index) };
                // SAFETY: slots live as long as their pool.
                let slot = unsafe { ptr.as_ref() };
                let word = slot.word.load(Ordering::Acquire);
                let place = slot.place.load(Ordering::Acquire);
                if place == 0 || place >> 32 != place_of(actor, 0) >> 32 {
                    continue;
                }
                // SAFETY: as above; a tag of an ask that is over names nothing.
                let tag = unsafe { AskTag::of(ptr) };
                // If the slot went to another ask meanwhile, the place may be that of the one
                // and the tag that of the other.
                if tag.names(word) {
                    let position = u32::try_from(place & u64::from(u32::MAX));
                    asks.insert(position.expect("masked to 32 bits"), tag);
                }
            }
        }
        asks
    }

    /// Loses the ask of this tag, whoever holds its answer. False if the ask is over: answered,
    /// lost, or given up by its asker.
    pub(crate) fn recall(&self, tag: AskTag, why: Why) -> bool {
        let (number, index) = tag.place();
        let Some(chunk) = self.pool().chunk(number) else { return false };
        // SAFETY: chunks live as long as their pool, and the index is inside this one.
        let slot = unsafe { Chunk::slot(chunk, index) };
        // SAFETY: slots live as long as their pool.
        unsafe { slot.as_ref() }.settle(why.lost(), 0, |word| tag.names(word))
    }

    /// Loses every ask that relies on the coarse deadline.
    fn lose_limited(&self) {
        let mut chunks = Vec::new();
        self.pool().update(&mut chunks);
        for chunk in chunks {
            for index in 0..CHUNK_SLOTS {
                // SAFETY: the chunk is allocated and the index is inside it.
                let ptr = unsafe { Chunk::slot(chunk, index) };
                // SAFETY: slots live as long as their pool.
                let slot = unsafe { ptr.as_ref() };
                // No slot is handed out any more, so this one is free (and refuses) or still
                // serves the same ask.
                if slot.limit_ms.load(Ordering::Relaxed) != 0 {
                    slot.settle(Why::Closed.lost(), 0, |_word| true);
                }
            }
        }
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        self.pool().closed.store(true, Ordering::SeqCst);
        self.pool().unpark();
        self.lose_limited();
        // SAFETY: the handle owns the pool and is gone after this.
        unsafe { SlotPool::close(self.pool) };
    }
}

impl fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHandle")
            .field("live", &self.live())
            .field("allocated", &self.allocated())
            .finish()
    }
}
