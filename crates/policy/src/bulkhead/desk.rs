//! Who waits for a verdict, in the order of arrival, and what was decided for whom.

use std::collections::BTreeMap;
use std::task::Waker;

/// Names one who waits; later ones are greater, and none is used twice.
pub(crate) type Ticket = u64;

/// Waiting tasks and verdicts that were not fetched yet.
///
/// Holds one entry for each living waiter, so it is bounded by whoever lets them in. Wakers are
/// foreign code: those that come back are to be woken or dropped outside of any lock.
#[derive(Debug)]
pub(crate) struct Desk<V> {
    last: Ticket,
    waiting: BTreeMap<Ticket, Waker>,
    verdicts: BTreeMap<Ticket, V>,
}

impl<V> Default for Desk<V> {
    fn default() -> Self {
        Self { last: 0, waiting: BTreeMap::new(), verdicts: BTreeMap::new() }
    }
}

impl<V> Desk<V> {
    /// Lets somebody wait behind all others.
    pub(crate) fn join(&mut self, waker: Waker) -> Ticket {
        self.last += 1;
        self.waiting.insert(self.last, waker);
        self.last
    }

    /// How many wait for a verdict.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Who has waited longest.
    pub(crate) fn first(&self) -> Option<Ticket> {
        self.waiting.first_key_value().map(|(ticket, _)| *ticket)
    }

    /// Decides for one who waits; gives the waker back.
    pub(crate) fn decide(&mut self, ticket: Ticket, verdict: V) -> Option<Waker> {
        let waker = self.waiting.remove(&ticket)?;
        self.verdicts.insert(ticket, verdict);
        Some(waker)
    }

    /// The verdict, if there is one; else the new waker takes the place of the former, given back.
    pub(crate) fn fetch(
        &mut self,
        ticket: Ticket,
        waker: Waker,
    ) -> Result<(V, Waker), Option<Waker>> {
        match self.verdicts.remove(&ticket) {
            Some(verdict) => Ok((verdict, waker)),
            None => Err(self.waiting.get_mut(&ticket).map(|old| std::mem::replace(old, waker))),
        }
    }

    /// Ends a wait: the verdict, if it came first, and the waker, to be dropped.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> (Option<V>, Option<Waker>) {
        (self.verdicts.remove(&ticket), self.waiting.remove(&ticket))
    }
}
