//! Which thread calls.

/// The calling thread: a number that no other thread alive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller(u32);

/// Given to threads beyond those that have numbers, and to threads about to end.
const NO_NUMBER: u32 = u32::MAX - 1;

impl Caller {
    /// Spreads threads over counters.
    pub(super) fn number(self) -> usize {
        self.0 as usize
    }

    /// What tells the thread from all others alive, never zero; `None` if nothing does. A thread may
    /// have that of one that has ended before it began, and then sees all that one has written.
    pub(super) fn identity(self) -> Option<u64> {
        (self.0 != NO_NUMBER).then(|| u64::from(self.0) + 1)
    }

    /// Another thread with the counters of this one.
    #[cfg(all(test, not(suite_loom)))]
    pub(super) fn beside_this_thread() -> Self {
        Self(this_thread().0 + 1_024)
    }
}

#[cfg(not(suite_loom))]
mod known {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Caller, NO_NUMBER};

    /// Which numbers are taken: 1,024 of them, reused like those the system gives to threads. Nothing
    /// but the choice of a counter depends on it.
    static TAKEN: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

    /// Until a thread is asked for its number.
    const UNKNOWN: u32 = u32::MAX;

    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(UNKNOWN) };
        /// Gives the number back when the thread ends.
        static LEASE: Lease = Lease::take();
    }

    #[inline]
    pub(crate) fn this_thread() -> Caller {
        let known = NUMBER.get();
        Caller(if known == UNKNOWN { number_this_thread() } else { known })
    }

    #[cold]
    fn number_this_thread() -> u32 {
        let number = LEASE.try_with(|lease| lease.0).unwrap_or(NO_NUMBER);
        NUMBER.set(number);
        number
    }

    struct Lease(u32);

    impl Lease {
        /// The lowest free number.
        fn take() -> Self {
            for (word, first) in TAKEN.iter().zip((0..).step_by(64)) {
                let mut taken = word.load(Ordering::Relaxed);
                while taken != u64::MAX {
                    let free = taken.trailing_ones();
                    // Acquires what the last thread with this number wrote.
                    taken = word.fetch_or(1 << free, Ordering::AcqRel);
                    if taken & 1 << free == 0 {
                        return Self(first + free);
                    }
                }
            }
            Self(NO_NUMBER)
        }
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            // What this thread still does while it ends, it does without a number.
            NUMBER.set(NO_NUMBER);
            if let Some(word) = TAKEN.get((self.0 / 64) as usize) {
                word.fetch_and(!(1 << (self.0 % 64)), Ordering::AcqRel);
            }
        }
    }
}

#[cfg(suite_loom)]
mod known {
    use std::hash::{Hash, Hasher};

    use super::Caller;

    /// All threads of a model run on one thread of the system, so loom tells them apart.
    pub(crate) fn this_thread() -> Caller {
        let mut last = LastNumber(0);
        loom::thread::current().id().hash(&mut last);
        Caller(u32::try_from(last.0).expect("a model has few threads"))
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

        fn write_usize(&mut self, number: usize) {
            self.0 = number as u64;
        }
    }
}

pub(crate) use self::known::this_thread;
