//! Counters that threads do not fight over, each tagged with the epoch it counts for.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::thread;

use crate::sync::{AtomicU64, Ordering};

/// Counters of a breaker that many threads are expected to use.
const MANY: usize = 16;

/// Threads are numbered modulo this, a multiple of `MANY`.
const NUMBERS: u64 = 1 << 20;

/// How many counters a breaker has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShardCount {
    /// One: least memory.
    One,
    /// Sixteen on cache lines of their own.
    Many,
}

/// Counters; the sum counts.
#[derive(Debug)]
pub(super) enum Shards {
    One(Shard),
    Many(Box<[Shard128]>),
}

/// `epoch` in the upper half, the count in the lower.
#[derive(Debug)]
pub(super) struct Shard(AtomicU64);

/// A counter on a pair of cache lines of its own, since they are prefetched in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard128(Shard);

impl Shards {
    pub(super) fn new(count: ShardCount, epoch: u32) -> Self {
        match count {
            ShardCount::One => Self::One(Shard::new(epoch)),
            ShardCount::Many => {
                Self::Many((0..MANY).map(|_| Shard128(Shard::new(epoch))).collect())
            }
        }
    }

    /// Counts one, unless the counter is of another epoch or holds `limit` already.
    #[inline]
    pub(super) fn count(&self, index: usize, epoch: u32, limit: u32) -> bool {
        match self {
            Self::One(shard) => shard.count(epoch, limit),
            Self::Many(shards) => {
                shards.get(index % MANY).is_some_and(|shard| shard.0.count(epoch, limit))
            }
        }
    }

    /// Takes what all counters hold; they count for `epoch` from now on.
    pub(super) fn take(&self, epoch: u32) -> u64 {
        match self {
            Self::One(shard) => u64::from(shard.take(epoch)),
            Self::Many(shards) => shards.iter().map(|shard| u64::from(shard.0.take(epoch))).sum(),
        }
    }
}

impl Shard {
    fn new(epoch: u32) -> Self {
        Self(AtomicU64::new(empty(epoch)))
    }

    #[inline]
    fn count(&self, epoch: u32, limit: u32) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen >> 32 == u64::from(epoch) && lower_half(seen) < limit {
            let next = seen + 1;
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    fn take(&self, epoch: u32) -> u32 {
        if self.0.load(Ordering::Acquire) == empty(epoch) {
            return 0;
        }
        lower_half(self.0.swap(empty(epoch), Ordering::AcqRel))
    }
}

fn empty(epoch: u32) -> u64 {
    u64::from(epoch) << 32
}

#[expect(clippy::cast_possible_truncation, reason = "the count is the lower half")]
fn lower_half(bits: u64) -> u32 {
    bits as u32
}

thread_local! {
    /// The number of this thread, or `u32::MAX` until it is asked for.
    static THREAD: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// A number for the current thread; threads started one after the other get different shards.
#[inline]
pub(crate) fn this_thread() -> usize {
    let known = THREAD.get();
    if known == u32::MAX { number_this_thread() } else { known as usize }
}

#[cold]
fn number_this_thread() -> usize {
    let mut id = LastNumber(0);
    thread::current().id().hash(&mut id);
    let number = u32::try_from(id.0 % NUMBERS).unwrap_or(0);
    THREAD.set(number);
    number as usize
}

/// Thread ids hash as one running number; this keeps the number instead of mixing it.
struct LastNumber(u64);

impl Hasher for LastNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
