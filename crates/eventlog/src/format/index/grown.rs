//! The part of an index that grows: chains of postings in one piece of memory.
//!
//! Adding an event allocates nothing but now and then a larger piece. A chain is walked from its newest
//! posting back, and turned round for whoever asks.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Posting;
use super::fingerprints::Fingerprints;
use crate::event::{ActorName, Seq};
use crate::format::bloom::mix;
use crate::format::bytes::{narrow, widen};
use crate::hash::NameHash;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Grown {
    numbers: HashMap<ActorName, u32, NameHash>,
    /// The actors by number.
    runs: Vec<Run>,
    /// The newest posting of each correlation, by the hash of its id.
    correlations: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    /// In the order of their frames.
    links: Vec<Link>,
    ids: Fingerprints,
    /// The ids of the events below, in their order.
    new_ids: Vec<u32>,
    /// Events that are found by their ids only, and one by one, until they are [settled](Grown::settle).
    unsettled: Vec<Unsettled>,
    /// The number of each actor of the log here, counted from 1; 0 for one without.
    by_log_number: Vec<u32>,
}

/// An event whose postings are still to be made.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    frame: u32,
    /// The number of the actor in the log.
    actor: u32,
    seq: Seq,
    /// The correlation as it is; 0 for none.
    correlation: u128,
}

/// An actor's events: an unbroken run of numbers.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: Seq,
    last: Seq,
    /// The place of its newest link, counted from 1; 0 for none.
    newest: u32,
}

/// A posting, and the place of the one before it in its chain, counted from 1; 0 for none.
#[derive(Clone, Copy, Debug)]
struct Link {
    posting: Posting,
    before: u32,
}

/// An event as the index needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) frame: u32,
    /// The number of the actor.
    pub(super) actor: u32,
    pub(super) seq: Seq,
    /// The hash of the correlation, if there is one.
    pub(super) correlation: Option<u64>,
    pub(super) fingerprint: u32,
}

impl Grown {
    /// The number of an actor.
    pub(super) fn number(&mut self, actor: &str) -> u32 {
        if let Some(number) = self.numbers.get(actor) {
            return *number;
        }
        let number = narrow(self.runs.len());
        self.runs.push(Run { first: Seq::ZERO, last: Seq::ZERO, newest: 0 });
        self.numbers.insert(ActorName::from(actor), number);
        number
    }

    /// Adds an event of the newest frame, by the number that its actor has in the log.
    pub(super) fn add_unsettled(
        &mut self,
        frame: u32,
        actor: u32,
        seq: Seq,
        correlation: u128,
        fingerprint: u32,
    ) {
        self.new_ids.push(fingerprint);
        self.unsettled.push(Unsettled { frame, actor, seq, correlation });
    }

    /// How many events are found by their ids only.
    pub(super) fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// Makes the postings of all events: many at once take much less time than one by one.
    pub(super) fn settle<'a>(&mut self, name_of: impl Fn(u32) -> &'a str) {
        self.ids.insert_all(&self.new_ids);
        self.new_ids.clear();
        let mut unsettled = std::mem::take(&mut self.unsettled);
        for event in unsettled.drain(..) {
            let actor = widen(event.actor);
            if self.by_log_number.len() <= actor {
                self.by_log_number.resize(actor.saturating_add(1), 0);
            }
            let known = self.by_log_number.get(actor).copied().unwrap_or(0);
            let number = known.checked_sub(1).unwrap_or_else(|| {
                let number = self.number(name_of(event.actor));
                if let Some(known) = self.by_log_number.get_mut(actor) {
                    *known = number.saturating_add(1);
                }
                number
            });
            let correlation = (event.correlation != 0).then(|| mix(event.correlation));
            self.add_postings(event.frame, number, event.seq, correlation);
        }
        self.unsettled = unsettled;
    }

    /// Adds an event of the newest frame.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.ids.insert(entry.fingerprint);
        self.add_postings(entry.frame, entry.actor, entry.seq, entry.correlation);
    }

    fn add_postings(&mut self, frame: u32, actor: u32, seq: Seq, correlation: Option<u64>) {
        let links = &mut self.links;
        if let Some(hash) = correlation {
            let newest = self.correlations.entry(hash).or_default();
            if posting(links, *newest).is_none_or(|posting| posting.frame != frame) {
                *newest = push(links, Posting { frame, count: 1 }, *newest);
            }
        }
        let Some(run) = self.runs.get_mut(widen(actor)) else { return };
        if run.first == Seq::ZERO {
            run.first = seq;
        }
        run.last = seq;
        match posting(links, run.newest).filter(|posting| posting.frame == frame) {
            Some(posting) => posting.count = posting.count.saturating_add(1),
            None => run.newest = push(links, Posting { frame, count: 1 }, run.newest),
        }
    }

    /// Forgets everything of the frames from a number on, but for the ids, which do no harm.
    pub(super) fn cut(&mut self, frames: u32) {
        let kept = self.links.partition_point(|link| link.posting.frame < frames);
        let back = |mut at: u32, gone: &mut u64| {
            // Ends with the chain.
            while let Some(link) = place(at).and_then(|at| self.links.get(at)) {
                if widen(at) <= kept {
                    break;
                }
                *gone = gone.saturating_add(u64::from(link.posting.count));
                at = link.before;
            }
            at
        };
        for run in &mut self.runs {
            let mut gone = 0;
            run.newest = back(run.newest, &mut gone);
            run.last = Seq::new(run.last.get().saturating_sub(gone));
        }
        for newest in self.correlations.values_mut() {
            *newest = back(*newest, &mut 0);
        }
        self.correlations.retain(|_, newest| *newest > 0);
        let runs = &self.runs;
        self.numbers.retain(|_, number| runs.get(widen(*number)).is_some_and(|run| run.newest > 0));
        self.links.truncate(kept);
    }

    /// The numbers of an actor's first and last event.
    pub(super) fn run(&self, actor: &str) -> Option<(Seq, Seq)> {
        let run = self.runs.get(widen(*self.numbers.get(actor)?))?;
        (run.newest > 0).then_some((run.first, run.last))
    }

    pub(super) fn actors(&self) -> impl Iterator<Item = (&str, Seq, Seq)> {
        self.numbers.keys().filter_map(|actor| {
            let (first, last) = self.run(actor.as_str())?;
            Some((actor.as_str(), first, last))
        })
    }

    /// Appends an actor's postings, the oldest first.
    pub(super) fn add_postings_of(&self, actor: &str, out: &mut Vec<Posting>) {
        let number = self.numbers.get(actor);
        let run = number.and_then(|number| self.runs.get(widen(*number)));
        let start = out.len();
        out.extend(run.into_iter().flat_map(|run| self.chain(run.newest)));
        out.get_mut(start..).unwrap_or_default().reverse();
    }

    /// Appends the frames of a correlation, the oldest first.
    pub(super) fn add_frames_of_correlation(&self, hash: u64, out: &mut Vec<u32>) {
        let newest = self.correlations.get(&hash).copied().unwrap_or(0);
        let start = out.len();
        out.extend(self.chain(newest).map(|posting| posting.frame));
        out.get_mut(start..).unwrap_or_default().reverse();
    }

    pub(super) fn correlations(&self) -> impl Iterator<Item = u64> + '_ {
        self.correlations.keys().copied()
    }

    pub(super) fn may_contain(&self, fingerprint: u32) -> bool {
        self.new_ids.contains(&fingerprint) || self.ids.contains(fingerprint)
    }

    pub(super) fn fingerprints(&self) -> impl Iterator<Item = u32> + '_ {
        self.ids.iter().chain(self.new_ids.iter().copied())
    }

    /// The postings of a chain, the newest first.
    fn chain(&self, newest: u32) -> impl Iterator<Item = Posting> + '_ {
        let at = |at: u32| place(at).and_then(|at| self.links.get(at));
        std::iter::successors(at(newest), move |link| at(link.before)).map(|link| link.posting)
    }
}

/// A place that is counted from 1 as one counted from 0.
fn place(at: u32) -> Option<usize> {
    widen(at).checked_sub(1)
}

fn posting(links: &mut [Link], at: u32) -> Option<&mut Posting> {
    Some(&mut links.get_mut(place(at)?)?.posting)
}

fn push(links: &mut Vec<Link>, posting: Posting, before: u32) -> u32 {
    links.push(Link { posting, before });
    narrow(links.len())
}

/// Takes hashes as they are: they are mixed already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
