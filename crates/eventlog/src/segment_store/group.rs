//! A group commit in the making: which requests are taken, and where their events go.

use std::collections::HashMap;

use steadfast_base::{EventId, Timestamp};

use super::known::LogView;
use crate::append::{
    Append, AppendError, Appended, Completion, Decision, Known, Placed, Places, decide,
};
use crate::event::{ActorName, NewEvent, Position, Seq, to_micros};
use crate::hash::NameHash;
use crate::read::ReadError;

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) reply: Reply,
}

/// Where the answer to a request goes.
#[derive(Debug)]
pub(super) enum Reply {
    /// To whoever waits for it.
    Later(Completion),
    /// Back to the caller, who does the work himself.
    Here,
}

/// The requests that are stored together, and their events with their places.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) events: Vec<(NewEvent, Placed)>,
    pub(super) taken: Vec<Taken>,
    /// The highest number of each actor with events in the group.
    actors: HashMap<ActorName, Seq, NameHash>,
    /// The places of the first events in `events`, as far as another request asked for them.
    ids: HashMap<EventId, usize, NameHash>,
    indexed: usize,
}

/// A request whose events are in the group.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) count: usize,
    pub(super) reply: Reply,
}

impl Group {
    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.taken.clear();
        self.actors.clear();
        self.ids.clear();
        self.indexed = 0;
    }

    /// Decides a request and gives its events their places, from `next` on.
    ///
    /// `Ok(count)` if the events are in the group now, `Err(..)` if the answer is known already.
    pub(super) fn decide(
        &mut self,
        append: Append,
        log: &mut LogView<'_>,
        next: Position,
        now: Timestamp,
    ) -> Result<usize, Result<Appended, AppendError>> {
        self.index();
        let decision = decide(&append, &mut View { group: self, log });
        let Append { events, expected, .. } = append;
        match decision {
            Ok(Decision::Store) => Ok(self.place(events, log, next, now)),
            Ok(Decision::Duplicate(places)) => {
                Err(Ok(Appended { places: Places::from(places), duplicate: true }))
            }
            Ok(Decision::Conflict { actor, actual }) => {
                Err(Err(AppendError::Conflict { actor, expected, actual, events }))
            }
            Ok(Decision::Corrupted(id)) => {
                Err(Err(AppendError::CorruptedIdempotency { id, events }))
            }
            Err(error) => {
                let cause = std::sync::Arc::new(error);
                Err(Err(AppendError::Unavailable { cause, events }))
            }
        }
    }

    /// Makes the events of earlier requests findable by their ids.
    fn index(&mut self) {
        let new = self.events.iter().enumerate().skip(self.indexed);
        self.ids.extend(new.map(|(place, (event, _))| (event.id, place)));
        self.indexed = self.events.len();
    }

    fn place(
        &mut self,
        events: Vec<NewEvent>,
        log: &LogView<'_>,
        mut next: Position,
        now: Timestamp,
    ) -> usize {
        let count = events.len();
        for event in events {
            let seq = if let Some(highest) = self.actors.get_mut(&event.actor) {
                *highest = highest.next();
                *highest
            } else {
                let seq = log.state.highest(&event.actor).next();
                self.actors.insert(event.actor.clone(), seq);
                seq
            };
            let at = to_micros(event.at.unwrap_or(now));
            self.events.push((event, Placed { position: next, seq, at }));
            next = next.next();
        }
        count
    }
}

/// What is known while a group is being made: the log, and the group itself.
struct View<'a, 'b> {
    group: &'a Group,
    log: &'a mut LogView<'b>,
}

impl Known for View<'_, '_> {
    type Error = ReadError;

    fn highest(&mut self, actor: &ActorName) -> Result<Seq, ReadError> {
        let pending = self.group.actors.get(actor);
        Ok(pending.copied().unwrap_or_else(|| self.log.state.highest(actor)))
    }

    fn at(&mut self, actor: &ActorName, seq: Seq) -> Result<Option<(EventId, Placed)>, ReadError> {
        if self.group.actors.get(actor).is_some_and(|highest| *highest >= seq) {
            let mut pending = self.group.events.iter().rev();
            let found = pending.find(|(event, placed)| placed.seq == seq && event.actor == *actor);
            if let Some((event, placed)) = found {
                return Ok(Some((event.id, *placed)));
            }
        }
        self.log.at(actor, seq)
    }

    fn find(&mut self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, ReadError> {
        let pending = self.group.ids.get(&id).and_then(|place| self.group.events.get(*place));
        match pending.filter(|(event, _)| event.actor == *actor) {
            Some((_, placed)) => Ok(Some(*placed)),
            None => self.log.find(actor, id),
        }
    }
}
