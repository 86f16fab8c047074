//! The pure core of every timer: waits ordered by deadline, then by registration.

use std::collections::BTreeMap;
use std::task::Waker;

use super::Instant;

/// Names one wait in a [`TimerQueue`]; keys sort in firing order and are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    at: Instant,
    order: u64,
}

/// Pending waits. Holds exactly one entry per live wait: dropping a wait removes its entry, so the
/// queue is bounded by the number of futures its users hold.
#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    waits: BTreeMap<Key, Option<Waker>>,
    registered: u64,
}

impl TimerQueue {
    /// Adds a wait, with a waker if its future has been polled already.
    pub(super) fn insert(&mut self, at: Instant, waker: Option<Waker>) -> Key {
        let key = Key { at, order: self.registered };
        self.registered += 1;
        self.waits.insert(key, waker);
        key
    }

    /// Sets the waker of a wait. Gives back a waker to drop outside of any lock: the former one, or
    /// as an error the new one if the wait has fired.
    pub(super) fn set_waker(&mut self, key: Key, waker: Waker) -> Result<Option<Waker>, Waker> {
        match self.waits.get_mut(&key) {
            Some(slot) => Ok(slot.replace(waker)),
            None => Err(waker),
        }
    }

    /// Removes a wait that is no longer wanted; the waker is for the caller to drop.
    pub(super) fn remove(&mut self, key: Key) -> Option<Waker> {
        self.waits.remove(&key).flatten()
    }

    /// When the next wait is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waits.first_key_value().map(|(key, _)| key.at)
    }

    /// Takes the first wait due at `now`: its deadline and its waker, if it has one.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Option<Waker>)> {
        let first = self.waits.first_entry()?;
        let at = first.key().at;
        (at <= now).then(|| (at, first.remove()))
    }

    /// How many waits are pending.
    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn len(&self) -> usize {
        self.waits.len()
    }
}
