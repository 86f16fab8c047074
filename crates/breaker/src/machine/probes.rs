//! The probes of a half-open breaker: how many are under way, and since when.

use std::time::Duration;

use steadfast_base::Instant;

/// The greatest number of a probe; after it they begin at one again.
pub(crate) const PROBES_MAX: u32 = u32::MAX >> 1;

/// Probes under way and the successes so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    /// Oldest first; at most the configured number.
    under_way: Vec<Probe>,
    last_id: u32,
    pub(super) successes: u32,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u32,
    since: Instant,
    /// Taken by hand, without a permit that would bring the id back.
    by_hand: bool,
}

impl Probes {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.under_way.len()).unwrap_or(u32::MAX)
    }

    /// Starts a probe and returns its id, never zero and at most [`PROBES_MAX`].
    pub(super) fn start(&mut self, now: Instant, by_hand: bool) -> u32 {
        self.last_id = if self.last_id < PROBES_MAX { self.last_id + 1 } else { 1 };
        self.under_way.push(Probe { id: self.last_id, since: now, by_hand });
        self.last_id
    }

    /// Ends one probe; `false` if no such probe is under way.
    pub(super) fn end(&mut self, id: u32) -> bool {
        self.remove(|probe| probe.id == id)
    }

    /// Ends the oldest probe that was taken by hand.
    pub(super) fn end_by_hand(&mut self) -> bool {
        self.remove(|probe| probe.by_hand)
    }

    /// When the oldest probe has been under way for `wait`.
    pub(super) fn deadline(&self, wait: Duration) -> Option<Instant> {
        self.under_way.first().map(|oldest| oldest.since + wait)
    }

    fn remove(&mut self, which: impl Fn(&Probe) -> bool) -> bool {
        let found = self.under_way.iter().position(which);
        if let Some(index) = found {
            self.under_way.remove(index);
        }
        found.is_some()
    }
}
