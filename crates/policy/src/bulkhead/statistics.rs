//! What a bulkhead counts, and how it is shown.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

use steadfast_base::Health;

use crate::defaults::HEALTH_MIN_CALLS;

/// Share of failed calls above which a bulkhead is critical.
const CRITICAL_FAILURE_RATE: f64 = 0.5;

/// The figures of a bulkhead at one moment; counts are those since the last reset.
///
/// Read while calls come and go, counts of the same moment may differ by the calls under way.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
///
/// let bulkhead = Bulkhead::new(BulkheadConfig::new(2), Time::system())?;
/// bulkhead.try_acquire()?.fail();
/// let running = bulkhead.try_acquire()?;
/// let statistics = bulkhead.statistics();
/// assert_eq!((statistics.permitted, statistics.failed), (2, 1));
/// assert_eq!((statistics.failure_rate, statistics.utilization), (Some(1.0), 0.5));
/// # drop(running);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BulkheadStatistics {
    /// Calls that may run at once.
    pub max_concurrent_calls: u32,
    /// Calls running now; may exceed the limit for a while after it was lowered.
    pub running: u32,
    /// Free places.
    pub available: u32,
    /// Calls waiting for a place now.
    pub waiting: u64,
    /// Calls let in.
    pub permitted: u64,
    /// Calls let in that ended.
    pub finished: u64,
    /// Calls that ended well.
    pub succeeded: u64,
    /// Calls that ended with a failure.
    pub failed: u64,
    /// Calls that ended without saying how: cancelled, rejected further in, or without time left to start.
    pub dropped: u64,
    /// Calls turned away because all places, and the queue if there is one, were taken.
    pub rejected_full: u64,
    /// Calls turned away after waiting in vain.
    pub rejected_after_wait: u64,
    /// Failed calls among those that ended well or failed; `None` while there are none.
    pub failure_rate: Option<f64>,
    /// Running calls among those that may run, 0 to 1; 1 for a limit of 0.
    pub utilization: f64,
}

impl BulkheadStatistics {
    /// All calls turned away.
    pub fn rejected(&self) -> u64 {
        self.rejected_full + self.rejected_after_wait
    }

    /// Critical if more than half of the calls failed, once [`defaults::HEALTH_MIN_CALLS`] have ended
    /// well or failed; degraded if all places are taken.
    ///
    /// [`defaults::HEALTH_MIN_CALLS`]: crate::defaults::HEALTH_MIN_CALLS
    pub fn health(&self) -> Health {
        let judged = self.succeeded + self.failed >= HEALTH_MIN_CALLS;
        if judged && self.failure_rate.is_some_and(|rate| rate > CRITICAL_FAILURE_RATE) {
            Health::Critical
        } else if self.utilization >= 1.0 {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }
}

/// The counts that are not in the word of the places; on cache lines of their own, because turning
/// calls away must not slow down those who hold places.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) failed: Counter,
    pub(super) dropped: Counter,
    pub(super) rejected_full: Counter,
    pub(super) rejected_after_wait: Counter,
}

impl Counters {
    pub(super) fn reset(&self) {
        let Self { failed, dropped, rejected_full, rejected_after_wait } = self;
        for counter in [failed, dropped, rejected_full, rejected_after_wait] {
            counter.reset();
        }
    }
}

/// A count that nothing else depends on.
///
/// The first thread that counts pays a load and a store, all others a read-modify-write.
#[derive(Debug, Default)]
pub(super) struct Counter {
    /// The thread that alone writes `own`; zero before the first count.
    owner: AtomicUsize,
    own: AtomicU64,
    shared: AtomicU64,
    /// The sum of both at the last reset.
    forgotten: AtomicU64,
}

impl Counter {
    #[inline]
    pub(super) fn count(&self) {
        let (this, owner) = (this_thread(), self.owner.load(Ordering::Relaxed));
        if owner == this || owner == 0 && self.is_claimed(this) {
            self.own.store(self.own.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            self.shared.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn is_claimed(&self, this: usize) -> bool {
        self.owner.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn get(&self) -> u64 {
        self.sum().saturating_sub(self.forgotten.load(Ordering::Relaxed))
    }

    fn reset(&self) {
        self.forgotten.store(self.sum(), Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.own.load(Ordering::Relaxed) + self.shared.load(Ordering::Relaxed)
    }
}

thread_local! {
    static MARK: Cell<u8> = const { Cell::new(0) };
}

/// What tells this thread from all others alive, never zero. A thread may have that of one that has
/// ended before it began, and then sees all that one has written.
#[inline]
fn this_thread() -> usize {
    MARK.with(|mark| ptr::from_ref(mark).addr())
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits of its counts")]
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_counter_counts_its_owner_and_all_others_from_the_last_reset() {
        let counter = Counter::default();
        let count = || (0..1_000).for_each(|_| counter.count());
        count();
        counter.reset();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(count);
            }
            count();
        });
        assert_eq!(counter.get(), 4_000);
    }
}
