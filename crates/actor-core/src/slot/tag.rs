//! The name of one ask, for those who hold neither half.

use std::num::NonZeroU64;
use std::ptr::NonNull;

use super::chunk::{CHUNK_SLOTS, Chunk};
use super::state::Slot;
use super::word::generation_of;
use crate::sync::Ordering;

/// Names one ask of one pool; after the ask is over it names nothing.
///
/// A tag that is kept while its slot serves 2^32 further asks would name the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AskTag(NonZeroU64);

impl AskTag {
    /// The tag of the ask that the slot serves now.
    ///
    /// # Safety
    /// The slot came from its chunk, and the pool lives.
    pub(super) unsafe fn of(slot: NonNull<Slot>) -> Self {
        // SAFETY: the caller vouches for the slot.
        let chunk = unsafe { Chunk::of(slot) };
        // SAFETY: chunks live as long as their pool.
        let number = u64::from(unsafe { chunk.as_ref() }.number);
        // SAFETY: the caller vouches for the slot.
        let slot = unsafe { slot.as_ref() };
        let generation = u64::from(generation_of(slot.word.load(Ordering::Relaxed)));
        let place = number * CHUNK_SLOTS as u64 + slot.index() as u64 + 1;
        debug_assert!(u32::try_from(place).is_ok(), "{place} slots are more than memory holds");
        Self(NonZeroU64::MIN.saturating_add((generation << 32 | place) - 1))
    }

    /// Whether `word` is a state of the ask that the tag names, given its slot.
    pub(super) fn names(self, word: u64) -> bool {
        u64::from(generation_of(word)) == self.0.get() >> 32
    }

    /// The chunk's number and the index of the slot in it.
    pub(super) fn place(self) -> (usize, usize) {
        let place = (self.0.get() & u64::from(u32::MAX)) - 1;
        let place = usize::try_from(place).expect("a place is below 2^32");
        (place / CHUNK_SLOTS, place % CHUNK_SLOTS)
    }
}
