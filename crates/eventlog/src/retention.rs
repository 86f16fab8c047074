//! What may be removed from the oldest end of a log, and what stands in the way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{ActorName, Position, Seq};

/// How much of a log is kept; what goes beyond any of the maxima may be removed, the oldest first.
///
/// | Field | Default |
/// |---|---|
/// | `age_max` | none: kept for ever |
/// | `bytes_max` | none |
/// | `events_max` | none |
/// | `unreleased` | [`Unreleased::Keep`] |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_eventlog::Retention;
///
/// let retention = Retention::default().with_age_max(Duration::from_hours(24 * 30));
/// assert_eq!(retention.events_max, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Retention {
    /// Events older than this by the store's clock may go.
    pub age_max: Option<Duration>,
    /// Events beyond this many bytes, counted from the newest as the store keeps them, may go.
    pub bytes_max: Option<u64>,
    /// Events beyond this many, counted from the newest, may go.
    pub events_max: Option<u64>,
    /// Whether events that nobody has released may go.
    pub unreleased: Unreleased,
}

impl Retention {
    /// Sets the greatest age.
    #[must_use]
    pub fn with_age_max(mut self, age: Duration) -> Self {
        self.age_max = Some(age);
        self
    }

    /// Sets the greatest size.
    #[must_use]
    pub fn with_bytes_max(mut self, bytes: u64) -> Self {
        self.bytes_max = Some(bytes);
        self
    }

    /// Sets the greatest number of events.
    #[must_use]
    pub fn with_events_max(mut self, events: u64) -> Self {
        self.events_max = Some(events);
        self
    }

    /// Sets what becomes of events that nobody has released.
    #[must_use]
    pub fn with_unreleased(mut self, unreleased: Unreleased) -> Self {
        self.unreleased = unreleased;
        self
    }
}

/// What retention does with events that are neither released nor deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unreleased {
    /// Keeps them and everything behind them: nothing is lost that a recovery may need.
    #[default]
    Keep,
    /// Removes them: for logs that are read by people only, from which nothing recovers.
    Remove,
}

/// Who keeps the oldest piece of a log from being removed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The actor whose events are not released.
    pub actor: ActorName,
    /// The position of its first such event in that piece.
    pub position: Position,
    /// The number up to which its events would have to be released.
    pub needed: Seq,
    /// The number up to which they are.
    pub released: Seq,
}

impl Pin {
    /// A pin with these numbers.
    pub fn new(actor: ActorName, position: Position, needed: Seq, released: Seq) -> Self {
        Self { actor, position, needed, released }
    }
}

/// What a run of retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// How many events.
    pub events: u64,
    /// How many bytes, as the store kept them.
    pub bytes: u64,
    /// The first position that is left.
    pub first: Position,
    /// Whether an unreleased event kept more from being removed.
    pub held: bool,
}

impl Retired {
    /// A run that removed this much.
    pub fn new(events: u64, bytes: u64, first: Position, held: bool) -> Self {
        Self { events, bytes, first, held }
    }
}
