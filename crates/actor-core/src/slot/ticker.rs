//! The scan that expires asks under a coarse deadline.

use std::fmt;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::chunk::{CHUNK_SLOTS, Chunk, dekker_fence};
use super::pool::{SlotPool, lock};
use super::state::Slot;
use super::word::{PHASE, SEEN, WAITING, Why};
use crate::sync::Ordering;

const NANOS_PER_MS: u64 = 1_000_000;

/// The one scanner of a pool; it keeps the pool's memory, not the system, alive.
///
/// ```text
/// while poll_fn(|cx| ticker.poll_needed(cx)).await {
///     ticker.scan(now_nanos);
///     sleep(period).await;
/// }
/// ```
pub(crate) struct Ticker {
    pool: NonNull<SlotPool>,
    /// The pool's chunks, as far as the ticker has seen them.
    chunks: Vec<NonNull<Chunk>>,
}

// SAFETY: the pool is shared by all threads; the ticker is counted in by itself.
unsafe impl Send for Ticker {}
// SAFETY: `&Ticker` gives access to nothing.
unsafe impl Sync for Ticker {}

impl Ticker {
    /// # Safety
    /// The pool lives, counts this ticker in, and has no other.
    pub(super) unsafe fn new(pool: NonNull<SlotPool>) -> Self {
        Self { pool, chunks: Vec::new() }
    }

    fn pool<'a>(&self) -> &'a SlotPool {
        // SAFETY: the ticker is counted in, which keeps the memory; no reference outlives a call
        // of one of its methods.
        unsafe { self.pool.as_ref() }
    }

    /// Ready with true when a scan is needed, with false when the system is gone for good.
    ///
    /// # Cancel safety
    /// A dropped wait loses nothing.
    pub(crate) fn poll_needed(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Some(needed) = self.needed() {
            return Poll::Ready(needed);
        }
        let pool = self.pool();
        let waker = cx.waker().clone();
        let old = {
            let mut seat = lock(&pool.seat);
            seat.waker.replace(waker)
        };
        drop(old);
        // Exchanges, not stores: their order among the swaps of `unpark` is then definite.
        pool.parked.swap(true, Ordering::SeqCst);
        dekker_fence();
        // An asker that armed its chunk before it could see `parked` is seen here.
        match self.needed() {
            Some(needed) => {
                pool.parked.swap(false, Ordering::SeqCst);
                Poll::Ready(needed)
            }
            None => Poll::Pending,
        }
    }

    fn needed(&mut self) -> Option<bool> {
        if self.pool().closed.load(Ordering::SeqCst) {
            return Some(false);
        }
        self.pool().update(&mut self.chunks);
        // SAFETY: chunks live as long as the pool.
        let armed = |chunk: &NonNull<Chunk>| unsafe { chunk.as_ref() }.armed.load(Ordering::SeqCst);
        self.chunks.iter().any(armed).then_some(true)
    }

    /// Expires what is due and stamps what is new; gives the number of asks that still wait.
    ///
    /// `now_nanos` reads the system's clock: once at the start, and once for each chunk with new
    /// asks, after it has marked them. So an ask never expires before its limit has passed since it
    /// was seen waiting, however slow the scan is.
    pub(crate) fn scan(&mut self, mut now_nanos: impl FnMut() -> u64) -> usize {
        let now = floor_ms(now_nanos());
        let mut waiting = 0;
        self.pool().update(&mut self.chunks);
        for &chunk in &self.chunks {
            // SAFETY: chunks live as long as the pool.
            let armed = &unsafe { chunk.as_ref() }.armed;
            if !armed.load(Ordering::SeqCst) {
                continue;
            }
            let mut here = Self::scan_chunk(chunk, now, &mut now_nanos);
            if here == 0 {
                // Disarm, then look again: an asker that still saw the flag set is seen now.
                armed.swap(false, Ordering::SeqCst);
                dekker_fence();
                here = Self::scan_chunk(chunk, now, &mut now_nanos);
                if here != 0 {
                    armed.store(true, Ordering::SeqCst);
                }
            }
            waiting += here;
        }
        waiting
    }

    fn scan_chunk(chunk: NonNull<Chunk>, now: u32, now_nanos: &mut impl FnMut() -> u64) -> usize {
        let mut waiting = 0;
        let mut marked: u64 = 0;
        for index in 0..CHUNK_SLOTS {
            // SAFETY: chunks live as long as the pool, and the index is inside this one.
            let slot = unsafe { Chunk::slot(chunk, index) };
            // SAFETY: as above.
            match scan_slot(unsafe { slot.as_ref() }, now) {
                Seen::Idle => {}
                Seen::Waits => waiting += 1,
                Seen::Marked => {
                    waiting += 1;
                    marked |= 1 << index;
                }
            }
        }
        if marked != 0 {
            let stamp = ceil_ms(now_nanos());
            for index in (0..CHUNK_SLOTS).filter(|index| marked & 1 << index != 0) {
                // SAFETY: as above.
                let slot = unsafe { Chunk::slot(chunk, index) };
                // SAFETY: as above. If the slot serves a new ask by now, that one is not SEEN, so
                // its stamp is not valid and will be written again.
                unsafe { slot.as_ref() }.stamp.store(stamp, Ordering::Relaxed);
            }
        }
        waiting
    }
}

/// What the scan found at one slot.
enum Seen {
    /// Nothing waits under a coarse deadline here.
    Idle,
    /// An ask waits and is not due.
    Waits,
    /// An ask waits and was seen for the first time: it must be stamped.
    Marked,
}

fn scan_slot(slot: &Slot, now: u32) -> Seen {
    let word = slot.word.load(Ordering::SeqCst);
    let limit_ms = slot.limit_ms.load(Ordering::Relaxed);
    if word & PHASE != WAITING || limit_ms == 0 {
        return Seen::Idle;
    }
    if word & SEEN == 0 {
        let marked =
            slot.word.compare_exchange(word, word | SEEN, Ordering::AcqRel, Ordering::Relaxed);
        // If it was answered, dropped or polled with another waker just now, the next scan knows.
        return if marked.is_ok() { Seen::Marked } else { Seen::Waits };
    }
    if !is_due(now, slot.stamp.load(Ordering::Relaxed), limit_ms) {
        return Seen::Waits;
    }
    // Nobody else sets SEEN, so a word that has it is of the ask that the stamp belongs to
    // (INV-SLOT-5).
    slot.settle(Why::Expired.lost(), 0, |word| word & SEEN != 0);
    Seen::Idle
}

/// Whether `limit_ms` has passed since the stamp, on a clock of 32 bits that wraps around.
fn is_due(now: u32, stamp: u32, limit_ms: u32) -> bool {
    let passed = now.wrapping_sub(stamp).cast_signed();
    passed >= 0 && passed.cast_unsigned() >= limit_ms.min(u32::MAX / 2)
}

#[expect(clippy::cast_possible_truncation, reason = "the clock of the stamps wraps around")]
fn floor_ms(nanos: u64) -> u32 {
    (nanos / NANOS_PER_MS) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the clock of the stamps wraps around")]
fn ceil_ms(nanos: u64) -> u32 {
    nanos.div_ceil(NANOS_PER_MS) as u32
}

impl Drop for Ticker {
    fn drop(&mut self) {
        let pool = self.pool();
        let waker = {
            let mut seat = lock(&pool.seat);
            seat.taken = false;
            seat.waker.take()
        };
        drop(waker);
        // SAFETY: the ticker gives up its own count and does not touch the pool again.
        unsafe { SlotPool::check_in(self.pool, self.pool().lock_near()) };
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}
