//! The notice board: incarnations announce themselves here, and faults and restarts are counted.
//!
//! One place per actor, where a later notice covers an earlier one: an actor never waits for the
//! feeder in order to announce itself, so the two cannot wait for each other.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast::actor_core::ActorRef;

use super::{Msg, Report};
use crate::fault::FaultKind;
use crate::roster::{ActorIndex, RegionId};
use crate::tally::{RestartCause, Tally};

/// A new incarnation, which has applied nothing yet.
#[derive(Clone, Debug)]
pub(crate) struct Birth {
    pub(crate) actor: ActorIndex,
    /// Counted over all actors that ever stood for this role, from 1.
    pub(crate) incarnation: u64,
    pub(crate) address: ActorRef<Msg>,
}

/// The board of one run.
#[derive(Debug)]
pub(crate) struct Board {
    notices: Mutex<Notices>,
    has_news: AtomicBool,
}

#[derive(Debug)]
struct Notices {
    births: Vec<Option<Birth>>,
    news: BTreeSet<ActorIndex>,
    /// Faults that came to pass, by the index of their event: no fault does so twice.
    faults: BTreeMap<u32, Injected>,
    /// The airport that brings its region down, for each region that is to melt down.
    closed: BTreeMap<RegionId, ActorIndex>,
    tally: Tally,
}

/// A fault that came to pass.
#[derive(Clone, Copy, Debug)]
struct Injected {
    kind: FaultKind,
    victim: ActorIndex,
    /// The incarnation that it hit.
    incarnation: u64,
}

impl Board {
    pub(crate) fn new(actors: usize) -> Self {
        let notices = Notices {
            births: vec![None; actors],
            news: BTreeSet::new(),
            faults: BTreeMap::new(),
            closed: BTreeMap::new(),
            tally: Tally::default(),
        };
        Self { notices: Mutex::new(notices), has_news: AtomicBool::new(false) }
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An incarnation announces itself; answers its number.
    ///
    /// `is_new_actor` tells a new actor under an old path from a restart of the same actor.
    pub(super) fn born(
        &self,
        actor: ActorIndex,
        address: ActorRef<Msg>,
        is_new_actor: bool,
    ) -> u64 {
        let mut notices = self.notices();
        let incarnation = notices.incarnation(actor) + 1;
        if is_new_actor && incarnation > 1 {
            notices.tally.restart(RestartCause::Meltdown);
        }
        if let Some(place) = notices.births.get_mut(actor.get()) {
            *place = Some(Birth { actor, incarnation, address });
        }
        notices.news.insert(actor);
        self.has_news.store(true, Ordering::Release);
        incarnation
    }

    /// Whether a look at [`next_birth`](Self::next_birth) is worthwhile.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Acquire)
    }

    /// The next incarnation that nobody has answered yet.
    pub(crate) fn next_birth(&self) -> Option<Birth> {
        let mut notices = self.notices();
        let next = notices.news.pop_first();
        if next.is_none() {
            self.has_news.store(false, Ordering::Release);
        }
        notices.births.get(next?.get())?.clone()
    }

    /// Whether a later incarnation than this one has announced itself.
    pub(crate) fn is_outlived(&self, actor: ActorIndex, incarnation: u64) -> bool {
        self.has_news() && self.notices().incarnation(actor) > incarnation
    }

    /// Notes that the fault of an event comes to pass now; false if it has done so before.
    pub(crate) fn inject(&self, event: u32, kind: FaultKind, victim: ActorIndex) -> bool {
        let mut notices = self.notices();
        let incarnation = notices.incarnation(victim);
        let Entry::Vacant(free) = notices.faults.entry(event) else { return false };
        free.insert(Injected { kind, victim, incarnation });
        notices.tally.inject(kind);
        true
    }

    pub(super) fn restarted(&self, cause: RestartCause) {
        self.notices().tally.restart(cause);
    }

    /// Closes an airport, so that it can neither go on nor start, until its region has melted
    /// down. False if one of the region's airports is closed already.
    pub(crate) fn close(&self, region: RegionId, airport: ActorIndex) -> bool {
        let mut notices = self.notices();
        let free = !notices.closed.contains_key(&region);
        if free {
            notices.closed.insert(region, airport);
        }
        free
    }

    pub(super) fn is_closed(&self, region: RegionId, airport: ActorIndex) -> bool {
        self.notices().closed.get(&region) == Some(&airport)
    }

    pub(super) fn reopen(&self, region: RegionId) {
        self.notices().closed.remove(&region);
    }

    /// Whether any airport is closed.
    pub(crate) fn has_closed(&self) -> bool {
        !self.notices().closed.is_empty()
    }

    /// Restarts so far.
    pub(crate) fn restarts(&self) -> u64 {
        self.notices().tally.restarts_total()
    }

    /// The counters at the end. A fault was absorbed if its victim has reported with all its
    /// inputs and, where the fault ended an incarnation, from a later one.
    pub(crate) fn tally(&self, reports: &[Option<Report>]) -> Tally {
        let notices = self.notices();
        let mut tally = notices.tally.clone();
        for fault in notices.faults.values() {
            let report = reports.get(fault.victim.get()).and_then(Option::as_ref);
            let Some(report) = report else { continue };
            let first_well = fault.incarnation + u64::from(fault.kind.ends_incarnation());
            if report.incarnation >= first_well {
                tally.absorb(fault.kind);
            }
        }
        tally
    }
}

impl Notices {
    fn incarnation(&self, actor: ActorIndex) -> u64 {
        let birth = self.births.get(actor.get()).and_then(Option::as_ref);
        birth.map_or(0, |birth| birth.incarnation)
    }
}
