//! Who waits for something new: a waker for each subscription at most, gone with it.

use std::collections::BTreeMap;
use std::task::Waker;

/// See the module. What is taken out of it is dropped by whoever took it, without a lock: it may be the last that
/// a task is held by.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    wakers: BTreeMap<u64, Option<Waker>>,
    next: u64,
}

impl Waiting {
    /// Adds a subscription, and gives its number.
    pub(crate) fn add(&mut self) -> u64 {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.wakers.insert(number, None);
        number
    }

    /// Takes a subscription away, with what was to wake it.
    #[must_use]
    pub(crate) fn remove(&mut self, number: u64) -> Option<Waker> {
        self.wakers.remove(&number).flatten()
    }

    /// Whether nobody listens.
    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Wakes a subscription when there is something new; gives what would have woken it otherwise.
    #[must_use]
    pub(crate) fn wait(&mut self, number: u64, waker: &Waker) -> Option<Waker> {
        let slot = self.wakers.get_mut(&number)?;
        if slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            return None;
        }
        slot.replace(waker.clone())
    }

    /// Whoever waits, to be woken.
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        self.wakers.values_mut().filter_map(Option::take).collect()
    }
}
