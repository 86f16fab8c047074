//! The children of one supervisor: a slab with an intrusive list for the start order.

use std::collections::HashMap;
use std::sync::Arc;

use steadfast_base::Instant;

use super::io::{ChildKey, CommandId};
use crate::{BudgetWindow, ChildRules, Exit};

/// "No slot" in links and cursors.
pub(crate) const NONE: u32 = u32::MAX;

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Started when the boot or the group restart comes to it.
    Queued,
    /// Its restart waits for a permit.
    Gated,
    /// Its restart waits for this instant.
    Waiting(Instant),
    /// An incarnation is starting, perhaps because of a command.
    Starting(Option<CommandId>),
    /// Up since then.
    Running(Instant),
    /// Ended by itself; decided once the boot or the group restart is done.
    Ended,
    /// Told to end; killed at this instant.
    Stopping(Instant),
    /// Killed, not gone yet.
    Killing,
    /// Only the spec is left.
    Down,
}

impl Phase {
    /// Whether an incarnation exists whose end is going to be told.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Starting(_) | Self::Running(_) | Self::Stopping(_) | Self::Killing)
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Queued => 0,
            Self::Gated => 1,
            Self::Waiting(_) => 2,
            Self::Starting(_) => 3,
            Self::Running(_) => 4,
            Self::Ended => 5,
            Self::Stopping(_) => 6,
            Self::Killing => 7,
            Self::Down => 8,
        }
    }
}

/// What follows once a child that was told to end is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Its own restart.
    Restart,
    /// Its turn in the group restart.
    Queue,
    /// Nothing.
    Close,
}

/// What a command that waits for a child wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Start,
    Stop,
}

/// What only children with a history or a pending command need.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) errors: u32,
    pub(crate) restarts: u32,
    /// Consecutive failures, for the backoff.
    pub(crate) attempts: u32,
    /// Not before this instant, for a restart that has to end the child first.
    pub(crate) restart_at: Instant,
    pub(crate) last_error: Option<Exit>,
    /// How the last incarnation ended, while that is not yet followed by a start or a close.
    pub(crate) close_as: Option<Exit>,
    pub(crate) window: BudgetWindow,
    pub(crate) waiting: Vec<(CommandId, Want)>,
}

/// Single facts about a child.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, one byte each")]
pub(crate) struct Marks {
    /// The actor exists: a mailbox is kept between incarnations.
    pub(crate) has_cell: bool,
    /// The last start failed, so no value is left to preserve.
    pub(crate) start_failed: bool,
    /// The coming or running start is a restart.
    pub(crate) restarting: bool,
    /// Added by a command and not started yet: a failed start removes it.
    pub(crate) new: bool,
    /// The running group restart has still to stop it.
    pub(crate) member: bool,
    /// What was left of the last incarnation is ended.
    pub(crate) renewed: bool,
}

/// One child. Kept small: a dynamic supervisor may have a million idle ones.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: Option<Arc<str>>,
    /// Absent for children of the template.
    pub(crate) rules: Option<Arc<ChildRules>>,
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) phase: Phase,
    pub(crate) prev: u32,
    pub(crate) next: u32,
    /// Counts incarnations, so that a delayed decision can tell them apart.
    pub(crate) incarnation: u32,
    pub(crate) then: Then,
    pub(crate) marks: Marks,
}

impl Child {
    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    child: Option<Child>,
}

/// Slab, order and names of the children.
#[derive(Debug)]
pub(crate) struct Children {
    slots: Vec<Slot>,
    free: Vec<u32>,
    names: HashMap<Arc<str>, u32>,
    counts: [u32; 9],
    head: u32,
    tail: u32,
}

impl Default for Children {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            counts: [0; 9],
            head: NONE,
            tail: NONE,
        }
    }
}

impl Children {
    pub(crate) fn len(&self) -> u32 {
        self.counts.iter().sum()
    }

    pub(crate) fn head(&self) -> u32 {
        self.head
    }

    pub(crate) fn tail(&self) -> u32 {
        self.tail
    }

    /// How many children are in a phase like this one.
    pub(crate) fn count(&self, phase: Phase) -> u32 {
        self.counts.get(phase.index()).copied().unwrap_or(0)
    }

    /// Children of which an end is still going to be told.
    pub(crate) fn live(&self) -> u32 {
        [3, 4, 6, 7].iter().filter_map(|index: &usize| self.counts.get(*index)).sum()
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// The slot behind a key, if the key is not outdated.
    pub(crate) fn slot_of(&self, key: ChildKey) -> Option<u32> {
        let slot = self.slots.get(key.slot as usize)?;
        (slot.generation == key.generation && slot.child.is_some()).then_some(key.slot)
    }

    pub(crate) fn key(&self, slot: u32) -> ChildKey {
        let generation = self.slots.get(slot as usize).map_or(0, |entry| entry.generation);
        ChildKey { slot, generation }
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Child> {
        self.slots.get(slot as usize)?.child.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Child> {
        self.slots.get_mut(slot as usize)?.child.as_mut()
    }

    pub(crate) fn next(&self, slot: u32) -> u32 {
        self.get(slot).map_or(NONE, |child| child.next)
    }

    pub(crate) fn prev(&self, slot: u32) -> u32 {
        self.get(slot).map_or(NONE, |child| child.prev)
    }

    /// The slots in start order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Child)> {
        let mut at = self.head;
        std::iter::from_fn(move || {
            let slot = at;
            let child = self.get(slot)?;
            at = child.next;
            Some((slot, child))
        })
    }

    /// Adds a child at the end of the start order.
    pub(crate) fn push(
        &mut self,
        name: Option<Arc<str>>,
        rules: Option<Arc<ChildRules>>,
        phase: Phase,
    ) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("children_max is a u32")
        });
        if let Some(name) = &name {
            self.names.insert(Arc::clone(name), slot);
        }
        let child = Child {
            name,
            rules,
            extra: None,
            phase,
            prev: self.tail,
            next: NONE,
            incarnation: 0,
            then: Then::Close,
            marks: Marks::default(),
        };
        let tail = self.tail;
        match self.get_mut(tail) {
            Some(last) => last.next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
        self.count_in(phase);
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            entry.child = Some(child);
        }
        slot
    }

    /// Takes a child out; its key is outdated from now on.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Child> {
        let entry = self.slots.get_mut(slot as usize)?;
        let child = entry.child.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        if let Some(name) = &child.name {
            self.names.remove(name);
        }
        match self.get_mut(child.prev) {
            Some(before) => before.next = child.next,
            None => self.head = child.next,
        }
        match self.get_mut(child.next) {
            Some(after) => after.prev = child.prev,
            None => self.tail = child.prev,
        }
        self.count_out(child.phase);
        Some(child)
    }

    pub(crate) fn set_phase(&mut self, slot: u32, phase: Phase) {
        let Some(child) = self.get_mut(slot) else { return };
        let old = std::mem::replace(&mut child.phase, phase);
        self.count_out(old);
        self.count_in(phase);
    }

    fn count_in(&mut self, phase: Phase) {
        if let Some(count) = self.counts.get_mut(phase.index()) {
            *count += 1;
        }
    }

    fn count_out(&mut self, phase: Phase) {
        if let Some(count) = self.counts.get_mut(phase.index()) {
            *count -= 1;
        }
    }
}
