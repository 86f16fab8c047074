//! Which thread calls.

use std::hash::{Hash, Hasher};

/// Threads are numbered modulo this, a multiple of the number of counters.
const NUMBERS: u64 = 1 << 20;

/// The calling thread: a number that spreads threads evenly, and what tells it from all others alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    number: u32,
    identity: u64,
}

impl Caller {
    pub(super) fn number(self) -> usize {
        self.number as usize
    }

    /// Never zero. A thread may have that of one that has ended before it began.
    pub(super) fn identity(self) -> u64 {
        self.identity
    }

    #[cfg(all(test, not(suite_loom)))]
    /// Another thread with the number of this one.
    pub(super) fn beside_this_thread() -> Self {
        let this = this_thread();
        Self { identity: this.identity + 1, ..this }
    }
}

#[cfg(not(suite_loom))]
mod known {
    use std::cell::Cell;
    use std::thread;

    use super::{Caller, number_of};

    thread_local! {
        /// The number of this thread, or `u32::MAX` until it is asked for. Its address is the identity:
        /// no two threads alive have it at the same one.
        static THREAD: Cell<u32> = const { Cell::new(u32::MAX) };
    }

    #[inline]
    pub(crate) fn this_thread() -> Caller {
        THREAD.with(|thread| {
            let known = thread.get();
            let number = if known == u32::MAX { number_this_thread() } else { known };
            Caller { number, identity: std::ptr::from_ref(thread).addr() as u64 }
        })
    }

    #[cold]
    fn number_this_thread() -> u32 {
        let number = number_of(thread::current().id());
        THREAD.set(number);
        number
    }
}

#[cfg(suite_loom)]
mod known {
    use super::{Caller, number_of};

    /// All threads of a model run on one thread of the system, so loom tells them apart.
    pub(crate) fn this_thread() -> Caller {
        let number = number_of(loom::thread::current().id());
        Caller { number, identity: u64::from(number) + 1 }
    }
}

pub(crate) use self::known::this_thread;

/// Threads started one after the other get different numbers.
fn number_of(id: impl Hash) -> u32 {
    let mut last = LastNumber(0);
    id.hash(&mut last);
    u32::try_from(last.0 % NUMBERS).unwrap_or(0)
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
