//! Decompressed payload blocks of sealed segments: the ones that were asked for lately.
//!
//! Look-ups of actors, of pieces of work and of single events share one cache: neighbors in a block are
//! often asked for soon after each other. Scans pass it by, so that they do not empty it.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::event::Position;
use crate::hash::NameHash;

/// The most pieces that a cache is divided into, so that threads seldom meet at a lock.
const SHARDS_MAX: u64 = 8;

/// A piece is not made smaller than this, so that blocks of the usual size fit.
const SHARD_BYTES_MIN: u64 = 1 << 20;

/// What a block takes beside its bytes and the ends of its payloads.
const ENTRY_BYTES: usize = 128;

/// A decompressed block.
#[derive(Debug)]
pub(super) struct Payloads {
    /// The rows whose payloads it holds.
    pub(super) rows: Range<u32>,
    /// Where each payload ends.
    pub(super) ends: Vec<u32>,
    pub(super) bytes: Bytes,
}

impl Payloads {
    /// Where the payload of a row lies in the bytes.
    pub(super) fn range(&self, row: u32) -> Option<Range<usize>> {
        let index = usize::try_from(row.checked_sub(self.rows.start)?).ok()?;
        let end = usize::try_from(*self.ends.get(index)?).ok()?;
        let start = match index.checked_sub(1) {
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
            None => 0,
        };
        (start <= end && end <= self.bytes.len()).then_some(start..end)
    }

    fn size(&self) -> usize {
        let ends = self.ends.len().saturating_mul(size_of::<u32>());
        self.bytes.len().saturating_add(ends).saturating_add(ENTRY_BYTES)
    }
}

/// A block: the first position of its segment, and its number in there.
pub(super) type BlockKey = (Position, u32);

/// Some blocks, at most as many bytes as it was made for.
///
/// The oldest go first; one that was asked for since its turn came last gets another (the clock of Corbató,
/// 1968).
#[derive(Debug)]
pub(super) struct BlockStore {
    bytes_max: usize,
    bytes: usize,
    known: HashMap<BlockKey, Slot, NameHash>,
    turns: VecDeque<BlockKey>,
}

#[derive(Debug)]
struct Slot {
    payloads: Arc<Payloads>,
    used: bool,
}

impl BlockStore {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, known: HashMap::default(), turns: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: BlockKey) -> Option<Arc<Payloads>> {
        let slot = self.known.get_mut(&key)?;
        slot.used = true;
        Some(Arc::clone(&slot.payloads))
    }

    /// Keeps a block; one that is larger than everything together may be is not kept.
    pub(super) fn insert(&mut self, key: BlockKey, payloads: &Arc<Payloads>) {
        let size = payloads.size();
        if size > self.bytes_max || self.known.contains_key(&key) {
            return;
        }
        // Every round takes a block out, or the chance of one to stay.
        while self.bytes.saturating_add(size) > self.bytes_max {
            let Some(oldest) = self.turns.pop_front() else { break };
            match self.known.get_mut(&oldest) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.turns.push_back(oldest);
                }
                _ => self.remove(&oldest),
            }
        }
        self.bytes = self.bytes.saturating_add(size);
        self.known.insert(key, Slot { payloads: Arc::clone(payloads), used: false });
        self.turns.push_back(key);
    }

    /// Forgets the blocks of segments before a position.
    fn retire(&mut self, before: Position) {
        let gone: Vec<BlockKey> =
            self.turns.iter().copied().filter(|(segment, _)| *segment < before).collect();
        for key in gone {
            self.remove(&key);
        }
        self.turns.retain(|(segment, _)| *segment >= before);
    }

    /// Forgets everything, and keeps the memory of its tables.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.turns.clear();
        self.bytes = 0;
    }

    fn remove(&mut self, key: &BlockKey) {
        if let Some(slot) = self.known.remove(key) {
            self.bytes = self.bytes.saturating_sub(slot.payloads.size());
        }
    }
}

/// The blocks that all readers of a log share.
#[derive(Debug)]
pub(super) struct BlockCache {
    shards: Vec<Mutex<BlockStore>>,
    /// Segments before this position are gone.
    first: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl BlockCache {
    /// A cache of at most so many bytes; 0 keeps nothing.
    pub(super) fn new(bytes_max: u64) -> Self {
        let count = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        let share = usize::try_from(bytes_max.checked_div(count).unwrap_or(0));
        let share = share.unwrap_or(usize::MAX);
        let shards = (0..count).map(|_number| Mutex::new(BlockStore::new(share))).collect();
        let [first, hits, misses] = [const { AtomicU64::new(0) }; 3];
        Self { shards, first, hits, misses }
    }

    pub(super) fn get(&self, key: BlockKey) -> Option<Arc<Payloads>> {
        let found = self.shard(key)?.get(key);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    pub(super) fn insert(&self, key: BlockKey, payloads: &Arc<Payloads>) {
        let Some(mut shard) = self.shard(key) else { return };
        // Looked at under the lock: whoever retires a segment says so first, and sweeps then.
        if key.0.get() >= self.first.load(Ordering::Acquire) {
            shard.insert(key, payloads);
        }
    }

    /// Forgets the blocks of segments before a position, and takes none of them any more.
    pub(super) fn retire(&self, before: Position) {
        self.first.fetch_max(before.get(), Ordering::AcqRel);
        for shard in &self.shards {
            lock(shard).retire(before);
        }
    }

    /// How many blocks were found, and how many were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn shard(&self, (segment, number): BlockKey) -> Option<MutexGuard<'_, BlockStore>> {
        let mixed = segment.get().wrapping_add(u64::from(number));
        let count = u64::try_from(self.shards.len()).unwrap_or(1);
        let shard = usize::try_from(mixed.checked_rem(count)?).ok()?;
        self.shards.get(shard).map(lock)
    }
}

fn lock(shard: &Mutex<BlockStore>) -> MutexGuard<'_, BlockStore> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: usize) -> Arc<Payloads> {
        Arc::new(Payloads { rows: 0..1, ends: Vec::new(), bytes: vec![7; bytes].into() })
    }

    fn key(number: u32) -> BlockKey {
        (Position::FIRST, number)
    }

    #[test]
    fn a_store_never_holds_more_than_it_was_made_for() {
        let mut store = BlockStore::new(10_000);
        for number in 0..500 {
            store.insert(key(number), &block(usize::try_from(number * 37 % 3_000).unwrap()));
            assert!(store.bytes <= 10_000);
            let held: usize = store.known.values().map(|slot| slot.payloads.size()).sum();
            assert_eq!(held, store.bytes);
            assert_eq!(store.turns.len(), store.known.len());
        }
        store.insert(key(1_000), &block(10_001));
        assert!(store.get(key(1_000)).is_none(), "too large to be kept");
        assert!(!store.known.is_empty(), "and nothing had to go for it");
    }

    #[test]
    fn what_is_asked_for_stays_longer_than_what_is_not() {
        let mut store = BlockStore::new(4 * (1_000 + ENTRY_BYTES));
        for number in 0..4 {
            store.insert(key(number), &block(1_000));
        }
        for number in 4..40 {
            assert!(store.get(key(0)).is_some(), "before {number}");
            store.insert(key(number), &block(1_000));
        }
        assert!(store.get(key(1)).is_none());
    }

    #[test]
    fn blocks_of_segments_that_are_gone_are_dropped_and_refused() {
        let cache = BlockCache::new(4 << 20);
        let (old, new) = ((Position::new(1), 3), (Position::new(500), 3));
        for key in [old, new] {
            cache.insert(key, &block(100));
            assert!(cache.get(key).is_some());
        }
        cache.retire(Position::new(500));
        assert!(cache.get(old).is_none());
        cache.insert(old, &block(100));
        assert!(cache.get(old).is_none());
        assert!(cache.get(new).is_some());
        assert_eq!(cache.counts(), (3, 2));
    }

    #[test]
    fn a_cache_of_no_bytes_keeps_nothing_and_a_small_one_keeps_whole_blocks() {
        let none = BlockCache::new(0);
        none.insert(key(1), &block(1));
        assert!(none.get(key(1)).is_none());
        let small = BlockCache::new(64 << 10);
        small.insert(key(1), &block(16 << 10));
        assert!(small.get(key(1)).is_some());
    }
}
