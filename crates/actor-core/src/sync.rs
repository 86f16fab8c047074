//! Atomics, cells and locks: std's normally, loom's models under `cfg(suite_loom)`.

#[cfg(suite_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    hint::spin_loop,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
    },
    thread::yield_now,
};
#[cfg(not(suite_loom))]
pub(crate) use std::{
    hint::spin_loop,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, fence},
    },
    thread::yield_now,
};

#[cfg(not(suite_loom))]
pub(crate) use self::cell::UnsafeCell;

#[cfg(not(suite_loom))]
mod cell {
    //! std's cell with the access methods of loom's.

    /// An `UnsafeCell` that hands out raw pointers to closures, as loom's does.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[inline]
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
            access(self.0.get())
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
            access(self.0.get())
        }
    }
}

/// Spins a few rounds, then yields the thread: for waits that another thread ends within a
/// few instructions unless it was preempted.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    rounds: u32,
}

impl Backoff {
    /// Rounds of spinning before the thread is given up.
    const SPINS: u32 = if cfg!(suite_loom) { 0 } else { 32 };

    pub(crate) fn wait(&mut self) {
        if self.rounds < Self::SPINS {
            self.rounds += 1;
            spin_loop();
        } else {
            yield_now();
        }
    }
}
