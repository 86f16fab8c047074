//! What readers and the writer share: segments with their indexes, actors, the newest events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Waker;

use steadfast_base::storage::StorageFile;

use super::catalog::Catalog;
use super::scan::{Damage, Scanned};
use super::sealed::Sealed;
use crate::event::{ActorName, Event, Position, Seq};
use crate::format::SegmentHeader;
use crate::format::SegmentIndex;
use crate::hash::NameHash;
use crate::statistics::Statistics;
use crate::store::{ActorExtent, LogExtent};

#[derive(Debug, Default)]
pub(super) struct State {
    /// The segments, by their first positions.
    pub(super) segments: BTreeMap<Position, Segment>,
    pub(super) actors: HashMap<ActorName, ActorState, NameHash>,
    /// Up to which number the events of an actor are deleted; shared with reads under way.
    pub(super) deleted: Arc<HashMap<ActorName, Seq>>,
    /// What cannot be read, by the first position that is lost.
    pub(super) damage: BTreeMap<Position, Damage>,
    /// The newest events, next to each other.
    pub(super) tail: VecDeque<Event>,
    pub(super) tail_max: usize,
    /// The position behind the last event that may be read.
    pub(super) next: Position,
    /// The last position known to be on the disk.
    pub(super) durable: Position,
    pub(super) statistics: Statistics,
    pub(super) closed: bool,
    wakers: Vec<Waker>,
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

/// What the log remembers of an actor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ActorState {
    pub(super) highest: Seq,
    /// The number up to which retention may remove its events.
    pub(super) released: Seq,
}

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

    /// The position of an actor's event, or of the frame that holds it.
    pub(super) fn position_near(&self, actor: &str, seq: Seq) -> Option<Position> {
        if let Some(sealed) = &self.sealed {
            return sealed.view.position_of(sealed.row(actor, seq)?);
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
            let state = self.actors.entry(actor.clone()).or_default();
            state.highest = state.highest.max(kept.highest);
            if kept.deleted > Seq::ZERO {
                deleted.insert(actor.clone(), kept.deleted);
            }
        }
    }

    /// Adds a segment and what it says of its actors.
    pub(super) fn add_segment(&mut self, segment: Segment) {
        for (actor, _, last) in segment.runs() {
            if let Some(state) = self.actors.get_mut(actor) {
                state.highest = state.highest.max(last);
            } else {
                let state = ActorState { highest: last, released: Seq::ZERO };
                self.actors.insert(ActorName::from(actor), state);
            }
        }
        self.segments.insert(segment.header.first, segment);
    }

    pub(super) fn extent(&self) -> LogExtent {
        let first = self.segments.keys().next().copied().unwrap_or(self.next);
        LogExtent::new(first, self.next.previous(), self.durable)
    }

    pub(super) fn highest(&self, actor: &ActorName) -> Seq {
        self.actors.get(actor).map_or(Seq::ZERO, |actor| actor.highest)
    }

    pub(super) fn deleted(&self, actor: &str) -> Seq {
        self.deleted.get(actor).copied().unwrap_or(Seq::ZERO)
    }

    pub(super) fn actor(&self, actor: &ActorName) -> ActorExtent {
        let Some(state) = self.actors.get(actor) else {
            return ActorExtent::new(Seq::FIRST, Seq::ZERO, Seq::ZERO);
        };
        let run = self.segments.values().find_map(|one| one.run(actor.as_str()));
        let left = run.map_or(state.highest.next(), |(first, _)| first);
        let first = left.max(self.deleted(actor.as_str()).next());
        ActorExtent::new(first, state.highest, state.released)
    }

    /// Keeps an event ready for readers.
    pub(super) fn push_tail(&mut self, event: impl FnOnce() -> Event) {
        if self.tail_max == 0 {
            return;
        }
        if self.tail.len() >= self.tail_max {
            self.tail.pop_front();
        }
        self.tail.push_back(event());
    }

    /// Whoever waits for something new, to be woken without the lock.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }

    pub(super) fn wake_later(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
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
        statistics
    }
}
