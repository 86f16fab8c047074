//! The pool: sharded free lists, chunks of slots, and the end of both.

use std::ptr::NonNull;
use std::sync::PoisonError;
use std::task::Waker;

use super::chain::Chain;
use super::chunk::{CHUNK_SLOTS, Chunk, dekker_fence};
use super::handle::PoolHandle;
use super::shard::{Shard, ShardGuard};
use super::state::Slot;
use crate::sync::{AtomicBool, AtomicU64, Backoff, Mutex, MutexGuard, Ordering};

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
    /// All chunks by number. Grows only.
    chunks: Mutex<Vec<NonNull<Chunk>>>,
    /// The length of `chunks`, to be read without its lock.
    chunk_count: AtomicU64,
    /// After closing: users of the pool's memory that are still there.
    remaining: AtomicU64,
    /// The handle was dropped.
    pub(super) closed: AtomicBool,
    /// The ticker sleeps until a slot waits.
    pub(super) parked: AtomicBool,
    pub(super) seat: Mutex<Seat>,
}

impl SlotPool {
    /// Makes an empty pool; it allocates its first slots at the first ask.
    #[expect(clippy::new_ret_no_self, reason = "a pool is owned through its handle only")]
    pub(crate) fn new() -> PoolHandle {
        let pool = Self {
            shards: std::array::from_fn(|_| Shard::new()),
            chunks: Mutex::new(Vec::new()),
            chunk_count: AtomicU64::new(0),
            remaining: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            seat: Mutex::new(Seat { taken: false, waker: None }),
        };
        PoolHandle::new(NonNull::from(Box::leak(Box::new(pool))))
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

    /// Allocates a chunk and enters it in the directory.
    fn grow(pool: NonNull<Self>) -> Chain {
        // SAFETY: the caller holds the pool.
        let this = unsafe { pool.as_ref() };
        let chunk = {
            let mut chunks = lock(&this.chunks);
            let number = u32::try_from(chunks.len()).expect("memory ends before 2^32 chunks");
            let chunk = Chunk::allocate(pool, number);
            chunks.push(chunk);
            // Sequentially consistent, as is what arms a chunk: a ticker that sees none armed has
            // seen all chunks.
            this.chunk_count.store(chunks.len() as u64, Ordering::SeqCst);
            chunk
        };
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
        unsafe { Self::count_down(pool) };
    }

    /// Counts one user out of a closed pool.
    ///
    /// # Safety
    /// The pool is closed, and the caller gives up one user that `remaining` counts.
    #[cold]
    unsafe fn count_down(pool: NonNull<Self>) {
        // SAFETY: the caller's count keeps the memory until this subtraction.
        if unsafe { pool.as_ref() }.remaining.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: nobody else is left, and the pool came from a box.
            drop(unsafe { Box::from_raw(pool.as_ptr()) });
        }
    }

    /// Brings a copy of the directory up to date.
    pub(super) fn update(&self, copy: &mut Vec<NonNull<Chunk>>) {
        if self.chunk_count.load(Ordering::SeqCst) != copy.len() as u64 {
            let chunks = lock(&self.chunks);
            copy.extend(chunks.iter().skip(copy.len()));
        }
    }

    /// The chunk of this number.
    pub(super) fn chunk(&self, number: usize) -> Option<NonNull<Chunk>> {
        lock(&self.chunks).get(number).copied()
    }

    /// Wakes the ticker if it is parked.
    pub(super) fn unpark(&self) {
        dekker_fence();
        if self.parked.load(Ordering::SeqCst) && self.parked.swap(false, Ordering::SeqCst) {
            let waker = lock(&self.seat).waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Takes a free slot and starts a new ask in it.
    #[inline]
    pub(super) fn take(pool: NonNull<Self>, left: u64, limit_ms: u32) -> NonNull<Slot> {
        // SAFETY: the caller holds the pool.
        let mut stock = unsafe { pool.as_ref() }.lock_near();
        let free = stock.free.pop();
        stock.out += i64::from(free.is_some());
        drop(stock);
        let slot = free.unwrap_or_else(|| Self::refill(pool));
        // SAFETY: the slot was taken from the pool, which lives.
        unsafe { slot.as_ref() }.begin(left, limit_ms);
        slot
    }

    /// Slots and tickers that are out.
    pub(super) fn out(&self) -> i64 {
        self.shards.iter().map(|shard| shard.lock().out).sum()
    }

    /// Slots allocated so far.
    pub(super) fn allocated(&self) -> u64 {
        self.chunk_count.load(Ordering::Relaxed) * CHUNK_SLOTS as u64
    }

    /// Counts one more user of the pool's memory.
    pub(super) fn check_out(&self) {
        self.lock_near().out += 1;
    }

    /// Closes the shards; the memory is freed when the last user is counted out.
    ///
    /// # Safety
    /// The caller owns the pool and does not touch it again.
    pub(super) unsafe fn close(pool: NonNull<Self>) {
        // SAFETY: the caller owns the pool.
        let this = unsafe { pool.as_ref() };
        let mut stocks: Vec<_> = this.shards.iter().map(Shard::lock).collect();
        let out: i64 = stocks.iter().map(|stock| stock.out).sum();
        // The closing call counts itself, so that nobody frees the pool before it has unlocked.
        this.remaining.store(out.unsigned_abs() + 1, Ordering::Release);
        for stock in &mut stocks {
            stock.closed = true;
        }
        drop(stocks);
        // SAFETY: the pool is closed, and this call gives up its own count.
        unsafe { Self::count_down(pool) };
    }
}

impl Drop for SlotPool {
    fn drop(&mut self) {
        for chunk in lock(&self.chunks).drain(..) {
            // SAFETY: all slots are back, so nobody refers to the chunk; it came from a box.
            drop(unsafe { Box::from_raw(chunk.as_ptr()) });
        }
    }
}

/// Locks a mutex whose guarded data is valid at any time.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread's place among the shards: a cache of a number that never changes.
#[cfg(not(suite_loom))]
fn home_shard() -> usize {
    use std::cell::Cell;

    const UNKNOWN: usize = usize::MAX;
    static THREADS: AtomicU64 = AtomicU64::new(0);
    thread_local!(static HOME: Cell<usize> = const { Cell::new(UNKNOWN) });
    HOME.with(|home| {
        if home.get() == UNKNOWN {
            let thread = THREADS.fetch_add(1, Ordering::Relaxed);
            home.set(usize::try_from(thread % SHARDS as u64).expect("there are few shards"));
        }
        home.get()
    })
}

#[cfg(suite_loom)]
fn home_shard() -> usize {
    0
}
