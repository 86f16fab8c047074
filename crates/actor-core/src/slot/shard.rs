//! One shard of the pool: a free list under a small lock.

use std::ops::{Deref, DerefMut};

use super::chain::Chain;
use crate::sync::{AtomicBool, Backoff, Ordering, UnsafeCell};

/// What the lock of a shard guards.
pub(super) struct Stock {
    /// Free slots.
    pub(super) free: Chain,
    /// Slots handed out here minus slots given back here; negative where more came back.
    pub(super) out: i64,
    /// The system is gone: what comes back is counted down by the pool.
    pub(super) closed: bool,
}

/// A lock with its stock, alone on its cache line.
#[repr(align(64))]
pub(super) struct Shard {
    locked: AtomicBool,
    stock: UnsafeCell<Stock>,
}

impl Shard {
    pub(super) fn new() -> Self {
        let stock = Stock { free: Chain::new(), out: 0, closed: false };
        Self { locked: AtomicBool::new(false), stock: UnsafeCell::new(stock) }
    }

    /// Waits for the lock, which is never held for long.
    pub(super) fn lock(&self) -> ShardGuard<'_> {
        let mut backoff = Backoff::default();
        loop {
            if let Some(guard) = self.try_lock() {
                return guard;
            }
            backoff.wait();
        }
    }

    #[inline]
    pub(super) fn try_lock(&self) -> Option<ShardGuard<'_>> {
        match self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Some(ShardGuard { shard: self }),
            Err(_) => None,
        }
    }
}

/// Access to a stock; unlocks on drop.
pub(super) struct ShardGuard<'a> {
    shard: &'a Shard,
}

impl ShardGuard<'_> {
    fn stock(&self) -> *mut Stock {
        self.shard.stock.with_mut(|stock| stock)
    }
}

impl Deref for ShardGuard<'_> {
    type Target = Stock;

    fn deref(&self) -> &Stock {
        // SAFETY: the lock is held.
        unsafe { &*self.stock() }
    }
}

impl DerefMut for ShardGuard<'_> {
    fn deref_mut(&mut self) -> &mut Stock {
        // SAFETY: the lock is held, and `&mut self` makes this the only access.
        unsafe { &mut *self.stock() }
    }
}

impl Drop for ShardGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.shard.locked.store(false, Ordering::Release);
    }
}
