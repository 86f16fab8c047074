//! Where a replay stops by itself: before the turn or event that matches.

use std::{fmt, sync::Arc};

use steadfast_base::Timestamp;
use steadfast_eventlog::{ActorName, Event, EventKind, Position};

use super::Last;
use crate::record::recording_of;

/// The next thing that a replay is going to play.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upcoming<'a> {
    /// The event of the turn, or the event to be folded.
    pub event: &'a Event,
    /// How many were played before it.
    pub step: u64,
    /// The one that was played last.
    pub last: Option<&'a Last>,
}

/// Stops a replay before each turn or event that matches.
///
/// Run on from there, it passes that one and stops before the next that matches. One of a
/// [`position`](Self::position) or a [`time`](Self::time) matches once on the way there, and again on the way
/// there after a way back.
///
/// # Example
///
/// ```
/// use steadfast_sourcing::replay::Breakpoint;
///
/// let large = Breakpoint::when("a large event", |next| next.event.payload.bytes().len() > 1_000);
/// assert_eq!(large.name(), "a large event");
/// ```
#[derive(Clone)]
pub struct Breakpoint {
    name: String,
    matches: Arc<dyn Fn(&Upcoming<'_>) -> bool + Send + Sync>,
}

impl Breakpoint {
    /// Before each one of which `matches` says so. The name is for people.
    pub fn when(
        name: impl Into<String>,
        matches: impl Fn(&Upcoming<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), matches: Arc::new(matches) }
    }

    /// Before each turn of the actor with this path.
    #[must_use]
    pub fn actor(path: &str) -> Self {
        let actor = recording_of(path);
        Self::when(format!("actor {path}"), move |next| next.event.actor == actor)
    }

    /// Before one turn of the actor with this path.
    #[must_use]
    pub fn turn(path: &str, turn: u64) -> Self {
        let actor = recording_of(path);
        let matches =
            move |next: &Upcoming<'_>| next.event.actor == actor && next.event.turn == turn;
        Self::when(format!("turn {turn} of {path}"), matches)
    }

    /// Before each event of an event-sourced actor.
    #[must_use]
    pub fn entity(name: impl Into<ActorName>) -> Self {
        let actor = name.into();
        Self::when(format!("entity {actor}"), move |next| next.event.actor == actor)
    }

    /// Before each one of a kind.
    #[must_use]
    pub fn kind(kind: EventKind) -> Self {
        Self::when(format!("kind {kind}"), move |next| next.event.kind == kind)
    }

    /// Before the first one at this position or behind it.
    #[must_use]
    pub fn position(position: Position) -> Self {
        let is_behind = move |next: &Upcoming<'_>| {
            next.event.position >= position && next.last.is_none_or(|last| last.position < position)
        };
        Self::when(format!("position {position}"), is_behind)
    }

    /// Before the first one at this time or later.
    #[must_use]
    pub fn time(at: Timestamp) -> Self {
        let is_later = move |next: &Upcoming<'_>| {
            next.event.at >= at && next.last.is_none_or(|last| last.at < at)
        };
        Self::when(format!("time {at}"), is_later)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn matches(&self, next: &Upcoming<'_>) -> bool {
        (self.matches)(next)
    }
}

impl fmt::Debug for Breakpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breakpoint").field(&self.name).finish()
    }
}
