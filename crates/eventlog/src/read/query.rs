//! What is to be read: conditions that all must hold, a direction and a limit.

use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use steadfast_base::{CorrelationId, EventId, Limit, LimitExceeded, Timestamp};

use crate::event::{ActorName, Event, EventKind, Position, Seq};
use crate::limits;

/// Which events to read, in which direction, and how many at most.
///
/// All conditions must hold. Events come in the order of their positions, or against it. Ranges that
/// hold nothing and a limit of 0 are no error: they read nothing.
///
/// | Condition | Default |
/// |---|---|
/// | positions, sequence numbers, time | all |
/// | actors, kinds | any |
/// | correlation, event id | any |
/// | direction | forward |
/// | limit | none |
///
/// # Example
///
/// ```
/// use steadfast_eventlog::{Query, Seq};
///
/// let last_five_of_ten = Query::actor("acc-42").seqs(Seq::FIRST..=Seq::new(10)).backward().limit(5);
/// assert_eq!(last_five_of_ten.limit, Some(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Query {
    /// The first position that may be read.
    pub from: Position,
    /// The last position that may be read.
    pub to: Position,
    /// Whose events; of all if empty.
    pub actors: Vec<ActorName>,
    /// The first sequence number that may be read, of each actor.
    pub seq_from: Seq,
    /// The last sequence number that may be read, of each actor.
    pub seq_to: Seq,
    /// The earliest time.
    pub at_from: Timestamp,
    /// The time before which events must be; `None` for no such time.
    pub at_before: Option<Timestamp>,
    /// The piece of work they belong to.
    pub correlation: Option<CorrelationId>,
    /// The one event that is looked for.
    pub id: Option<EventId>,
    /// Of which kinds; of all if empty.
    pub kinds: Vec<EventKind>,
    /// In which order.
    pub direction: Direction,
    /// How many events at most; `None` for all.
    pub limit: Option<u64>,
}

/// In which order events are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The oldest first.
    #[default]
    Forward,
    /// The newest first.
    Backward,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            from: Position::ZERO,
            to: Position::MAX,
            actors: Vec::new(),
            seq_from: Seq::ZERO,
            seq_to: Seq::MAX,
            at_from: Timestamp::UNIX_EPOCH,
            at_before: None,
            correlation: None,
            id: None,
            kinds: Vec::new(),
            direction: Direction::Forward,
            limit: None,
        }
    }
}

impl Query {
    /// Every event, the oldest first.
    pub fn all() -> Self {
        Self::default()
    }

    /// The events of one actor.
    pub fn actor(actor: impl Into<ActorName>) -> Self {
        Self { actors: vec![actor.into()], ..Self::default() }
    }

    /// The events of one piece of work.
    pub fn correlation(id: CorrelationId) -> Self {
        Self { correlation: Some(id), ..Self::default() }
    }

    /// The event with this id.
    pub fn event(id: EventId) -> Self {
        Self { id: Some(id), ..Self::default() }
    }

    /// The events of one kind.
    pub fn kind(kind: EventKind) -> Self {
        Self { kinds: vec![kind], ..Self::default() }
    }

    /// The events at `from` or later, and before `before`.
    pub fn between(from: Timestamp, before: Timestamp) -> Self {
        Self { at_from: from, at_before: Some(before), ..Self::default() }
    }

    /// Also asks that events be of one of these actors.
    #[must_use]
    pub fn actors<A: Into<ActorName>>(mut self, actors: impl IntoIterator<Item = A>) -> Self {
        self.actors = actors.into_iter().map(Into::into).collect();
        self
    }

    /// Also asks that events be of one of these kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Also asks that events belong to this piece of work.
    #[must_use]
    pub fn of_correlation(mut self, id: CorrelationId) -> Self {
        self.correlation = Some(id);
        self
    }

    /// Also asks that events be at `from` or later, and before `before`.
    #[must_use]
    pub fn during(mut self, from: Timestamp, before: Timestamp) -> Self {
        (self.at_from, self.at_before) = (from, Some(before));
        self
    }

    /// Also asks for these positions.
    #[must_use]
    pub fn positions(mut self, range: impl RangeBounds<Position>) -> Self {
        let bounds = (number(range.start_bound()), number(range.end_bound()));
        let (from, to) = inclusive(bounds);
        (self.from, self.to) = (Position::new(from), Position::new(to));
        self
    }

    /// Also asks for these sequence numbers of each actor.
    #[must_use]
    pub fn seqs(mut self, range: impl RangeBounds<Seq>) -> Self {
        let bounds = (number(range.start_bound()), number(range.end_bound()));
        let (from, to) = inclusive(bounds);
        (self.seq_from, self.seq_to) = (Seq::new(from), Seq::new(to));
        self
    }

    /// Reads the newest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// Reads at most this many events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }

    /// Whether an event meets all conditions; direction and limit play no part.
    pub fn matches(&self, event: &Event) -> bool {
        (self.from..=self.to).contains(&event.position)
            && (self.seq_from..=self.seq_to).contains(&event.seq)
            && event.at >= self.at_from
            && self.at_before.is_none_or(|before| event.at < before)
            && self.id.is_none_or(|id| event.id == id)
            && self.correlation.is_none_or(|id| event.correlation == Some(id))
            && (self.actors.is_empty() || self.actors.contains(&event.actor))
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
    }

    /// Whether anything but positions is asked of events.
    pub(crate) fn is_filtered(&self) -> bool {
        let any = self.seq_from <= Seq::FIRST
            && self.seq_to == Seq::MAX
            && self.at_from == Timestamp::UNIX_EPOCH
            && self.at_before.is_none();
        let all = self.id.is_none() && self.correlation.is_none();
        !(any && all && self.actors.is_empty() && self.kinds.is_empty())
    }

    /// Lets the query pass if it names no more than a store is ready to keep in mind.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`] if it names more than [`limits::QUERY_NAMES_MAX`] actors and kinds.
    pub fn check(&self) -> Result<(), LimitExceeded> {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let names = self.actors.len().saturating_add(self.kinds.len());
        Limit::new("query_names_max", wide(limits::QUERY_NAMES_MAX)).check(wide(names))
    }
}

/// A bound over any sort of number as one over plain ones.
fn number<N: Copy + Into<u64>>(bound: Bound<&N>) -> Bound<u64> {
    bound.map(|number| (*number).into())
}

/// The first and last number of a range; an empty range becomes one whose last is below its first.
fn inclusive(bounds: (Bound<u64>, Bound<u64>)) -> (u64, u64) {
    let empty = (u64::MAX, 0);
    let from = match bounds.0 {
        Bound::Included(from) => from,
        Bound::Excluded(u64::MAX) => return empty,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match bounds.1 {
        Bound::Included(to) => to,
        Bound::Excluded(0) => return empty,
        Bound::Excluded(after) => after.saturating_sub(1),
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}
