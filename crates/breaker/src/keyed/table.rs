//! A hash table of breakers that evicts by a clock hand.

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::breaker::CircuitBreaker;

/// Entries that one eviction looks at before it takes what the hand points to.
const EVICTION_SCAN_MAX: usize = 64;
/// Cells of a table with its first entry.
const CELLS_MIN: usize = 8;

/// Open addressing with linear probing over cells that number the slots.
#[derive(Debug)]
pub(super) struct Table<K> {
    /// A power of two, at least twice as many as slots; `None` is free.
    cells: Vec<Option<u32>>,
    slots: Vec<Slot<K>>,
    /// The slot that the next eviction looks at first.
    hand: usize,
}

#[derive(Debug)]
struct Slot<K> {
    hash: u64,
    entry: Arc<Entry<K>>,
}

/// A key with its breaker; threads keep those that they asked for lately.
#[derive(Debug)]
pub(super) struct Entry<K> {
    pub(super) key: K,
    pub(super) breaker: CircuitBreaker,
    /// Whether it was asked for since the hand last passed.
    used: AtomicBool,
    /// Whether it has left the table.
    gone: AtomicBool,
}

impl<K> Entry<K> {
    fn new(key: K, breaker: CircuitBreaker) -> Self {
        Self { key, breaker, used: AtomicBool::new(false), gone: AtomicBool::new(false) }
    }

    /// Notes that somebody asked for it.
    #[inline]
    pub(super) fn note_use(&self) {
        // A store that changes nothing would take the line away from other threads.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it is still in the table, as far as this thread can know.
    #[inline]
    pub(super) fn is_in_force(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }

    fn take_use(&self) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        if used {
            self.used.store(false, Ordering::Relaxed);
        }
        used
    }
}

impl<K> Table<K> {
    pub(super) fn new() -> Self {
        Self { cells: Vec::new(), slots: Vec::new(), hand: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The entry of `key`, which counts as used.
    #[inline]
    pub(super) fn get<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Arc<Entry<K>>>
    where
        K: Borrow<Q>,
    {
        let cell = self.cell_of_key(hash, key)?;
        let slot = self.cells.get(cell).copied().flatten()?;
        let entry = &self.slots.get(slot as usize)?.entry;
        entry.note_use();
        Some(entry)
    }

    /// Adds a key that is not in the table.
    pub(super) fn insert(&mut self, hash: u64, key: K, breaker: CircuitBreaker) -> Arc<Entry<K>> {
        if self.cells.len() < (self.slots.len() + 1) * 2 {
            self.grow();
        }
        let number = u32::try_from(self.slots.len()).expect("a table holds less than 2^32 keys");
        let entry = Arc::new(Entry::new(key, breaker));
        self.slots.push(Slot { hash, entry: Arc::clone(&entry) });
        self.link(hash, number);
        entry
    }

    pub(super) fn remove<Q: Eq + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<Arc<Entry<K>>>
    where
        K: Borrow<Q>,
    {
        let cell = self.cell_of_key(hash, key)?;
        let number = self.cells.get(cell).copied().flatten()?;
        Some(self.take(number as usize))
    }

    /// Removes the first breaker from the hand on that is closed and was not used since the hand last
    /// passed; if none of the next [`EVICTION_SCAN_MAX`] is, the one that the hand ends at.
    pub(super) fn evict(&mut self) -> Option<Arc<Entry<K>>> {
        for _ in 0..EVICTION_SCAN_MAX {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let entry = &self.slots.get(self.hand)?.entry;
            if !entry.take_use() && entry.breaker.is_closed() {
                break;
            }
            self.hand += 1;
        }
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        (!self.slots.is_empty()).then(|| self.take(self.hand))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<K>> {
        self.slots.iter().map(|slot| &*slot.entry)
    }

    /// Removes slot `number`; the last slot takes its place.
    fn take(&mut self, number: usize) -> Arc<Entry<K>> {
        self.unlink(number);
        let last = self.slots.len() - 1;
        if number != last {
            self.relink(last, number);
        }
        let entry = self.slots.swap_remove(number).entry;
        // INV-BRK-3: what leaves the table says so, to threads that kept it.
        entry.gone.store(true, Ordering::Release);
        entry
    }

    fn mask(&self) -> usize {
        self.cells.len().wrapping_sub(1)
    }

    /// The cell where the probe sequence of `hash` starts.
    #[expect(clippy::cast_possible_truncation, reason = "the lower bits are what is wanted")]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.mask()
    }

    #[inline]
    fn cell_of_key<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        self.find(hash, |slot| slot.hash == hash && slot.entry.key.borrow() == key)
    }

    /// The cell of the slot that `is_it` accepts.
    #[inline]
    fn find(&self, hash: u64, is_it: impl Fn(&Slot<K>) -> bool) -> Option<usize> {
        let mut cell = self.home(hash);
        loop {
            let number = (*self.cells.get(cell)?)?;
            if self.slots.get(number as usize).is_some_and(&is_it) {
                return Some(cell);
            }
            cell = (cell + 1) & self.mask();
        }
    }

    fn cell_of(&self, number: usize) -> Option<usize> {
        let mut cell = self.home(self.slots.get(number)?.hash);
        while (*self.cells.get(cell)?)? as usize != number {
            cell = (cell + 1) & self.mask();
        }
        Some(cell)
    }

    fn link(&mut self, hash: u64, number: u32) {
        let mut cell = self.home(hash);
        while self.cells.get(cell).is_some_and(Option::is_some) {
            cell = (cell + 1) & self.mask();
        }
        if let Some(free) = self.cells.get_mut(cell) {
            *free = Some(number);
        }
    }

    fn relink(&mut self, from: usize, to: usize) {
        let number = u32::try_from(to).ok();
        let cell = self.cell_of(from).and_then(|cell| self.cells.get_mut(cell));
        if let Some(cell) = cell {
            *cell = number;
        }
    }

    /// Frees the cell of a slot and moves later cells of the run forward, so that no probe sequence breaks.
    fn unlink(&mut self, number: usize) {
        let Some(mut free) = self.cell_of(number) else { return };
        let mut cell = free;
        loop {
            cell = (cell + 1) & self.mask();
            let Some(next) = self.cells.get(cell).copied().flatten() else { break };
            let home = self.slots.get(next as usize).map_or(0, |slot| self.home(slot.hash));
            // Its probe sequence passes the free cell if that is no farther from home than it is.
            let distance = |to: usize| to.wrapping_sub(home) & self.mask();
            if distance(free) <= distance(cell) {
                self.set(free, Some(next));
                free = cell;
            }
        }
        self.set(free, None);
    }

    fn set(&mut self, cell: usize, number: Option<u32>) {
        if let Some(place) = self.cells.get_mut(cell) {
            *place = number;
        }
    }

    fn grow(&mut self) {
        let cells = (self.cells.len() * 2).max(CELLS_MIN);
        self.cells.clear();
        self.cells.resize(cells, None);
        for number in 0..self.slots.len() {
            let hash = self.slots.get(number).map_or(0, |slot| slot.hash);
            self.link(hash, u32::try_from(number).unwrap_or(u32::MAX));
        }
    }
}
