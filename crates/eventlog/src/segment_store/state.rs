//! What readers and the writer share: segments with their indexes, actors, the newest events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use steadfast_base::EventId;
use steadfast_base::storage::StorageFile;

use super::actors::ActorTable;
use super::catalog::Catalog;
use super::loaded::Loaded;
use super::scan::{Damage, Scanned};
use super::sealed::Sealed;
use crate::event::{ActorName, Event, Position, Seq};
use crate::format::SegmentHeader;
use crate::format::SegmentIndex;
use crate::statistics::Statistics;
use crate::store::{ActorExtent, LogExtent};
use crate::waiting::Waiting;

#[derive(Debug, Default)]
pub(super) struct State {
    /// The segments, by their first positions.
    pub(super) segments: BTreeMap<Position, Segment>,
    pub(super) actors: ActorTable,
    /// The segments whose indexes are behind, and by how many events at most.
    unsettled: (Vec<Position>, usize),
    /// Up to which number the events of an actor are deleted; shared with reads under way.
    pub(super) deleted: Arc<HashMap<ActorName, Seq>>,
    /// What cannot be read, by the first position that is lost.
    pub(super) damage: BTreeMap<Position, Damage>,
    /// The newest events, next to each other; none while nobody listens.
    pub(super) tail: VecDeque<Event>,
    /// What is in memory of sealed segments.
    pub(super) loaded: Arc<Loaded>,
    /// The subscriptions.
    pub(super) listeners: Waiting,
    /// What is known of the newest ids.
    pub(super) ids: NewestIds,
    pub(super) tail_max: usize,
    /// The position behind the last event that may be read.
    pub(super) next: Position,
    /// The last position known to be on the disk.
    pub(super) durable: Position,
    pub(super) statistics: Statistics,
    pub(super) closed: bool,
}

/// One file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn StorageFile>,
    pub(super) path: PathBuf,
    /// Where to look for what; empty once it is sealed. Only that of the last segment changes.
    pub(super) index: Arc<SegmentIndex>,
    /// Whether the whole of it is in a file.
    pub(super) is_indexed: bool,
    /// Its sealed form, if it has it.
    pub(super) sealed: Option<Arc<Sealed>>,
    /// Where its last frame ends.
    pub(super) used_bytes: u64,
    /// The bytes of the file.
    pub(super) file_bytes: u64,
}

/// The greatest id of the events from a position on: ids of one source rise, so that a new one is mostly greater,
/// and then it is not looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewestIds {
    pub(super) since: Position,
    greatest: u128,
}

impl NewestIds {
    pub(super) fn add(&mut self, id: EventId) {
        self.greatest = self.greatest.max(id.as_u128());
    }

    /// Whether an id is certainly not that of an event from `since` on.
    pub(super) fn are_below(&self, id: EventId) -> bool {
        self.greatest < id.as_u128()
    }
}

/// With so many events behind, the indexes are brought up to date: a tenth of a millisecond.
const UNSETTLED_MAX: usize = 512;

impl Segment {
    pub(super) fn new(scanned: Scanned, path: PathBuf) -> Self {
        Self {
            header: scanned.header,
            file: scanned.file,
            path,
            index: Arc::new(scanned.index),
            is_indexed: scanned.is_indexed,
            sealed: None,
            used_bytes: scanned.offset,
            file_bytes: scanned.length,
        }
    }

    /// A segment in its sealed form.
    pub(super) fn sealed(
        header: SegmentHeader,
        file: Arc<dyn StorageFile>,
        path: PathBuf,
        sealed: Sealed,
        bytes: u64,
    ) -> Self {
        Self {
            header,
            file,
            path,
            index: Arc::default(),
            is_indexed: false,
            sealed: Some(Arc::new(sealed)),
            used_bytes: bytes,
            file_bytes: bytes,
        }
    }

    /// The first and last number of an actor's events in it.
    pub(super) fn run(&self, actor: &str) -> Option<(Seq, Seq)> {
        match &self.sealed {
            Some(sealed) => sealed.run(actor),
            None => self.index.run(actor),
        }
    }

    /// The actors with events in it, with their first and last numbers.
    pub(super) fn runs(&self) -> impl Iterator<Item = (&str, Seq, Seq)> {
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.runs());
        sealed.chain(self.index.actors())
    }

    /// The latest time of its events, in microseconds; `None` if it has none.
    pub(super) fn latest(&self) -> Option<i64> {
        match &self.sealed {
            Some(sealed) => {
                i64::try_from(sealed.view.trailer().latest.as_unix_nanos() / 1_000).ok()
            }
            None => self.index.frames().iter().map(|frame| frame.latest).max(),
        }
    }

    /// The position of an actor's event, or of the frame that holds it; of an event in a sealed segment only
    /// if what knows it was read before.
    pub(super) fn position_near(&self, actor: &str, seq: Seq) -> Option<Position> {
        if let Some(sealed) = &self.sealed {
            return sealed.view.rows()?.position(sealed.row(actor, seq)?);
        }
        let frame = self.index.frames_of_actor(actor, seq, seq).first().copied()?;
        let frame = self.index.frames().get(usize::try_from(frame).ok()?)?;
        Some(frame.first)
    }

    /// How many events it holds.
    pub(super) fn events(&self) -> u64 {
        if let Some(sealed) = &self.sealed {
            return u64::from(sealed.view.trailer().count);
        }
        self.index.frames().iter().map(|frame| u64::from(frame.count)).sum()
    }
}

impl State {
    pub(super) fn new(tail_max: usize) -> Self {
        Self { tail_max, next: Position::FIRST, ..Self::default() }
    }

    /// Adds what a catalog knows.
    pub(super) fn learn(&mut self, catalog: &Catalog) {
        let deleted = Arc::make_mut(&mut self.deleted);
        for (actor, kept) in &catalog.actors {
            let number = self.actors.add(actor);
            self.actors.set_highest(number, self.actors.highest(number).max(kept.highest));
            if kept.deleted > Seq::ZERO {
                deleted.insert(actor.clone(), kept.deleted);
            }
        }
    }

    /// Adds a segment and what it says of its actors.
    pub(super) fn add_segment(&mut self, segment: Segment) {
        for (actor, _, last) in segment.runs() {
            let known = self.actors.number(actor);
            let number = known.unwrap_or_else(|| self.actors.add(&ActorName::from(actor)));
            self.actors.set_highest(number, self.actors.highest(number).max(last));
        }
        self.segments.insert(segment.header.first, segment);
    }

    pub(super) fn extent(&self) -> LogExtent {
        let first = self.segments.keys().next().copied().unwrap_or(self.next);
        LogExtent::new(first, self.next.previous(), self.durable)
    }

    pub(super) fn highest(&self, actor: &ActorName) -> Seq {
        self.actors.get(actor.as_str()).map_or(Seq::ZERO, |actor| actor.highest)
    }

    pub(super) fn deleted(&self, actor: &str) -> Seq {
        self.deleted.get(actor).copied().unwrap_or(Seq::ZERO)
    }

    pub(super) fn actor(&self, actor: &ActorName) -> ActorExtent {
        let Some(state) = self.actors.get(actor.as_str()) else {
            return ActorExtent::new(Seq::FIRST, Seq::ZERO, Seq::ZERO);
        };
        let run = self.segments.values().find_map(|one| one.run(actor.as_str()));
        let left = run.map_or(state.highest.next(), |(first, _)| first);
        let first = left.max(self.deleted(actor.as_str()).next());
        ActorExtent::new(first, state.highest, state.released)
    }

    /// Says that the index of a segment is behind by some more events.
    pub(super) fn add_unsettled(&mut self, segment: Position, events: usize) {
        let (segments, count) = &mut self.unsettled;
        if segments.last() != Some(&segment) {
            segments.push(segment);
        }
        *count = count.saturating_add(events);
        if *count >= UNSETTLED_MAX {
            self.settle();
        }
    }

    /// Whether an index that is behind may know of an event with this id.
    pub(super) fn may_be_behind_with(&self, id: EventId) -> bool {
        if self.ids.are_below(id) {
            return false;
        }
        let behind = self.unsettled.0.iter().filter_map(|first| self.segments.get(first));
        let mut behind = behind.filter(|segment| segment.sealed.is_none());
        behind.any(|segment| segment.index.may_contain(id))
    }

    /// The segments in which an event with this id is looked for, the newest first.
    pub(super) fn segments_that_may_contain(&self, id: EventId) -> impl Iterator<Item = &Segment> {
        let before = if self.ids.are_below(id) { self.ids.since } else { Position::MAX };
        self.segments.range(..before).rev().map(|(_, segment)| segment)
    }

    /// Whether every index knows of every event.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled.0.is_empty()
    }

    /// Brings the indexes up to date.
    pub(super) fn settle(&mut self) {
        let (mut behind, _) = std::mem::take(&mut self.unsettled);
        for first in behind.drain(..) {
            // One that was sealed or removed meanwhile was settled before.
            let segment = self.segments.get_mut(&first);
            let Some(segment) = segment.filter(|segment| segment.index.unsettled() > 0) else {
                continue;
            };
            let name_of = |number| self.actors.name(number).map_or("", ActorName::as_str);
            Arc::make_mut(&mut segment.index).settle(name_of);
        }
        self.unsettled = (behind, 0);
    }

    /// Gives what nobody listens to.
    pub(super) fn take_unheard(&mut self) -> VecDeque<Event> {
        if self.has_listeners() { VecDeque::new() } else { std::mem::take(&mut self.tail) }
    }

    /// Whether anybody wants the newest events.
    pub(super) fn has_listeners(&self) -> bool {
        !self.listeners.is_empty() && self.tail_max > 0
    }

    /// Keeps an event ready for readers.
    pub(super) fn push_tail(&mut self, event: impl FnOnce() -> Event) {
        if !self.has_listeners() {
            return;
        }
        if self.tail.len() >= self.tail_max {
            self.tail.pop_front();
        }
        self.tail.push_back(event());
    }

    pub(super) fn statistics(&self) -> Statistics {
        let mut statistics = self.statistics;
        statistics.events = self.segments.values().map(Segment::events).sum();
        statistics.actors = u64::try_from(self.actors.len()).unwrap_or(u64::MAX);
        statistics.bytes = self.segments.values().map(|segment| segment.file_bytes).sum();
        statistics.raw_bytes = self.segments.values().map(|segment| segment.used_bytes).sum();
        statistics.segments = u64::try_from(self.segments.len()).unwrap_or(u64::MAX);
        let unsealed = self.segments.values().filter(|segment| segment.sealed.is_none()).count();
        statistics.segments_unsealed = u64::try_from(unsealed).unwrap_or(u64::MAX);
        statistics.sealed_index_bytes = self.loaded.bytes();
        statistics
    }
}
