//! Counters that threads do not fight over, each tagged with the epoch it counts for.

use crate::sync::{AtomicU64, Ordering};

use super::caller::Caller;

/// Counters of a breaker that many threads are expected to use.
#[cfg(not(suite_loom))]
const MANY: usize = 16;
#[cfg(suite_loom)]
const MANY: usize = 2;

/// The most that a counter holds between two looks at it; far below its overflow.
const HELD_MAX: u32 = 1 << 30;

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
    One(Shared),
    Many(Box<[Shard]>),
}

/// What counters held when they were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Counted in the current epoch.
    pub(super) current: u64,
    /// Counted by owners in an epoch that had ended, while calls succeeded.
    pub(super) late_successes: u64,
    /// Counted by owners in an epoch that had ended, while calls were rejected.
    pub(super) late_rejections: u64,
}

/// A counter of one thread, and one for all others that share its place; on a pair of cache lines of
/// its own, since they are prefetched in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    /// The identity of the thread that owns `own`, or zero; given under the lock.
    owner: AtomicU64,
    own: Owned,
    shared: Shared,
}

/// `epoch` in the upper half, the count in the lower; taking it empties it.
#[derive(Debug)]
pub(super) struct Shared(AtomicU64);

/// A running count that only its owner writes, so that counting is a load and a store.
///
/// The owner may store a count just after its epoch has ended. The tag tells: whoever looks next takes
/// that count in as late. The owner takes on a new epoch only under the lock, when everything it
/// counted before has been taken in.
#[derive(Debug)]
struct Owned {
    /// `epoch` in the upper half; below it [`REJECTING`] and the count.
    word: AtomicU64,
    /// The count up to which it has been taken; written under the lock.
    taken: AtomicU64,
}

/// Set in an owner's word while what it counts are rejections.
const REJECTING: u64 = 1 << 31;
const COUNT: u64 = REJECTING - 1;

impl Shards {
    pub(super) fn new(count: ShardCount, epoch: u32) -> Self {
        let shard = |_| Shard {
            owner: AtomicU64::new(0),
            own: Owned { word: AtomicU64::new(tag(epoch)), taken: AtomicU64::new(0) },
            shared: Shared::new(epoch),
        };
        match count {
            ShardCount::One => Self::One(Shared::new(epoch)),
            ShardCount::Many => Self::Many((0..MANY).map(shard).collect()),
        }
    }

    /// Counts one, unless the counter is of another epoch or holds `limit` already.
    #[inline]
    pub(super) fn count(&self, caller: Caller, epoch: u32, limit: u32) -> bool {
        let limit = limit.min(HELD_MAX);
        match self {
            Self::One(shared) => shared.count(epoch, limit),
            Self::Many(shards) => {
                let Some(shard) = shards.get(caller.number() % MANY) else { return false };
                let Some(identity) = caller.identity() else {
                    return shard.shared.count(epoch, limit);
                };
                match shard.owner.load(Ordering::Relaxed) {
                    owner if owner == identity => shard.own.count(epoch, limit),
                    // Taking the lock, as the caller will now, makes it the owner.
                    0 => false,
                    _ => shard.shared.count(epoch, limit),
                }
            }
        }
    }

    /// Takes what all counters hold; the shared ones count for `epoch` from now on. Under the lock.
    pub(super) fn take(&self, epoch: u32) -> Taken {
        let mut taken = Taken::default();
        match self {
            Self::One(shared) => taken.current = shared.take(epoch),
            Self::Many(shards) => {
                for shard in shards {
                    taken.current += shard.shared.take(epoch);
                    shard.own.take(epoch, &mut taken);
                }
            }
        }
        taken
    }

    /// Lets the caller count for `epoch` without the lock. Under the lock, with everything taken.
    pub(super) fn admit(&self, caller: Caller, epoch: u32, rejecting: bool) {
        let Self::Many(shards) = self else { return };
        let Some(shard) = shards.get(caller.number() % MANY) else { return };
        let Some(identity) = caller.identity() else { return };
        let owner = shard.owner.load(Ordering::Relaxed);
        if owner == 0 {
            shard.owner.store(identity, Ordering::Relaxed);
        }
        if owner == 0 || owner == identity {
            shard.own.count_for(epoch, rejecting);
        }
    }
}

impl Owned {
    #[inline]
    fn count(&self, epoch: u32, limit: u32) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        let held = word.wrapping_sub(self.taken.load(Ordering::Relaxed)) & COUNT;
        if word >> 32 != u64::from(epoch) || held >= u64::from(limit) {
            return false;
        }
        self.word.store(word & !COUNT | word.wrapping_add(1) & COUNT, Ordering::Release);
        true
    }

    fn take(&self, epoch: u32, taken: &mut Taken) {
        let word = self.word.load(Ordering::Acquire);
        let held = word.wrapping_sub(self.taken.load(Ordering::Relaxed)) & COUNT;
        if held == 0 {
            return;
        }
        self.taken.store(word & COUNT, Ordering::Relaxed);
        if word >> 32 == u64::from(epoch) {
            taken.current += held;
        } else if word & REJECTING == 0 {
            taken.late_successes += held;
        } else {
            taken.late_rejections += held;
        }
    }

    /// Called by the owner alone.
    fn count_for(&self, epoch: u32, rejecting: bool) {
        let word = self.word.load(Ordering::Relaxed);
        let kind = if rejecting { REJECTING } else { 0 };
        let new = tag(epoch) | kind | word & COUNT;
        if word != new {
            self.word.store(new, Ordering::Release);
        }
    }
}

impl Shared {
    fn new(epoch: u32) -> Self {
        Self(AtomicU64::new(tag(epoch)))
    }

    #[inline]
    fn count(&self, epoch: u32, limit: u32) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen >> 32 == u64::from(epoch) && seen & LOWER_HALF < u64::from(limit) {
            let next = seen + 1;
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    fn take(&self, epoch: u32) -> u64 {
        if self.0.load(Ordering::Acquire) == tag(epoch) {
            return 0;
        }
        self.0.swap(tag(epoch), Ordering::AcqRel) & LOWER_HALF
    }
}

const LOWER_HALF: u64 = 0xFFFF_FFFF;

fn tag(epoch: u32) -> u64 {
    u64::from(epoch) << 32
}
