//! The last N results as two rings of bits with running totals.

use super::Counts;

/// Remembers the last `size` results in two bits each.
#[derive(Clone, Debug)]
pub(crate) struct CallRing {
    /// The failure bits, then as many words of slow bits.
    bits: Box<[u64]>,
    size: u32,
    /// Where the next result goes; the oldest one once the ring is full.
    next: u32,
    counts: Counts,
}

impl CallRing {
    pub(super) fn new(size: u32) -> Self {
        let words = size.div_ceil(u64::BITS) as usize;
        Self { bits: vec![0; words * 2].into(), size, next: 0, counts: Counts::default() }
    }

    pub(super) fn record(&mut self, failed: bool, slow: bool) {
        let slow_bits = self.size.div_ceil(u64::BITS) * u64::BITS;
        let was_failed = self.replace(self.next, failed);
        let was_slow = self.replace(slow_bits + self.next, slow);
        if self.counts.total == self.size {
            let oldest =
                Counts { total: 1, failed: u32::from(was_failed), slow: u32::from(was_slow) };
            self.counts.subtract(&oldest);
        }
        self.counts.add(failed, slow);
        self.next = if self.next + 1 == self.size { 0 } else { self.next + 1 };
    }

    pub(super) fn record_successes(&mut self, successes: u32) {
        if self.is_full_of_quick_successes() {
            return;
        }
        // More than `size` successes leave nothing else in the ring.
        for _ in 0..successes.min(self.size) {
            self.record(false, false);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn is_full_of_quick_successes(&self) -> bool {
        self.counts == Counts { total: self.size, failed: 0, slow: 0 }
    }

    /// Sets one bit and returns the old one.
    fn replace(&mut self, index: u32, value: bool) -> bool {
        let word = self
            .bits
            .get_mut((index / u64::BITS) as usize)
            .expect("indexes stay below the size, which the words cover");
        let mask = 1 << (index % u64::BITS);
        let was = *word & mask != 0;
        if value {
            *word |= mask;
        } else {
            *word &= !mask;
        }
        was
    }
}
