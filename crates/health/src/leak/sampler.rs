//! Which acquires are tracked: one in so many, at no cost for the others.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Counters of one sampler; threads beyond share them.
const SHARDS: usize = 64;

/// Picks one of every `one_in` acquires of a thread, at a place within them that the seed decides.
///
/// A place of its own for every block of acquires: if each 128th were taken, code that acquires by turns
/// here and there would have all samples from here. And exactly one in each block, so that 10,000 acquires
/// give 78 samples and not a lucky or unlucky number of them.
#[derive(Debug)]
pub(super) struct Sampler {
    shards: Box<[Shard]>,
    one_in: u32,
    seed: u64,
}

/// The counter of the threads that share it, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Shard {
    /// Acquires up to and including the next sample. Threads that share the counter may lose a count to
    /// one another, which makes samples a little rarer; that is cheaper than an atomic step.
    left: AtomicU32,
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    number: u64,
    /// Acquires of the block after its sample.
    rest: u32,
}

impl Sampler {
    /// Samples one of `one_in` acquires; 0 counts as 1.
    pub(super) fn new(one_in: u32, seed: u64) -> Self {
        let one_in = one_in.max(1);
        let shard = || {
            let place = place(seed, 0, one_in);
            let block = Block { number: 0, rest: one_in - 1 - place };
            Shard { left: AtomicU32::new(place + 1), block: Mutex::new(block) }
        };
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), one_in, seed }
    }

    pub(super) fn one_in(&self) -> u32 {
        self.one_in
    }

    /// Whether this acquire is one to track.
    #[inline]
    pub(super) fn hit(&self) -> bool {
        let Some(shard) = self.shards.get(this_thread() % SHARDS) else { return false };
        let left = shard.left.load(Ordering::Relaxed);
        if left > 1 {
            shard.left.store(left - 1, Ordering::Relaxed);
            return false;
        }
        self.begin_block(shard);
        true
    }

    #[cfg(test)]
    pub(super) fn next_is_not_a_hit(&self) -> bool {
        let shard = self.shards.get(this_thread() % SHARDS);
        shard.is_some_and(|shard| shard.left.load(Ordering::Relaxed) > 1)
    }

    #[cold]
    fn begin_block(&self, shard: &Shard) {
        let mut block = shard.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.number += 1;
        let place = place(self.seed, block.number, self.one_in);
        shard.left.store(block.rest + place + 1, Ordering::Relaxed);
        block.rest = self.one_in - 1 - place;
    }
}

/// The place of the sample within a block, 0 up to `one_in`: the finalizer of splitmix64 (Steele, Lea and
/// Flood, 2014), scaled.
fn place(seed: u64, block: u64, one_in: u32) -> u32 {
    let mut bits = seed.wrapping_add(block.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = (bits ^ (bits >> 31)) >> 32;
    u32::try_from((high * u64::from(one_in)) >> 32).unwrap_or(0)
}

thread_local! {
    /// The number of this thread, or `usize::MAX` until it is asked for.
    static THREAD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A number for the current thread; threads started one after the other get different ones.
#[inline]
fn this_thread() -> usize {
    let known = THREAD.get();
    if known == usize::MAX { number_this_thread() } else { known }
}

#[cold]
fn number_this_thread() -> usize {
    let mut id = RunningNumber(0);
    thread::current().id().hash(&mut id);
    let number = usize::try_from(id.0 % 1_024).unwrap_or(0);
    THREAD.set(number);
    number
}

/// Thread ids hash as one running number; this keeps the number instead of mixing it.
struct RunningNumber(u64);

impl Hasher for RunningNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(sampler: &Sampler, acquires: usize) -> Vec<usize> {
        (0..acquires).filter(|_| sampler.hit()).collect()
    }

    #[test]
    fn every_block_has_exactly_one_sample() {
        let hits = hits(&Sampler::new(128, 7), 12_800);
        let blocks: Vec<usize> = hits.iter().map(|index| index / 128).collect();
        assert_eq!(blocks, (0..100).collect::<Vec<_>>());
        // At places that differ.
        let mut places: Vec<usize> = hits.iter().map(|index| index % 128).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 50, "{places:?}");
    }

    #[test]
    fn code_that_acquires_by_turns_is_sampled_at_each_turn() {
        let hits = hits(&Sampler::new(128, 3), 128 * 200);
        for turns in [2, 4, 8] {
            for turn in 0..turns {
                let seen = hits.iter().filter(|index| *index % turns == turn).count();
                assert!(seen * turns > 100, "{seen} of 200 at turn {turn} of {turns}");
            }
        }
    }

    #[test]
    fn the_same_seed_samples_the_same_acquires_on_any_thread() {
        let here = hits(&Sampler::new(16, 5), 1_000);
        let there = thread::spawn(|| hits(&Sampler::new(16, 5), 1_000)).join().expect("no panic");
        assert_eq!(here, there);
        assert_ne!(here, hits(&Sampler::new(16, 6), 1_000));
    }

    #[test]
    fn one_in_one_is_all_and_so_is_one_in_none() {
        for one_in in [0, 1] {
            assert_eq!(hits(&Sampler::new(one_in, 1), 10).len(), 10);
        }
    }
}
