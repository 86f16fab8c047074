//! The actors of a log, numbered in the order in which they came: found by name once, by number then.

use crate::event::{ActorName, Seq};
use crate::format::bytes::{narrow, widen};
use crate::hash::NameHash;

/// How many slots the table begins with.
const SLOTS_MIN: usize = 64;

/// What the log remembers of an actor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ActorState {
    pub(super) highest: Seq,
    /// The number up to which retention may remove its events.
    pub(super) released: Seq,
}

/// See the module. An actor is never forgotten: its highest number outlives its events.
#[derive(Debug, Default)]
pub(super) struct ActorTable {
    hash: NameHash,
    /// Open addressing, half full at most.
    slots: Vec<Slot>,
    actors: Vec<(ActorName, ActorState)>,
}

/// A place of the table: some bits of the hash, and a number counted from 1; 0 for a free one.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    tag: u32,
    number: u32,
}

impl ActorTable {
    pub(super) fn len(&self) -> usize {
        self.actors.len()
    }

    /// The number of an actor, if it is known.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let (found, _) = self.find(name, self.hash.of(name.as_bytes()))?;
        found.checked_sub(1)
    }

    pub(super) fn name(&self, number: u32) -> Option<&ActorName> {
        self.actors.get(widen(number)).map(|(name, _)| name)
    }

    pub(super) fn highest(&self, number: u32) -> Seq {
        self.actors.get(widen(number)).map_or(Seq::ZERO, |(_, state)| state.highest)
    }

    pub(super) fn set_highest(&mut self, number: u32, highest: Seq) {
        if let Some((_, state)) = self.actors.get_mut(widen(number)) {
            state.highest = highest;
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&ActorState> {
        self.actors.get(widen(self.number(name)?)).map(|(_, state)| state)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut ActorState> {
        let number = self.number(name)?;
        self.actors.get_mut(widen(number)).map(|(_, state)| state)
    }

    /// The number of an actor, which is added if need be.
    pub(super) fn add(&mut self, name: &ActorName) -> u32 {
        if self.actors.len().saturating_mul(2) >= self.slots.len() {
            self.grow();
        }
        let hash = self.hash.of(name.as_str().as_bytes());
        let Some((found, at)) = self.find(name.as_str(), hash) else { return u32::MAX };
        if let Some(number) = found.checked_sub(1) {
            return number;
        }
        let number = narrow(self.actors.len());
        self.actors.push((name.clone(), ActorState::default()));
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { tag: tag(hash), number: number.saturating_add(1) };
        }
        number
    }

    /// The number of a name counted from 1, or 0, and its place; `None` if there are no places yet.
    fn find(&self, name: &str, hash: u64) -> Option<(u32, usize)> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = place(hash, mask);
        // Ends at a free slot: half of them are.
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.number > 0) {
            let known = self.actors.get(widen(slot.number.saturating_sub(1)));
            if slot.tag == tag(hash) && known.is_some_and(|(known, _)| known == name) {
                return Some((slot.number, at));
            }
            at = at.wrapping_add(1) & mask;
        }
        Some((0, at))
    }

    fn grow(&mut self) {
        let length = self.slots.len().saturating_mul(2).max(SLOTS_MIN);
        let mask = length.saturating_sub(1);
        let mut slots = vec![Slot::default(); length];
        for ((name, _), number) in self.actors.iter().zip(1_u32..) {
            let hash = self.hash.of(name.as_str().as_bytes());
            let mut at = place(hash, mask);
            // Ends at a free slot: half of them are.
            while slots.get(at).is_some_and(|slot| slot.number > 0) {
                at = at.wrapping_add(1) & mask;
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = Slot { tag: tag(hash), number };
            }
        }
        self.slots = slots;
    }
}

fn place(hash: u64, mask: usize) -> usize {
    usize::try_from(hash >> 20).unwrap_or(0) & mask
}

fn tag(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_keeps_its_number_as_the_table_grows() {
        let mut table = ActorTable::default();
        assert_eq!(table.number("nobody"), None);
        let names: Vec<ActorName> = (0..1_000).map(|n| format!("user-{n}").into()).collect();
        for (name, number) in names.iter().zip(0_u32..) {
            assert_eq!(table.add(name), number);
            assert_eq!(table.add(name), number);
        }
        table.set_highest(7, Seq::new(3));
        for (name, number) in names.iter().zip(0_u32..) {
            assert_eq!(table.number(name.as_str()), Some(number));
            assert_eq!(table.name(number), Some(name));
        }
        assert_eq!((table.len(), table.number("user-")), (1_000, None));
        assert_eq!(table.get("user-7").map(|state| state.highest), Some(Seq::new(3)));
    }
}
