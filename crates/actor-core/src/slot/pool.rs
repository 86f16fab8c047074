//! The pool: sharded free lists, chunks of slots, and the end of both.

use std::cell::Cell;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::PoisonError;
use std::task::Waker;

use super::answer::Answer;
use super::asker::Asker;
use super::chain::Chain;
use super::chunk::{CHUNK_SLOTS, Chunk, dekker_fence};
use super::deadline::Deadline;
use super::shard::{Shard, ShardGuard};
use super::state::{ANSWER_LEFT, EMPTY, Settled, Slot, Why};
use super::ticker::Ticker;
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Backoff, Mutex, Ordering, yield_now};

/// Free lists; a power of two above the usual number of worker threads.
const SHARDS: usize = if cfg!(suite_loom) { 1 } else { 16 };
/// Slots that a shard without any takes from another one at a time.
const STEAL_SLOTS: usize = 32;

/// Where the ticker of a pool waits.
pub(super) struct Seat {
    pub(super) taken: bool,
    pub(super) waker: Option<Waker>,
}

/// What all halves of a system's slots share. Made and owned through a [`PoolHandle`].
pub(crate) struct SlotPool {
    shards: [Shard; SHARDS],
    /// The chunk allocated last; the others follow by their links. Grows only.
    chunks: AtomicPtr<Chunk>,
    allocated: AtomicU64,
    /// After closing: users of the pool's memory that are still there.
    remaining: AtomicU64,
    /// The handle was dropped.
    pub(super) closed: AtomicBool,
    /// The ticker sleeps until a slot waits.
    pub(super) parked: AtomicBool,
    pub(super) seat: Mutex<Seat>,
}

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

impl SlotPool {
    /// Makes an empty pool; it allocates its first slots at the first ask.
    #[expect(clippy::new_ret_no_self, reason = "a pool is owned through its handle only")]
    pub(crate) fn new() -> PoolHandle {
        let pool = Self {
            shards: std::array::from_fn(|_| Shard::new()),
            chunks: AtomicPtr::new(ptr::null_mut()),
            allocated: AtomicU64::new(0),
            remaining: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            seat: Mutex::new(Seat { taken: false, waker: None }),
        };
        PoolHandle { pool: NonNull::from(Box::leak(Box::new(pool))) }
    }

    /// Locks the first shard that is free, beginning with this thread's.
    #[inline]
    pub(super) fn lock_near(&self) -> ShardGuard<'_> {
        let home = home_shard();
        match self.shards.get(home % SHARDS).and_then(Shard::try_lock) {
            Some(guard) => guard,
            None => self.lock_any(home),
        }
    }

    #[cold]
    fn lock_any(&self, home: usize) -> ShardGuard<'_> {
        let mut backoff = Backoff::default();
        loop {
            let around = self.shards.iter().cycle().skip(home % SHARDS).take(SHARDS);
            if let Some(guard) = around.into_iter().find_map(Shard::try_lock) {
                return guard;
            }
            backoff.wait();
        }
    }

    /// Takes free slots from any shard that has some and is not locked.
    fn steal(&self) -> Chain {
        for shard in &self.shards {
            if let Some(mut stock) = shard.try_lock() {
                let batch = stock.free.split(STEAL_SLOTS);
                if !batch.is_empty() {
                    return batch;
                }
            }
        }
        Chain::new()
    }

    /// Allocates a chunk and publishes it to the ticker.
    fn grow(pool: NonNull<Self>) -> Chain {
        // SAFETY: the caller holds the pool.
        let this = unsafe { pool.as_ref() };
        let mut chunk = Chunk::allocate(pool);
        let mut head = this.chunks.load(Ordering::Acquire);
        loop {
            // SAFETY: the chunk is not published yet, so nobody else reads it.
            unsafe { chunk.as_mut() }.next = head;
            let to = chunk.as_ptr();
            match this.chunks.compare_exchange(head, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        this.allocated.fetch_add(CHUNK_SLOTS as u64, Ordering::Relaxed);
        let mut batch = Chain::new();
        for index in (0..CHUNK_SLOTS).rev() {
            // SAFETY: the chunk is allocated and the index is inside it.
            let slot = unsafe { Chunk::slot(chunk, index) };
            // SAFETY: a new slot is free and in no list.
            unsafe { batch.push(slot) };
        }
        batch
    }

    #[cold]
    fn refill(pool: NonNull<Self>) -> NonNull<Slot> {
        // SAFETY: the caller holds the pool.
        let this = unsafe { pool.as_ref() };
        let mut batch = this.steal();
        if batch.is_empty() {
            batch = Self::grow(pool);
        }
        let slot = batch.pop().expect("a batch that is not empty has a slot");
        let mut stock = this.lock_near();
        stock.out += 1;
        while let Some(spare) = batch.pop() {
            // SAFETY: the slot was in the batch, so it is free and now in no list.
            unsafe { stock.free.push(spare) };
        }
        slot
    }

    /// Gives a slot back.
    ///
    /// # Safety
    /// Both halves have left, and the caller is the one who must give it back (INV-SLOT-4).
    #[inline]
    pub(super) unsafe fn release(slot: NonNull<Slot>) {
        // SAFETY: the slot is not in the pool yet, so the pool lives (INV-SLOT-1).
        let chunk = unsafe { Chunk::of(slot) };
        // SAFETY: as above.
        let pool = unsafe { chunk.as_ref() }.pool;
        // SAFETY: as above.
        let mut stock = unsafe { pool.as_ref() }.lock_near();
        // SAFETY: the slot is free and in no list.
        unsafe { stock.free.push(slot) };
        // SAFETY: the slot that was just counted out keeps the memory.
        unsafe { Self::check_in(pool, stock) };
    }

    /// Counts one user of the pool's memory out, and frees the memory after the last one.
    ///
    /// # Safety
    /// The caller gives up one user that was counted in, and does not touch the pool again.
    #[inline]
    pub(super) unsafe fn check_in(pool: NonNull<Self>, mut stock: ShardGuard<'_>) {
        if !stock.closed {
            stock.out -= 1;
            return;
        }
        drop(stock);
        // SAFETY: the caller was counted in and is now counted out.
        unsafe { Self::count_down(pool, 1) };
    }

    /// Counts users out of a closed pool.
    ///
    /// # Safety
    /// The pool is closed, and the caller gives up `users` users that `remaining` counts.
    #[cold]
    unsafe fn count_down(pool: NonNull<Self>, users: u64) {
        // SAFETY: the caller's users keep the memory until this subtraction.
        let before = unsafe { pool.as_ref() }.remaining.fetch_sub(users, Ordering::AcqRel);
        if before == users {
            // SAFETY: nobody else is left, and the pool came from a box.
            drop(unsafe { Box::from_raw(pool.as_ptr()) });
        }
    }

    /// The chunk allocated last.
    pub(super) fn newest_chunk(&self) -> Option<NonNull<Chunk>> {
        NonNull::new(self.chunks.load(Ordering::Acquire))
    }

    /// Wakes the ticker if it is parked.
    pub(super) fn unpark(&self) {
        dekker_fence();
        if self.parked.load(Ordering::SeqCst) && self.parked.swap(false, Ordering::SeqCst) {
            let waker = self.seat.lock().unwrap_or_else(PoisonError::into_inner).waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn out(&self) -> i64 {
        let lock = |shard: &Shard| {
            loop {
                if let Some(stock) = shard.try_lock() {
                    return stock.out;
                }
                yield_now();
            }
        };
        self.shards.iter().map(lock).sum()
    }
}

impl Drop for SlotPool {
    fn drop(&mut self) {
        let mut next = self.newest_chunk();
        while let Some(chunk) = next {
            // SAFETY: all slots are back, so nobody refers to the chunk; it came from a box.
            let chunk = unsafe { Box::from_raw(chunk.as_ptr()) };
            next = NonNull::new(chunk.next);
        }
    }
}

impl PoolHandle {
    /// Takes a slot for one ask; `limit_ticks` is its coarse deadline, 0 for none.
    ///
    /// The limit counts from the first scan that sees the asker waiting: never early, and late by at
    /// most the time between two scans, twice.
    #[inline]
    pub(crate) fn acquire<T: Send>(&self, limit_ticks: u32) -> (Asker<T>, Answer<T>) {
        let slot = self.take(EMPTY, limit_ticks);
        // SAFETY: the slot is fresh, and this is its only asker.
        let asker = unsafe { Asker::new(slot) };
        // SAFETY: the slot is fresh, and this is its only answer; `T` is `Send`.
        (asker, unsafe { Answer::new(slot) })
    }

    /// A coarse deadline without an ask: ready after `limit_ticks` (at least 1).
    pub(crate) fn register_deadline(&self, limit_ticks: u32) -> Deadline {
        let slot = self.take(EMPTY | ANSWER_LEFT, limit_ticks.max(1));
        // SAFETY: the slot is fresh, and its state says that there is no answer.
        Deadline::new(unsafe { Asker::new(slot) })
    }

    /// The scanner of the coarse deadlines; there is one, so a second call gives `None`.
    pub(crate) fn ticker(&self) -> Option<Ticker> {
        // SAFETY: the handle keeps the pool alive.
        let pool = unsafe { self.pool.as_ref() };
        let mut seat = pool.seat.lock().unwrap_or_else(PoisonError::into_inner);
        if seat.taken {
            return None;
        }
        seat.taken = true;
        pool.lock_near().out += 1;
        // SAFETY: the ticker is counted in, and it is the only one.
        Some(unsafe { Ticker::new(self.pool) })
    }

    /// Slots in use now.
    pub(crate) fn live(&self) -> u64 {
        // SAFETY: the handle keeps the pool alive.
        let pool = unsafe { self.pool.as_ref() };
        let ticker = pool.seat.lock().unwrap_or_else(PoisonError::into_inner).taken;
        pool.out().saturating_sub(i64::from(ticker)).max(0).unsigned_abs()
    }

    /// Slots allocated so far, in use or free.
    pub(crate) fn allocated(&self) -> u64 {
        // SAFETY: the handle keeps the pool alive.
        unsafe { self.pool.as_ref() }.allocated.load(Ordering::Relaxed)
    }

    #[inline]
    fn take(&self, word: u32, limit_ticks: u32) -> NonNull<Slot> {
        // SAFETY: the handle keeps the pool alive.
        let pool = unsafe { self.pool.as_ref() };
        let mut stock = pool.lock_near();
        let free = stock.free.pop();
        stock.out += i64::from(free.is_some());
        drop(stock);
        let slot = free.unwrap_or_else(|| SlotPool::refill(self.pool));
        // SAFETY: the slot was taken from the pool, which lives.
        let fresh = unsafe { slot.as_ref() };
        fresh.limit_ticks.store(limit_ticks, Ordering::Relaxed);
        fresh.word.store(word, Ordering::Release);
        slot
    }

    /// Loses every ask that relies on the coarse deadline.
    fn lose_limited(&self) {
        // SAFETY: the handle keeps the pool alive.
        let mut next = unsafe { self.pool.as_ref() }.newest_chunk();
        while let Some(chunk) = next {
            for index in 0..CHUNK_SLOTS {
                // SAFETY: the chunk is allocated and the index is inside it.
                let slot = unsafe { Chunk::slot(chunk, index) };
                // SAFETY: slots live as long as their pool.
                let settling = unsafe { slot.as_ref() };
                if settling.limit_ticks.load(Ordering::Relaxed) == 0 {
                    continue;
                }
                // SAFETY: no slot is handed out while the handle is being dropped, so this one is
                // either free (and refuses) or still the same ask.
                if let Settled::Unseen = unsafe { settling.settle(Why::Closed.lost(), 0) } {
                    // SAFETY: both halves left while this call owned BUSY.
                    unsafe { SlotPool::release(slot) };
                }
            }
            // SAFETY: chunks live as long as their pool.
            next = NonNull::new(unsafe { chunk.as_ref() }.next);
        }
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        // SAFETY: the handle keeps the pool alive.
        let pool = unsafe { self.pool.as_ref() };
        pool.closed.store(true, Ordering::SeqCst);
        pool.unpark();
        self.lose_limited();
        let mut guards = Vec::with_capacity(SHARDS);
        for shard in &pool.shards {
            loop {
                if let Some(stock) = shard.try_lock() {
                    guards.push(stock);
                    break;
                }
                yield_now();
            }
        }
        let out: i64 = guards.iter().map(|stock| stock.out).sum();
        // The closing call counts itself, so that nobody frees the pool before it has unlocked.
        pool.remaining.store(out.unsigned_abs() + 1, Ordering::Release);
        for stock in &mut guards {
            stock.closed = true;
        }
        drop(guards);
        // SAFETY: the pool is closed, and this call gives up its own count.
        unsafe { SlotPool::count_down(self.pool, 1) };
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

/// This thread's place among the shards: a cache of a number that never changes.
#[cfg(not(suite_loom))]
fn home_shard() -> usize {
    static THREADS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    const UNKNOWN: usize = usize::MAX;
    thread_local!(static HOME: Cell<usize> = const { Cell::new(UNKNOWN) });
    HOME.try_with(|home| {
        if home.get() == UNKNOWN {
            home.set(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        home.get()
    })
    .unwrap_or(0)
}

#[cfg(suite_loom)]
fn home_shard() -> usize {
    0
}
