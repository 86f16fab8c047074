//! The pure core: who is served next, and who is shed.

use std::collections::BTreeMap;

use steadfast_base::{Instant, Priority};

use crate::bulkhead::desk::Ticket;

use super::codel::CoDel;
use super::config::ShedConfig;

/// Waiting calls in one lane for each priority; tickets rise with the time of arrival.
#[derive(Clone, Debug)]
pub(super) struct ShedQueue {
    /// The most important lane first, as in [`Priority::ALL`].
    lanes: [Lane; Priority::ALL.len()],
    len: usize,
}

#[derive(Clone, Debug)]
struct Lane {
    waiting: BTreeMap<Ticket, Waiting>,
    codel: CoDel,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Instant,
    deadline: Instant,
}

/// What came of offering a call to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Queued,
    /// Queued in the place of one that matters less.
    QueuedInsteadOf(Ticket),
    Refused,
}

impl ShedQueue {
    pub(super) fn new(config: &ShedConfig) -> Self {
        let codel = CoDel::new(config.target, config.interval);
        let lanes = [(); Priority::ALL.len()].map(|()| Lane { waiting: BTreeMap::new(), codel });
        Self { lanes, len: 0 }
    }

    pub(super) fn reconfigure(&mut self, config: &ShedConfig) {
        for lane in &mut self.lanes {
            lane.codel.reconfigure(config.target, config.interval);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether any lane is overloaded.
    pub(super) fn is_overloaded(&self) -> bool {
        self.lanes.iter().any(|lane| lane.codel.is_overloaded())
    }

    /// Offers a call; in a full queue it takes the place of the oldest of the least important calls, if
    /// those matter less.
    pub(super) fn offer(
        &mut self,
        (ticket, priority): (Ticket, Priority),
        (since, deadline): (Instant, Instant),
        calls_max: usize,
    ) -> Offered {
        let offered = if self.len < calls_max {
            Offered::Queued
        } else {
            match self.evict_below(priority) {
                Some(evicted) => Offered::QueuedInsteadOf(evicted),
                None => return Offered::Refused,
            }
        };
        if let Some(lane) = self.lanes.get_mut(place(priority)) {
            lane.waiting.insert(ticket, Waiting { since, deadline });
            self.len += 1;
        }
        offered
    }

    /// Removes a call that no longer waits.
    pub(super) fn remove(&mut self, ticket: Ticket, priority: Priority) {
        let lane = self.lanes.get_mut(place(priority));
        if lane.and_then(|lane| lane.waiting.remove(&ticket)).is_some() {
            self.len -= 1;
        }
    }

    /// The next call to serve, the most important lane first; those to shed are added to `shed`.
    ///
    /// Each lane is judged by the age of its oldest call, no call being an age of zero. A lane that is not
    /// overloaded is served oldest first, an overloaded one newest first, because its oldest callers are
    /// the most likely to be gone.
    pub(super) fn next(&mut self, now: Instant, shed: &mut Vec<Ticket>) -> Option<Ticket> {
        // INV-SHED-1: a ticket leaves the lanes once: served, shed, evicted or removed.
        let before = shed.len();
        for lane in &mut self.lanes {
            lane.judge(now, shed);
        }
        let next = self.lanes.iter_mut().find_map(|lane| lane.serve(now, shed));
        self.len -= shed.len() - before + usize::from(next.is_some());
        next
    }

    /// Takes the oldest of the least important calls, if it matters less than `priority`.
    fn evict_below(&mut self, priority: Priority) -> Option<Ticket> {
        let mut less = self.lanes.iter_mut().skip(place(priority) + 1).rev();
        let (evicted, _) = less.find_map(|lane| lane.waiting.pop_first())?;
        self.len -= 1;
        Some(evicted)
    }
}

impl Lane {
    /// Feeds the judge, and sheds what is too old for an overloaded lane.
    fn judge(&mut self, now: Instant, shed: &mut Vec<Ticket>) {
        let oldest = self.waiting.first_key_value();
        let age = oldest.map_or(std::time::Duration::ZERO, |(_, waiting)| now - waiting.since);
        if self.codel.observe(now, age) {
            while let Some(oldest) = self.waiting.first_entry()
                && now - oldest.get().since > self.codel.drop_after()
            {
                shed.push(*oldest.key());
                oldest.remove();
            }
        }
    }

    /// Takes the next call whose deadline has not passed; the others are shed, as their answers are not
    /// wanted any more.
    fn serve(&mut self, now: Instant, shed: &mut Vec<Ticket>) -> Option<Ticket> {
        loop {
            let (ticket, waiting) = if self.codel.is_overloaded() {
                self.waiting.pop_last()?
            } else {
                self.waiting.pop_first()?
            };
            if waiting.deadline > now {
                return Some(ticket);
            }
            shed.push(ticket);
        }
    }
}

/// The lane of a priority.
fn place(priority: Priority) -> usize {
    match priority {
        Priority::Critical => 0,
        Priority::High => 1,
        Priority::Normal => 2,
        Priority::Low => 3,
        Priority::Background => 4,
    }
}
