//! What an append comes to: the pure decision every store takes.

use std::collections::{HashMap, HashSet};

use steadfast_base::{EventId, Limit, LimitExceeded};

use super::{Append, AppendError, Expected, Placed, Rejection};
use crate::event::{ActorName, NewEvent, Seq};
use crate::hash::NameHash;
use crate::limits;

/// What a store knows of its actors, events under way included.
pub trait Known {
    /// Why it may not be able to tell.
    type Error;

    /// The highest sequence number an actor ever had; 0 if it is unknown.
    ///
    /// # Errors
    ///
    /// If the store cannot tell.
    fn highest(&mut self, actor: &ActorName) -> Result<Seq, Self::Error>;

    /// The event with this number, if it can still be read.
    ///
    /// # Errors
    ///
    /// If the store cannot tell.
    fn at(&mut self, actor: &ActorName, seq: Seq)
    -> Result<Option<(EventId, Placed)>, Self::Error>;

    /// Where the actor's event with this id stands; as far back as the store remembers.
    ///
    /// # Errors
    ///
    /// If the store cannot tell.
    fn find(&mut self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, Self::Error>;
}

/// What to do with an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Store the events.
    Store,
    /// An earlier try stored them, here.
    Duplicate(Vec<Placed>),
    /// An actor is not where it was expected to be.
    Conflict {
        /// The actor.
        actor: ActorName,
        /// Its highest sequence number.
        actual: Seq,
    },
    /// Some of the events are stored, this one is not.
    Corrupted(EventId),
}

/// Decides by expectation and event ids, as `KurrentDB` does.
///
/// | Expected | Situation | Decision |
/// |---|---|---|
/// | exact | all actors are there | store |
/// | exact | all are further on, with the same ids at the places these would have got | duplicate |
/// | exact | the first id is another one, or an actor is not that far | conflict |
/// | exact | a later id is another one, or only some actors are further on | corrupted |
/// | any | the first id is not found | store |
/// | any | all ids are found | duplicate |
/// | any | the first id is found, a later one is not | corrupted |
/// | stream exists | an actor is unknown | conflict, else as any |
///
/// Source: `KurrentDB`, `IndexWriter.CheckCommit`.
///
/// # Errors
///
/// If `known` cannot tell.
pub fn decide<K: Known>(append: &Append, known: &mut K) -> Result<Decision, K::Error> {
    match append.expected.exact() {
        Some(seq) => decide_exact(&append.events, seq, known),
        None => decide_loose(&append.events, append.expected, known),
    }
}

fn decide_exact<K: Known>(
    events: &[NewEvent],
    expected: Seq,
    known: &mut K,
) -> Result<Decision, K::Error> {
    // The highest number of each actor, and the one its last event would have got: that of the event before,
    // and of those before it where there are several.
    let mut current: Option<(&ActorName, Seq, Seq)> = None;
    let mut others: HashMap<&ActorName, (Seq, Seq)> = HashMap::new();
    let mut stored = Vec::new();
    let mut missing = None;
    for event in events {
        let (actual, seq) = match current {
            Some((actor, actual, last)) if *actor == event.actor => (actual, last.next()),
            before => {
                others.extend(before.map(|(actor, actual, last)| (actor, (actual, last))));
                match others.get(&event.actor) {
                    Some((actual, last)) => (*actual, last.next()),
                    None => (known.highest(&event.actor)?, expected.next()),
                }
            }
        };
        current = Some((&event.actor, actual, seq));
        let conflict = || Decision::Conflict { actor: event.actor.clone(), actual };
        if actual < expected {
            return Ok(conflict());
        }
        let found = if seq > actual { None } else { known.at(&event.actor, seq)? };
        match found {
            Some((id, placed)) if id == event.id => stored.push(placed),
            _ if seq <= actual && stored.is_empty() => return Ok(conflict()),
            _ => missing = missing.or(Some(event.id)),
        }
    }
    Ok(match (stored.is_empty(), missing) {
        (true, _) => Decision::Store,
        (false, None) => Decision::Duplicate(stored),
        (false, Some(id)) => Decision::Corrupted(id),
    })
}

fn decide_loose<K: Known>(
    events: &[NewEvent],
    expected: Expected,
    known: &mut K,
) -> Result<Decision, K::Error> {
    if expected == Expected::StreamExists {
        for event in events {
            if known.highest(&event.actor)? == Seq::ZERO {
                return Ok(Decision::Conflict { actor: event.actor.clone(), actual: Seq::ZERO });
            }
        }
    }
    let mut stored = Vec::new();
    for event in events {
        match known.find(&event.actor, event.id)? {
            Some(placed) => stored.push(placed),
            None if stored.is_empty() => return Ok(Decision::Store),
            None => return Ok(Decision::Corrupted(event.id)),
        }
    }
    Ok(if stored.is_empty() { Decision::Store } else { Decision::Duplicate(stored) })
}

impl Append {
    /// Lets the request pass if it is within all limits and makes sense.
    ///
    /// Every store checks this first. `event_bytes_max` is the configured size of an event, by default
    /// [`limits::EVENT_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// [`AppendError::TooLarge`] or [`AppendError::Rejected`], for the whole request.
    pub fn check(self, event_bytes_max: usize) -> Result<Self, AppendError> {
        if let Err(exceeded) = check_sizes(&self.events, event_bytes_max) {
            return Err(AppendError::TooLarge { exceeded, events: self.events });
        }
        match check_sense(&self.events) {
            Err(reason) => Err(AppendError::Rejected { reason, events: self.events }),
            Ok(()) => Ok(self),
        }
    }
}

fn check_sizes(events: &[NewEvent], event_bytes_max: usize) -> Result<(), LimitExceeded> {
    within("batch_events_max", limits::BATCH_EVENTS_MAX, events.len())?;
    let mut total: usize = 0;
    for event in events {
        within("actor_bytes_max", limits::ACTOR_BYTES_MAX, event.actor.as_str().len())?;
        let type_name = event.payload.type_name().as_str();
        within("type_name_bytes_max", limits::TYPE_NAME_BYTES_MAX, type_name.len())?;
        within("kind_name_bytes_max", limits::KIND_NAME_BYTES_MAX, event.kind.name().len())?;
        within("event_bytes_max", event_bytes_max, event.size_bytes())?;
        total = total.saturating_add(event.size_bytes());
    }
    within("batch_bytes_max", limits::BATCH_BYTES_MAX.max(event_bytes_max), total)
}

fn within(name: &'static str, max: usize, asked: usize) -> Result<(), LimitExceeded> {
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Limit::new(name, wide(max)).check(wide(asked))
}

fn check_sense(events: &[NewEvent]) -> Result<(), Rejection> {
    for event in events {
        let names = [
            ("actor", event.actor.as_str()),
            ("type", event.payload.type_name().as_str()),
            ("kind", event.kind.name()),
        ];
        if let Some((what, _)) = names.into_iter().find(|(_, name)| name.is_empty()) {
            return Err(Rejection::EmptyName { what });
        }
        if event.id.as_u128() == 0 {
            return Err(Rejection::NilId);
        }
    }
    // Ids of one source rise, so the set is seldom needed.
    if events.is_sorted_by(|one, next| one.id < next.id) {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity_and_hasher(events.len(), NameHash::default());
    match events.iter().find(|event| !seen.insert(event.id)) {
        Some(event) => Err(Rejection::DuplicateId(event.id)),
        None => Ok(()),
    }
}
