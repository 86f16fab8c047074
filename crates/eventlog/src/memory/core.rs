//! The log itself: a list of events with indexes, stepped under a lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{EventId, Timestamp};

use crate::append::{
    Append, AppendError, Appended, Decision, Epoch, Fence, Known, Placed, Places, decide,
};
use crate::error::StoreError;
use crate::event::{ActorName, Event, NewEvent, Position, Seq, to_micros};
use crate::read::{Direction, Query, ReadError};
use crate::retention::{Pin, Retention, Retired, Unreleased};
use crate::statistics::{Statistics, VerifyFault, VerifyReport};
use crate::store::{ActorExtent, LogExtent};
use crate::waiting::Waiting;

/// How many actors of a query are looked up; for more, every event is looked at.
const LOOKED_UP_MAX: usize = 16;

/// How many pins are named at most.
const PINS_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(crate) struct Core {
    /// The events that retention has left; positions are contiguous, so an index finds each.
    events: VecDeque<Stored>,
    /// The position before the first event that is left.
    retired: Position,
    actors: BTreeMap<ActorName, Actor>,
    ids: HashMap<EventId, Position>,
    epochs: HashMap<Arc<str>, Epoch>,
    /// The subscriptions.
    pub(crate) listeners: Waiting,
    closed: bool,
    statistics: Statistics,
}

#[derive(Debug)]
struct Stored {
    event: Event,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Actor {
    highest: Seq,
    deleted: Seq,
    released: Seq,
    /// The positions of its events that retention has left, in the order of their numbers.
    positions: VecDeque<Position>,
}

impl Actor {
    /// The number of the first event that retention has left.
    fn first_left(&self) -> Seq {
        Seq::new(self.highest.get().saturating_sub(wide(self.positions.len())).saturating_add(1))
    }

    fn position(&self, seq: Seq) -> Option<Position> {
        let index = seq.get().checked_sub(self.first_left().get())?;
        self.positions.get(usize::try_from(index).ok()?).copied()
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Core {
    pub(crate) fn check_open(&self) -> Result<(), ReadError> {
        if self.closed { Err(ReadError::Closed) } else { Ok(()) }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Takes a request that passed its check, or counts one that did not.
    pub(crate) fn append(
        &mut self,
        append: Result<Append, AppendError>,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        let answer = append.and_then(|append| self.decide_and_store(append, now));
        match &answer {
            Ok(appended) => {
                let statistics = &mut self.statistics;
                statistics.appends_total = statistics.appends_total.saturating_add(1);
                let duplicates = u64::from(appended.duplicate);
                statistics.duplicates_total =
                    statistics.duplicates_total.saturating_add(duplicates);
            }
            Err(_) => {
                self.statistics.failures_total = self.statistics.failures_total.saturating_add(1);
            }
        }
        answer
    }

    fn decide_and_store(
        &mut self,
        append: Append,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        if self.closed {
            return Err(AppendError::Closed { events: append.events });
        }
        if let Some(current) = append.fence.as_ref().and_then(|fence| self.newer_epoch(fence)) {
            return Err(AppendError::Fenced { current, events: append.events });
        }
        if append.events.is_empty() {
            return Ok(Appended::NOTHING);
        }
        let Ok(decision) = decide(&append, self);
        let Append { events, expected, .. } = append;
        match decision {
            Decision::Store => Ok(self.store(events, now)),
            Decision::Duplicate(places) => Ok(Appended { places: places.into(), duplicate: true }),
            Decision::Conflict { actor, actual } => {
                Err(AppendError::Conflict { actor, expected, actual, events })
            }
            Decision::Corrupted(id) => Err(AppendError::CorruptedIdempotency { id, events }),
        }
    }

    /// The epoch that shuts this fence out, if one does; otherwise the fence's own is remembered.
    fn newer_epoch(&mut self, fence: &Fence) -> Option<Epoch> {
        let seen = self.epochs.entry(Arc::clone(&fence.lease)).or_default();
        if *seen > fence.epoch {
            return Some(*seen);
        }
        *seen = fence.epoch;
        None
    }

    fn store(&mut self, events: Vec<NewEvent>, now: Timestamp) -> Appended {
        let places: Vec<Placed> = events.into_iter().map(|event| self.push(event, now)).collect();
        self.statistics.written_total =
            self.statistics.written_total.saturating_add(wide(places.len()));
        Appended { places: Places::from(places), duplicate: false }
    }

    fn push(&mut self, event: NewEvent, now: Timestamp) -> Placed {
        let position = self.extent().last.next();
        let actor = self.actors.entry(event.actor.clone()).or_default();
        let seq = actor.highest.next();
        let at = to_micros(event.at.unwrap_or(now));
        actor.highest = seq;
        actor.positions.push_back(position);
        self.ids.insert(event.id, position);
        let bytes = wide(event.size_bytes());
        let placed = Placed { position, seq, at };
        self.events.push_back(Stored { event: event.placed(placed), bytes });
        self.statistics.bytes = self.statistics.bytes.saturating_add(bytes);
        placed
    }

    pub(crate) fn extent(&self) -> LogExtent {
        let last = self.retired.plus(wide(self.events.len()));
        LogExtent::new(self.retired.next(), last, last)
    }

    pub(crate) fn open_extent(&self) -> Result<LogExtent, ReadError> {
        self.check_open().map(|()| self.extent())
    }

    /// The event at a position, if it is left and not deleted.
    fn get(&self, position: Position) -> Option<&Event> {
        let event = self.stored(position).map(|stored| &stored.event)?;
        let deleted = self.actors.get(&event.actor).is_some_and(|actor| event.seq <= actor.deleted);
        (!deleted).then_some(event)
    }

    fn stored(&self, position: Position) -> Option<&Stored> {
        let index = position.get().checked_sub(self.retired.next().get())?;
        self.events.get(usize::try_from(index).ok()?)
    }

    /// Up to `count` events from a position on that meet the conditions, and where to go on.
    ///
    /// It looks at a bounded number of events; nothing to go on with means the end.
    pub(crate) fn page(&self, query: &Query, from: Position, count: u64) -> Page {
        let extent = self.extent();
        let count = usize::try_from(count.min(wide(crate::limits::READ_BATCH_EVENTS)));
        let count = count.unwrap_or(crate::limits::READ_BATCH_EVENTS);
        let low = query.from.max(extent.first);
        let high = query.to.min(extent.last);
        let mut found = Vec::new();
        let mut at = match query.direction {
            Direction::Forward => from.max(low),
            Direction::Backward => from.min(high),
        };
        // Ends after at most as many rounds as there are positions from `low` to `high`.
        while found.len() < count && (low..=high).contains(&at) {
            let here = self.candidate(query, at).filter(|here| (low..=high).contains(here));
            found.extend(
                here.and_then(|here| self.get(here)).filter(|event| query.matches(event)).cloned(),
            );
            at = match query.direction {
                Direction::Forward => here.unwrap_or(high).next(),
                Direction::Backward => here.unwrap_or(low).previous(),
            };
        }
        Page { found, next: at }
    }

    /// The next position, this one included, at which there may be an event that meets the conditions.
    fn candidate(&self, query: &Query, at: Position) -> Option<Position> {
        let is_ahead = |position: &Position| match query.direction {
            Direction::Forward => *position >= at,
            Direction::Backward => *position <= at,
        };
        if let Some(id) = query.id {
            return self.ids.get(&id).copied().filter(is_ahead);
        }
        if query.actors.is_empty() || query.actors.len() > LOOKED_UP_MAX {
            return Some(at);
        }
        let of_each = query.actors.iter().filter_map(|actor| {
            let positions = &self.actors.get(actor)?.positions;
            let index = match query.direction {
                Direction::Forward => positions.partition_point(|position| *position < at),
                Direction::Backward => {
                    positions.partition_point(|position| *position <= at).checked_sub(1)?
                }
            };
            positions.get(index).copied()
        });
        match query.direction {
            Direction::Forward => of_each.min(),
            Direction::Backward => of_each.max(),
        }
    }

    pub(crate) fn actor(&self, actor: &ActorName) -> Result<ActorExtent, ReadError> {
        self.check_open()?;
        Ok(self.actors.get(actor).map_or_else(
            || ActorExtent::new(Seq::FIRST, Seq::ZERO, Seq::ZERO),
            |actor| {
                let first = actor.first_left().max(actor.deleted.next());
                ActorExtent::new(first, actor.highest, actor.released)
            },
        ))
    }

    pub(crate) fn delete_to(&mut self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.check_open()?;
        if let Some(actor) = self.actors.get_mut(actor) {
            actor.deleted = actor.deleted.max(to.min(actor.highest));
        }
        Ok(())
    }

    pub(crate) fn release(&mut self, actor: &ActorName, to: Seq) -> Result<(), StoreError> {
        self.check_open()?;
        if let Some(actor) = self.actors.get_mut(actor) {
            actor.released = actor.released.max(to.min(actor.highest));
        }
        Ok(())
    }

    pub(crate) fn retain(
        &mut self,
        policy: &Retention,
        now: Timestamp,
    ) -> Result<Retired, StoreError> {
        self.check_open()?;
        let mut retired = Retired::default();
        // Ends at the latest with the last event but one.
        while self.events.len() > 1 && self.exceeds(policy, now) {
            let Some(oldest) = self.events.front() else { break };
            if policy.unreleased == Unreleased::Keep && self.is_pinned(&oldest.event) {
                retired.held = true;
                break;
            }
            retired.events = retired.events.saturating_add(1);
            retired.bytes = retired.bytes.saturating_add(oldest.bytes);
            self.remove_oldest();
        }
        retired.first = self.extent().first;
        Ok(retired)
    }

    fn exceeds(&self, policy: &Retention, now: Timestamp) -> bool {
        let Some(oldest) = self.events.front() else { return false };
        policy.age_max.is_some_and(|age| age_of(oldest.event.at, now) > age)
            || policy.bytes_max.is_some_and(|bytes| self.statistics.bytes > bytes)
            || policy.events_max.is_some_and(|events| wide(self.events.len()) > events)
    }

    fn is_pinned(&self, event: &Event) -> bool {
        let actor = self.actors.get(&event.actor);
        actor.is_some_and(|actor| event.seq > actor.released.max(actor.deleted))
    }

    fn remove_oldest(&mut self) {
        let Some(Stored { event, bytes }) = self.events.pop_front() else { return };
        self.retired = event.position;
        self.ids.remove(&event.id);
        self.statistics.bytes = self.statistics.bytes.saturating_sub(bytes);
        if let Some(actor) = self.actors.get_mut(&event.actor) {
            actor.positions.pop_front();
        }
    }

    pub(crate) fn pinned(&self) -> Result<Vec<Pin>, ReadError> {
        self.check_open()?;
        let oldest = self.events.front().filter(|oldest| self.is_pinned(&oldest.event));
        let pins = oldest.into_iter().map(|Stored { event, .. }| {
            let released = self.actors.get(&event.actor).map_or(Seq::ZERO, |actor| actor.released);
            Pin::new(event.actor.clone(), event.position, event.seq, released)
        });
        Ok(pins.take(PINS_MAX).collect())
    }

    pub(crate) fn verify(&self) -> Result<VerifyReport, ReadError> {
        self.check_open()?;
        let mut report = VerifyReport::default();
        let mut seqs: HashMap<&ActorName, Seq> = HashMap::new();
        let mut before = self.retired;
        for Stored { event, bytes } in &self.events {
            report.events = report.events.saturating_add(1);
            report.bytes = report.bytes.saturating_add(*bytes);
            if event.position != before.next() {
                report.add(VerifyFault::Position { before, found: event.position });
            }
            before = event.position;
            let last = seqs.insert(&event.actor, event.seq);
            if let Some(expected) = last.map(Seq::next).filter(|expected| *expected != event.seq) {
                report.add(VerifyFault::Seq {
                    actor: event.actor.clone(),
                    position: event.position,
                    expected,
                    found: event.seq,
                });
            }
        }
        Ok(report)
    }

    pub(crate) fn statistics(&self) -> Result<Statistics, ReadError> {
        self.check_open()?;
        let mut statistics = self.statistics;
        statistics.events = wide(self.events.len());
        statistics.actors = wide(self.actors.len());
        statistics.raw_bytes = statistics.bytes;
        statistics.segments = statistics.events;
        statistics.segments_unsealed = statistics.events;
        Ok(statistics)
    }
}

/// Some of the events a query finds.
pub(crate) struct Page {
    pub(crate) found: Vec<Event>,
    /// The first position that has not been looked at.
    pub(crate) next: Position,
}

impl Known for Core {
    type Error = Infallible;

    fn highest(&mut self, actor: &ActorName) -> Result<Seq, Infallible> {
        Ok(self.actors.get(actor).map_or(Seq::ZERO, |actor| actor.highest))
    }

    fn at(&mut self, actor: &ActorName, seq: Seq) -> Result<Option<(EventId, Placed)>, Infallible> {
        let position = self.actors.get(actor).and_then(|actor| actor.position(seq));
        let event = position.and_then(|position| self.get(position));
        Ok(event.map(|event| (event.id, place(event))))
    }

    fn find(&mut self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, Infallible> {
        let event = self.ids.get(&id).and_then(|position| self.get(*position));
        Ok(event.filter(|event| event.actor == *actor).map(place))
    }
}

fn place(event: &Event) -> Placed {
    Placed { position: event.position, seq: event.seq, at: event.at }
}

#[expect(clippy::arithmetic_side_effects, reason = "the difference of timestamps saturates")]
fn age_of(at: Timestamp, now: Timestamp) -> Duration {
    now - at
}
