//! The index of one segment: derived from its frames, in memory while it grows, a file when it is full.
//!
//! It says in which frames to look, never what the log holds: a wrong or missing index is dropped and
//! built again from the frames.
//!
//! ```text
//!   0 magic u32 "SFIX", version u16 1, zero u16, log id u64, generation u32, zero u32
//!  24 first position u64, end position u64
//!  40 frames u32, actors u32, correlations u32, bloom bytes u32
//!  56 bloom
//!     frames: offset varint in blocks of 4,096 from the one before, positions varint from the end of the
//!     one before, count varint, earliest i64, span varint
//!     actors, sorted: name, first seq varint, postings
//!     correlations, sorted by hash: hash u64, postings
//!     CRC-32C u32 of all bytes before
//! ```
//!
//! Postings are a count and the numbers of frames, as differences; those of an actor also tell how many
//! events it has in each frame.

mod build;
mod codec;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use steadfast_base::{CorrelationId, EventId, Timestamp};

pub use self::codec::IndexOf;
use super::bloom::{Bloom, hash_id, mix};
use super::segment::micros;
use crate::event::{ActorName, Position, Seq};

/// Where to look for what in one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentIndex {
    frames: Vec<IndexedFrame>,
    actors: BTreeMap<ActorName, ActorPostings>,
    correlations: HashMap<u64, Vec<u32>>,
    ids: Ids,
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

/// An actor's events in a segment: an unbroken run of numbers, spread over frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorPostings {
    /// The number of its first event in the segment.
    pub first: Seq,
    /// The number of its last event in the segment.
    pub last: Seq,
    /// The frames that hold its events, and how many each.
    pub frames: Vec<(u32, u32)>,
}

/// The ids of a segment: all of them while it grows, a filter when it is full.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ids {
    All(HashSet<u64>),
    Filter(Bloom),
}

impl Default for Ids {
    fn default() -> Self {
        Self::All(HashSet::new())
    }
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

    /// The actors that have events here, sorted by name.
    pub fn actors(&self) -> impl Iterator<Item = (&ActorName, &ActorPostings)> {
        self.actors.iter()
    }

    /// Where an actor's events are.
    pub fn actor(&self, actor: &str) -> Option<&ActorPostings> {
        self.actors.get(actor)
    }

    /// The frames that hold an actor's events with these numbers, by number.
    pub fn frames_of_actor(&self, actor: &str, from: Seq, to: Seq) -> Vec<u32> {
        let Some(postings) = self.actors.get(actor) else { return Vec::new() };
        let mut next = postings.first;
        let mut frames = Vec::new();
        for (frame, count) in &postings.frames {
            let end = next.plus(u64::from(*count));
            if end > from && next <= to {
                frames.push(*frame);
            }
            next = end;
        }
        frames
    }

    /// The frames that may hold events of a piece of work, by number; none is certain.
    pub fn frames_of_correlation(&self, id: CorrelationId) -> &[u32] {
        self.correlations.get(&mix(id.as_u128())).map_or(&[], Vec::as_slice)
    }

    /// Whether an event with this id may be here; false is certain.
    pub fn may_contain(&self, id: EventId) -> bool {
        match &self.ids {
            Ids::All(hashes) => hashes.contains(&hash_id(id)),
            Ids::Filter(bloom) => bloom.may_contain(hash_id(id)),
        }
    }
}

/// The first microsecond that does not begin before a moment.
fn before_micros(at: Timestamp) -> i64 {
    let micros = at.as_unix_nanos().div_ceil(1_000);
    i64::try_from(micros).unwrap_or(i64::MAX)
}
