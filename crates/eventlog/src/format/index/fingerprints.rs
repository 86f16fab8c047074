//! Which event ids are certainly not in a segment: 32 bits of the hash of each that is.

use std::hint::black_box;

use steadfast_base::EventId;

use crate::format::bloom::hash_id;
use crate::format::bytes::widen;

/// How many slots the table begins with.
const SLOTS_MIN: usize = 64;

/// The part of an id's hash that is kept; never 0.
///
/// Of 200,000 events in a segment one in 20,000 unknown ids has the fingerprint of one.
pub(super) fn fingerprint(id: EventId) -> u32 {
    let [a, b, c, d, ..] = hash_id(id).to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).max(1)
}

/// A set of fingerprints: open addressing, half full at most, 0 for a free slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints {
    slots: Vec<u32>,
    count: usize,
}

impl Fingerprints {
    pub(super) fn insert(&mut self, fingerprint: u32) {
        if self.count.saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        self.place(fingerprint);
    }

    /// Inserts many, in less time than one by one: their places, most of them far away in memory, are looked
    /// at first and all at once.
    pub(super) fn insert_all(&mut self, fingerprints: &[u32]) {
        let count = self.count.saturating_add(fingerprints.len());
        while count.saturating_mul(2) > self.slots.len() {
            self.grow();
        }
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let near = |fingerprint: &u32| self.slots.get(widen(*fingerprint) & mask).copied();
        black_box(fingerprints.iter().filter_map(near).fold(0, |all, slot| all ^ slot));
        for fingerprint in fingerprints {
            self.place(*fingerprint);
        }
    }

    pub(super) fn contains(&self, fingerprint: u32) -> bool {
        let Some(mask) = self.slots.len().checked_sub(1) else { return false };
        let mut at = widen(fingerprint) & mask;
        // Ends at a free slot: half of them are.
        while let Some(found) = self.slots.get(at).filter(|found| **found != 0) {
            if *found == fingerprint {
                return true;
            }
            at = at.wrapping_add(1) & mask;
        }
        false
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().copied().filter(|slot| *slot != 0)
    }

    fn place(&mut self, fingerprint: u32) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut at = widen(fingerprint) & mask;
        // Ends at a free slot: half of them are.
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 {
                *slot = fingerprint;
                self.count = self.count.saturating_add(1);
                return;
            }
            if *slot == fingerprint {
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    fn grow(&mut self) {
        let slots = self.slots.len().saturating_mul(2).max(SLOTS_MIN);
        let before = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.count = 0;
        for fingerprint in before.into_iter().filter(|slot| *slot != 0) {
            self.place(fingerprint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_and_hardly_any_other() {
        let print = |id: u128| fingerprint(EventId::from_u128(id << 7));
        let mut set = Fingerprints::default();
        assert!(!set.contains(print(3)));
        set.insert_all(&[]);
        let first: Vec<u32> = (0..5_000).flat_map(|id| [print(id), print(id)]).collect();
        set.insert_all(&first);
        for id in 5_000..20_000 {
            set.insert(print(id));
            set.insert(print(id));
        }
        assert!((0..20_000).all(|id| set.contains(print(id))));
        let wrong = (1 << 40..(1 << 40) + 20_000).filter(|id| set.contains(print(*id))).count();
        assert!(wrong < 10, "{wrong} of 20,000 unknown ids pass");
        assert!(set.iter().count() <= 20_000 && set.slots.len() <= 65_536);
    }
}
