//! The bounded table of tracked things that are held; pure.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_base::Instant;

use super::report::Site;

/// Tracked things that are held, each with its acquire site.
#[derive(Debug)]
pub(super) struct Ledger {
    slots: Vec<Slot>,
    free: Vec<u32>,
    tracked_max: usize,
    next: u64,
    not_tracked: u64,
}

#[derive(Debug)]
struct Slot {
    /// Which holding the slot is for; a key of an earlier one is void.
    number: u64,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    site: Site,
    since: Instant,
    reported: bool,
}

/// A place in the ledger, for giving it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    number: u64,
}

/// A thing that is held for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overdue {
    pub(super) site: Site,
    pub(super) held_for: Duration,
}

impl Ledger {
    pub(super) fn new(tracked_max: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), tracked_max, next: 0, not_tracked: 0 }
    }

    /// Notes that something is held from now on; `None` if there is no room.
    pub(super) fn acquire(&mut self, site: Site, now: Instant) -> Option<Key> {
        let Some(slot) =
            self.free.pop().or_else(|| self.new_slot()).or_else(|| self.oldest_reported())
        else {
            self.not_tracked += 1;
            return None;
        };
        self.next += 1;
        let number = self.next;
        let place = self.slot(slot)?;
        *place = Slot { number, held: Some(Held { site, since: now, reported: false }) };
        Some(Key { slot, number })
    }

    /// Notes that it is no longer held. A key that made room for another does nothing.
    pub(super) fn release(&mut self, key: Key) {
        // INV-LEAK-2: every holding has a number of its own, which a void key does not match.
        if let Some(slot) = self.slot(key.slot)
            && slot.number == key.number
            && slot.held.take().is_some()
        {
            self.free.push(key.slot);
        }
    }

    /// What is held for longer than `held_max` and was not told of before, the oldest first.
    pub(super) fn overdue(&mut self, held_max: Duration, now: Instant) -> Vec<Overdue> {
        let mut found = Vec::new();
        for slot in &mut self.slots {
            let Some(held) = &mut slot.held else { continue };
            let held_for = now - held.since;
            // INV-LEAK-1: what was told of is marked until it is given back or makes room.
            if held_for > held_max && !held.reported {
                held.reported = true;
                found.push((held.since, slot.number, Overdue { site: held.site, held_for }));
            }
        }
        found.sort_unstable_by_key(|(since, number, _)| (*since, *number));
        found.into_iter().map(|(.., overdue)| overdue).collect()
    }

    /// What was told of and is still held, the oldest first.
    pub(super) fn leaked(&self, now: Instant) -> Vec<Overdue> {
        let held = self.slots.iter().filter_map(|slot| Some((slot.number, slot.held?)));
        let mut leaked: Vec<_> = held.filter(|(_, held)| held.reported).collect();
        leaked.sort_unstable_by_key(|(number, held)| (held.since, *number));
        let overdue = |held: Held| Overdue { site: held.site, held_for: now - held.since };
        leaked.into_iter().map(|(_, held)| overdue(held)).collect()
    }

    /// How many are held from each site.
    pub(super) fn sites(&self) -> BTreeMap<Site, u64> {
        let mut sites = BTreeMap::new();
        for held in self.slots.iter().filter_map(|slot| slot.held.as_ref()) {
            *sites.entry(held.site).or_default() += 1;
        }
        sites
    }

    /// How many are held.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// How many had no room.
    pub(super) fn not_tracked(&self) -> u64 {
        self.not_tracked
    }

    fn new_slot(&mut self) -> Option<u32> {
        if self.slots.len() >= self.tracked_max {
            return None;
        }
        let slot = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot { number: 0, held: None });
        Some(slot)
    }

    /// The slot of the oldest thing that was told of: it has had its report.
    fn oldest_reported(&self) -> Option<u32> {
        let held = (0_u32..).zip(&self.slots).filter_map(|(index, slot)| Some((index, slot.held?)));
        let reported = held.filter(|(_, held)| held.reported);
        reported.min_by_key(|(index, held)| (held.since, *index)).map(|(index, _)| index)
    }

    fn slot(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(slot).ok()?)
    }
}
