//! The kernel's coarse clock, read on the line of the processor's counter, on x86-64 Linux.
//!
//! The kernel notes the time at each of its ticks, so that reading it takes no counter. Its clock is
//! slewed and the counter is not, so the offset between the two is taken anew every so often. Both
//! statics are a pure cache of that offset.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// How long an offset is good for, in nanoseconds. The kernel slews its clock by at most 50
/// microseconds in this time.
const GOOD_FOR: u64 = 100_000_000;

/// Readings that took longer apart are not close enough to know an offset by, in nanoseconds.
const CLOSE: u64 = 100_000;

/// What to add to the kernel's clock, wrapping around.
static OFFSET: AtomicU64 = AtomicU64::new(0);

/// Until when on the kernel's clock the offset is good.
static GOOD_UNTIL: AtomicU64 = AtomicU64::new(0);

/// The time of the last tick, while the offset is good.
#[inline]
pub(super) fn nanos() -> Option<u64> {
    let tick = read(ClockId::MonotonicCoarse);
    // Acquires the offset that was stored before.
    (tick < GOOD_UNTIL.load(Ordering::Acquire))
        .then(|| tick.wrapping_add(OFFSET.load(Ordering::Relaxed)))
}

/// Takes the offset anew, unless this thread is interrupted meanwhile; gives back the time.
#[cold]
pub(super) fn renew(now: impl Fn() -> u64) -> u64 {
    let before = now();
    let kernel = read(ClockId::Monotonic);
    let after = now();
    if after.saturating_sub(before) <= CLOSE {
        // The earlier reading: what is told of a tick is late rather than early.
        OFFSET.store(before.wrapping_sub(kernel), Ordering::Relaxed);
        GOOD_UNTIL.store(kernel.saturating_add(GOOD_FOR), Ordering::Release);
    }
    after
}

#[inline]
fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither part is negative; 584 years fit.
    time.tv_sec
        .cast_unsigned()
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec.cast_unsigned())
}
