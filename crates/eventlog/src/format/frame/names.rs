//! The names of a frame being built, each once.

use crate::format::bytes::{narrow, widen};
use crate::hash::NameHash;

/// How many slots the table begins with.
const SLOTS_MIN: usize = 64;

/// Up to so many names are looked through one by one; the table is filled once there are more.
const LINEAR_MAX: usize = 8;

/// Numbers names in the order in which they come; forgetting all of them costs nothing.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    hash: NameHash,
    slots: Vec<Slot>,
    /// Slots of another round are free.
    round: u32,
    /// Whether the names are in the table.
    is_tabled: bool,
    count: usize,
    ends: Vec<u8>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    round: u32,
    name: u32,
}

impl NameTable {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Where each name ends, as it is stored.
    pub(super) fn ends(&self) -> &[u8] {
        &self.ends
    }

    /// The names back to back.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a name.
    pub(super) fn text(&self, name: u32) -> &[u8] {
        let ends = self.ends.as_chunks::<4>().0;
        let end = |name: usize| ends.get(name).map_or(0, |end| widen(u32::from_le_bytes(*end)));
        let start = widen(name).checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(widen(name))).unwrap_or_default()
    }

    /// The number of a name, which is added if need be.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if self.count < LINEAR_MAX {
            let found = (0..narrow(self.count)).find(|name| self.text(*name) == text.as_bytes());
            return found.unwrap_or_else(|| self.append(text));
        }
        if !self.is_tabled || self.count.saturating_mul(2) >= self.slots.len() {
            self.fill();
        }
        let at = self.find(text.as_bytes());
        match self.slots.get(at) {
            Some(slot) if slot.round == self.round => slot.name,
            _ => self.add(text, at),
        }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.is_tabled = false;
        self.ends.clear();
        self.bytes.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.slots.fill(Slot::default());
            self.round = 1;
        }
    }

    fn append(&mut self, text: &str) -> u32 {
        let name = narrow(self.count);
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.extend_from_slice(&narrow(self.bytes.len()).to_le_bytes());
        self.count = self.count.saturating_add(1);
        name
    }

    fn add(&mut self, text: &str, at: usize) -> u32 {
        let name = self.append(text);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { round: self.round, name };
        }
        name
    }

    /// The slot of a name, or the free one where it belongs.
    fn find(&self, text: &[u8]) -> usize {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = usize::try_from(self.hash.of(text) >> 20).unwrap_or(0) & mask;
        // Ends at a free slot: half of them are.
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.round == self.round) {
            if self.text(slot.name) == text {
                break;
            }
            at = at.wrapping_add(1) & mask;
        }
        at
    }

    /// Puts every name into a table that has room for more.
    fn fill(&mut self) {
        self.is_tabled = true;
        if self.count.saturating_mul(2) >= self.slots.len() {
            let slots = self.slots.len().saturating_mul(2).max(SLOTS_MIN);
            self.slots.clear();
            self.slots.resize(slots, Slot::default());
            self.round = 1;
        }
        for name in 0..narrow(self.count) {
            let at = self.find(self.text(name));
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = Slot { round: self.round, name };
            }
        }
    }
}
