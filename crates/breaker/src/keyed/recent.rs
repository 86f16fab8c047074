//! What one thread asked for lately, found without a lock and without a reference count.

use std::borrow::Borrow;
use std::sync::Arc;

use super::table::Entry;

/// Entries that may share a place by their hash.
const WAYS: usize = 4;
/// Places; with [`WAYS`] entries each, 4 KiB.
const SETS_MAX: usize = 64;

/// Entries of the table that one thread used lately. Nothing rests on what is in it: an entry that left
/// the table is not found here either, and is dropped when another one takes its place.
#[derive(Debug)]
pub(super) struct Recent<K> {
    /// Empty before the first entry.
    sets: Vec<[Option<Kept<K>>; WAYS]>,
    sets_max: usize,
    /// The way that the next entry takes in a full set.
    hand: usize,
}

#[derive(Debug)]
struct Kept<K> {
    hash: u64,
    entry: Arc<Entry<K>>,
}

impl<K> Recent<K> {
    /// Nothing yet; never more than 256 entries, or about as many as `capacity`.
    pub(super) fn new(capacity: usize) -> Self {
        let sets_max = capacity.div_ceil(WAYS).clamp(1, SETS_MAX).next_power_of_two();
        Self { sets: Vec::new(), sets_max, hand: 0 }
    }

    /// The entry of `key`, if it is here and in the table.
    #[inline]
    pub(super) fn get<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Entry<K>>
    where
        K: Borrow<Q>,
    {
        let set = self.sets.get(self.set_of(hash))?;
        let kept = set.iter().flatten().find(|kept| kept.hash == hash)?;
        let entry = &*kept.entry;
        if entry.key.borrow() != key || !entry.is_in_force() {
            return None;
        }
        entry.note_use();
        Some(entry)
    }

    /// Keeps an entry, in the place of one that is gone or of any other.
    pub(super) fn keep(&mut self, hash: u64, entry: Arc<Entry<K>>) {
        if self.sets.is_empty() {
            self.sets.resize_with(self.sets_max, Default::default);
        }
        let (set, way) = (self.set_of(hash), self.hand);
        self.hand = (way + 1) % WAYS;
        let Some(set) = self.sets.get_mut(set) else { return };
        // One entry for each hash, so that the first one found is the only one.
        let same = set.iter().position(|kept| kept.as_ref().is_some_and(|kept| kept.hash == hash));
        let free = || {
            let of_use = |kept: &Kept<K>| kept.entry.is_in_force();
            set.iter().position(|kept| !kept.as_ref().is_some_and(of_use))
        };
        let way = same.or_else(free).unwrap_or(way);
        if let Some(place) = set.get_mut(way) {
            *place = Some(Kept { hash, entry });
        }
    }

    /// The part of a hash that neither the table nor its choice looks at.
    #[inline]
    fn set_of(&self, hash: u64) -> usize {
        usize::try_from(hash >> 48).unwrap_or(0) & self.sets.len().wrapping_sub(1)
    }
}
