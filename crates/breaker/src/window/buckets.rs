//! The results of the last while, in buckets that leave as a whole.

use std::time::Duration;

use steadfast_base::Instant;

use super::Counts;

/// Whole seconds up to this many get a bucket each.
const SECOND_BUCKETS_MAX: u64 = 300;
/// Buckets of a window that is no such number of whole seconds.
const BUCKETS: u64 = 100;
/// Buckets of a window shorter than two seconds.
const SHORT_BUCKETS: u64 = 10;

/// Remembers the results of the last `length`, aligned to the origin of the clock.
#[derive(Clone, Debug)]
pub(crate) struct TimeBuckets {
    buckets: Box<[Counts]>,
    bucket_nanos: u64,
    /// Number of the bucket that is being filled, counted from the origin of the clock.
    newest: u64,
    counts: Counts,
}

impl TimeBuckets {
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let count = bucket_count(length);
        let bucket_nanos = nanos.div_ceil(count).max(1);
        let buckets = (0..count).map(|_| Counts::default()).collect();
        let newest = now.as_nanos() / bucket_nanos;
        Self { buckets, bucket_nanos, newest, counts: Counts::default() }
    }

    pub(super) fn record(&mut self, failed: bool, slow: bool, now: Instant) {
        self.advance(now);
        self.counts.add(failed, slow);
        self.newest_bucket().add(failed, slow);
    }

    pub(super) fn record_successes(&mut self, successes: u32) {
        self.counts.total = self.counts.total.saturating_add(successes);
        let bucket = self.newest_bucket();
        bucket.total = bucket.total.saturating_add(successes);
    }

    /// Empties every bucket that `now` has left behind; a time before the newest bucket changes nothing.
    pub(super) fn advance(&mut self, now: Instant) {
        let current = now.as_nanos() / self.bucket_nanos;
        let passed = current.saturating_sub(self.newest);
        if passed == 0 {
            return;
        }
        if passed >= self.buckets.len() as u64 {
            self.buckets.fill(Counts::default());
            self.counts = Counts::default();
            self.newest = current;
            return;
        }
        for _ in 0..passed {
            self.newest += 1;
            let old = std::mem::take(self.newest_bucket());
            self.counts.subtract(&old);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn end(&self) -> Instant {
        Instant::from_nanos(self.newest.saturating_add(1).saturating_mul(self.bucket_nanos))
    }

    fn newest_bucket(&mut self) -> &mut Counts {
        let index = self.newest % self.buckets.len() as u64;
        self.buckets
            .get_mut(usize::try_from(index).unwrap_or(0))
            .expect("a remainder is below the number of buckets")
    }
}

fn bucket_count(length: Duration) -> u64 {
    let whole_seconds = length.subsec_nanos() == 0 && length.as_secs() <= SECOND_BUCKETS_MAX;
    if length < Duration::from_secs(2) {
        SHORT_BUCKETS
    } else if whole_seconds {
        length.as_secs()
    } else {
        BUCKETS
    }
}
