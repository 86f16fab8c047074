//! The index of one segment: derived from its frames, in memory while it grows, a file beside it then.
//!
//! It says in which frames to look, never what the log holds: a wrong or missing index is dropped and
//! built again from the frames. What a file said of the first frames stays as it was read and is searched
//! in place; frames that come later are added beside it.
//!
//! The layout of the file is drawn in `docs/format/eventlog.md` and in `stored`.

mod build;
mod encode;
mod fingerprints;
mod grown;
mod stored;
#[cfg(test)]
mod tests;

use std::ops::Range;

use steadfast_base::{CorrelationId, EventId, Timestamp};

use self::fingerprints::fingerprint;
use self::grown::Grown;
pub use self::stored::IndexOf;
use self::stored::Stored;
use super::bloom::mix;
use super::segment::micros;
use crate::event::{Position, Seq};

/// Where to look for what in one segment.
#[derive(Clone, Debug, Default)]
pub struct SegmentIndex {
    frames: Vec<IndexedFrame>,
    /// What a file said of the first of them.
    stored: Option<Stored>,
    grown: Grown,
}

/// What the index knows of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedFrame {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// The position of its first event.
    pub first: Position,
    /// How many events it holds.
    pub count: u32,
    /// The earliest time of its events, in microseconds.
    pub earliest: i64,
    /// The latest time of its events, in microseconds.
    pub latest: i64,
}

impl IndexedFrame {
    /// The position behind its last event.
    pub fn end(&self) -> Position {
        self.first.plus(u64::from(self.count))
    }
}

/// Some of an actor's events: the frame that holds them, and how many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Posting {
    frame: u32,
    count: u32,
}

impl SegmentIndex {
    /// The index of a segment without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames, in the order of the file.
    pub fn frames(&self) -> &[IndexedFrame] {
        &self.frames
    }

    /// The frame that holds a position, by its number.
    pub fn frame_at(&self, position: Position) -> Option<usize> {
        let after = self.frames.partition_point(|frame| frame.end() <= position);
        self.frames.get(after).filter(|frame| frame.first <= position).map(|_frame| after)
    }

    /// The frames with events at `from` or later and before `before`, by number.
    pub fn frames_during(
        &self,
        from: Timestamp,
        before: Option<Timestamp>,
    ) -> impl Iterator<Item = usize> + '_ {
        let (from, before) = (micros(from), before.map(before_micros));
        self.frames
            .iter()
            .enumerate()
            .filter(move |(_, frame)| {
                frame.latest >= from && before.is_none_or(|before| frame.earliest < before)
            })
            .map(|(number, _)| number)
    }

    /// The actors that have events here, each with the numbers of the first and the last of them.
    pub fn actors(&self) -> impl Iterator<Item = (&str, Seq, Seq)> {
        let stored = self.stored.iter().flat_map(Stored::actors);
        let stored = stored.map(|(actor, first, last)| {
            (actor, first, self.grown.run(actor).map_or(last, |(_, last)| last))
        });
        let is_new =
            |actor: &str| self.stored.as_ref().is_none_or(|stored| stored.run(actor).is_none());
        stored.chain(self.grown.actors().filter(move |(actor, ..)| is_new(actor)))
    }

    /// The numbers of an actor's first and last event here.
    pub fn run(&self, actor: &str) -> Option<(Seq, Seq)> {
        let stored = self.stored.as_ref().and_then(|stored| stored.run(actor));
        match (stored, self.grown.run(actor)) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (stored, grown) => stored.or(grown),
        }
    }

    /// The frames that hold an actor's events with these numbers, by number.
    pub fn frames_of_actor(&self, actor: &str, from: Seq, to: Seq) -> Vec<u32> {
        let Some((first, _)) = self.run(actor) else { return Vec::new() };
        let mut next = first;
        let mut frames = Vec::new();
        for posting in self.postings_of(actor) {
            let end = next.plus(u64::from(posting.count));
            if end > from && next <= to {
                frames.push(posting.frame);
            }
            next = end;
        }
        frames
    }

    /// The frames that may hold events of a piece of work, by number; none is certain.
    pub fn frames_of_correlation(&self, id: CorrelationId) -> Vec<u32> {
        let hash = mix(id.as_u128());
        let mut frames = Vec::new();
        if let Some(stored) = &self.stored {
            frames.extend(stored.frames_of_correlation(hash));
        }
        self.grown.add_frames_of_correlation(hash, &mut frames);
        frames
    }

    /// Whether an event with this id may be here; false is certain.
    pub fn may_contain(&self, id: EventId) -> bool {
        let fingerprint = fingerprint(id);
        self.stored.as_ref().is_some_and(|stored| stored.may_contain(fingerprint))
            || self.grown.may_contain(fingerprint)
    }

    /// Where an actor's events are, in the order of their numbers.
    fn postings_of(&self, actor: &str) -> Vec<Posting> {
        let mut postings = Vec::new();
        if let Some(stored) = &self.stored {
            postings.extend(stored.postings_of(actor));
        }
        self.grown.add_postings_of(actor, &mut postings);
        postings
    }
}

/// The first microsecond that does not begin before a moment.
fn before_micros(at: Timestamp) -> i64 {
    let micros = at.as_unix_nanos().div_ceil(1_000);
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A range of stored numbers as one of places.
fn places(range: Range<u64>, most: usize) -> Range<usize> {
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(most);
    place(range.start)..place(range.end)
}
