//! Places in one word: how many there are, how many are taken, whether anybody waits for one.
//!
//! Taking and giving back a place is one compare-and-swap while nobody waits. While somebody waits
//! the word changes only under the lock of the queue, because whoever has no lock leaves it alone;
//! so the order of waiting is kept and no wake-up is lost.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the number of places and of the number taken.
const PLACE_BITS: u32 = 20;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
const ONE_TAKEN: u64 = 1 << PLACE_BITS;
const AWAITED: u64 = 1 << (2 * PLACE_BITS);
const ONE_ADMITTED: u64 = AWAITED << 1;
const ADMITTED_SHIFT: u32 = 2 * PLACE_BITS + 1;
const ADMITTED_MAX: u64 = u64::MAX >> ADMITTED_SHIFT;

/// Most places that can be counted.
pub(crate) const PLACES_MAX: u32 = (1 << PLACE_BITS) - 1;

/// The places of a bulkhead, or of another limit on what runs at once.
#[derive(Debug)]
pub(crate) struct Places {
    word: AtomicU64,
}

/// `limit` in the lowest 20 bits, `taken` in the next 20, one bit for waiters, and in the rest how
/// many were admitted since [`Places::take_admitted`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word(u64);

impl Word {
    #[inline]
    pub(crate) fn limit(self) -> u32 {
        narrow(self.0)
    }

    #[inline]
    pub(crate) fn taken(self) -> u32 {
        narrow(self.0 >> PLACE_BITS)
    }

    #[inline]
    fn is_awaited(self) -> bool {
        self.0 & AWAITED != 0
    }

    /// How many were admitted and are not in the total yet.
    #[inline]
    pub(crate) fn admitted(self) -> u64 {
        self.0 >> ADMITTED_SHIFT
    }

    #[inline]
    pub(crate) fn has_room(self) -> bool {
        self.taken() < self.limit()
    }

    /// Whether so many were admitted that nobody is until [`Places::take_admitted`].
    #[inline]
    pub(crate) fn must_fold(self) -> bool {
        self.admitted() == ADMITTED_MAX
    }
}

#[inline]
fn narrow(bits: u64) -> u32 {
    (bits & PLACE_MASK) as u32
}

impl Places {
    /// Free places; the limit is cut to [`PLACES_MAX`].
    pub(crate) fn new(limit: u32) -> Self {
        Self { word: AtomicU64::new(u64::from(limit.min(PLACES_MAX))) }
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Takes a place, unless all are taken, somebody waits, or the admitted must be folded first; the
    /// word that said so is the error.
    #[inline]
    pub(crate) fn take(&self) -> Result<(), Word> {
        let taken = self.change(|word| {
            let open = word.has_room() && !word.is_awaited() && !word.must_fold();
            open.then(|| word.0 + ONE_TAKEN + ONE_ADMITTED)
        });
        taken.map(drop)
    }

    /// Takes a place as [`take`](Self::take) does.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        self.take().is_ok()
    }

    /// Gives a place back, unless somebody waits for it.
    #[inline]
    pub(crate) fn try_give_back(&self) -> bool {
        self.change(|word| (!word.is_awaited()).then(|| word.0 - ONE_TAKEN)).is_ok()
    }

    /// Says that somebody waits, unless there is room. Under the lock of the queue.
    pub(crate) fn await_room(&self) -> bool {
        // INV-BLK-2: from here to `await_no_more` only the holder of the lock changes the word.
        self.change(|word| (!word.has_room()).then_some(word.0 | AWAITED)).is_ok()
    }

    /// Gives a place back while somebody waits. Under the lock of the queue.
    pub(crate) fn give_back(&self) {
        self.set(|word| word.0 - ONE_TAKEN);
    }

    /// Takes a place for somebody who waits. Under the lock of the queue, with the admitted folded.
    pub(crate) fn take_awaited(&self) -> bool {
        self.change(|word| word.has_room().then(|| word.0 + ONE_TAKEN + ONE_ADMITTED)).is_ok()
    }

    /// Says that nobody waits any longer. Under the lock of the queue.
    pub(crate) fn await_no_more(&self) {
        self.set(|word| word.0 & !AWAITED);
    }

    /// Sets the number of places, at most [`PLACES_MAX`]; who holds one keeps it.
    pub(crate) fn set_limit(&self, limit: u32) {
        let limit = u64::from(limit.min(PLACES_MAX));
        self.set(|word| word.0 & !PLACE_MASK | limit);
    }

    /// Starts the count of the admitted again; gives back the word before. Under the lock of the total.
    pub(crate) fn take_admitted(&self) -> Word {
        self.set(|word| word.0 & (ONE_ADMITTED - 1))
    }

    /// Replaces the word by what `next` makes of it; gives back the word before.
    fn set(&self, next: impl Fn(Word) -> u64) -> Word {
        match self.change(|word| Some(next(word))) {
            Ok(before) | Err(before) => before,
        }
    }

    /// Replaces the word by what `next` makes of it; gives back the word before, or the one that
    /// `next` declined.
    #[inline]
    fn change(&self, next: impl Fn(Word) -> Option<u64>) -> Result<Word, Word> {
        let mut seen = self.word.load(Ordering::Acquire);
        while let Some(new) = next(Word(seen)) {
            match self.word.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(before) => return Ok(Word(before)),
                Err(now) => seen = now,
            }
        }
        Err(Word(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_up_to_the_limit_and_given_back() {
        let places = Places::new(2);
        assert!(places.try_take() && places.try_take() && !places.try_take());
        assert!(places.try_give_back() && places.try_take() && !places.try_take());
        assert_eq!((places.word().taken(), places.word().admitted()), (2, 3));
    }

    #[test]
    fn while_somebody_waits_the_word_is_left_to_the_lock() {
        let places = Places::new(1);
        assert!(!places.await_room(), "there is room");
        assert!(places.try_take() && places.await_room());
        assert!(!places.try_give_back());
        places.give_back();
        assert!(!places.try_take(), "the place is for who waits");
        assert!(places.take_awaited() && !places.take_awaited());
        places.await_no_more();
        assert!(places.try_give_back() && places.try_take());
    }

    #[test]
    fn a_full_count_of_the_admitted_stops_the_fast_path_until_it_is_taken() {
        let places = Places::new(1);
        places.word.store(ADMITTED_MAX << ADMITTED_SHIFT | 1, Ordering::Relaxed);
        assert!(!places.try_take());
        assert_eq!(places.take_admitted().admitted(), ADMITTED_MAX);
        assert!(places.try_take());
    }

    #[test]
    fn a_smaller_limit_leaves_holders_their_places() {
        let places = Places::new(3);
        assert!(places.try_take() && places.try_take());
        places.set_limit(1);
        assert!(places.try_give_back() && !places.try_take());
        assert!(places.try_give_back() && places.try_take());
        places.set_limit(u32::MAX);
        assert_eq!(places.word().limit(), PLACES_MAX);
    }
}
