//! A group commit in the making: which requests are taken, and where their events go.

use std::collections::HashMap;

use steadfast_base::{EventId, Timestamp};

use super::known::LogView;
use crate::append::{
    Append, AppendError, Appended, Completion, Decision, Known, Placed, Places, decide,
};
use crate::event::{ActorName, NewEvent, Position, Seq, to_micros};
use crate::read::ReadError;

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) completion: Completion,
}

/// The requests that are stored together, and their events with their places.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) events: Vec<(NewEvent, Placed)>,
    pub(super) taken: Vec<Taken>,
    actors: HashMap<ActorName, Pending>,
}

/// A request whose events are in the group.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) count: usize,
    pub(super) completion: Completion,
}

/// What the group adds to an actor.
#[derive(Debug, Default)]
struct Pending {
    highest: Seq,
    events: Vec<(EventId, Placed)>,
}

impl Group {
    /// Decides a request and gives its events their places, from `next` on.
    ///
    /// `Ok(Ok(count))` if the events are in the group now, `Ok(Err(..))` if the answer is known already.
    pub(super) fn decide(
        &mut self,
        append: Append,
        log: &mut LogView<'_>,
        next: Position,
        now: Timestamp,
    ) -> Result<usize, Result<Appended, AppendError>> {
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

    fn place(
        &mut self,
        events: Vec<NewEvent>,
        log: &LogView<'_>,
        mut next: Position,
        now: Timestamp,
    ) -> usize {
        let count = events.len();
        for event in events {
            let known = log.state.highest(&event.actor);
            if !self.actors.contains_key(&event.actor) {
                let pending = Pending { highest: known, events: Vec::new() };
                self.actors.insert(event.actor.clone(), pending);
            }
            let Some(actor) = self.actors.get_mut(&event.actor) else { continue };
            let at = to_micros(event.at.unwrap_or(now));
            let placed = Placed { position: next, seq: actor.highest.next(), at };
            actor.highest = placed.seq;
            actor.events.push((event.id, placed));
            next = next.next();
            self.events.push((event, placed));
        }
        count
    }

    /// The answers to all requests in the group, in their order, given what became of it.
    pub(super) fn answer(
        &mut self,
        mut answer: impl FnMut(Vec<(NewEvent, Placed)>) -> Result<Appended, AppendError>,
    ) {
        let mut events = self.events.drain(..);
        for taken in self.taken.drain(..) {
            let own: Vec<(NewEvent, Placed)> = events.by_ref().take(taken.count).collect();
            taken.completion.complete(answer(own));
        }
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
        Ok(pending.map_or_else(|| self.log.state.highest(actor), |pending| pending.highest))
    }

    fn at(&mut self, actor: &ActorName, seq: Seq) -> Result<Option<(EventId, Placed)>, ReadError> {
        let pending = self.group.actors.get(actor).into_iter();
        let mut pending = pending.flat_map(|pending| &pending.events);
        match pending.find(|(_, placed)| placed.seq == seq) {
            Some(found) => Ok(Some(*found)),
            None => self.log.at(actor, seq),
        }
    }

    fn find(&mut self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, ReadError> {
        let pending = self.group.actors.get(actor).into_iter();
        let mut pending = pending.flat_map(|pending| &pending.events);
        match pending.find(|(known, _)| *known == id) {
            Some((_, placed)) => Ok(Some(*placed)),
            None => self.log.find(actor, id),
        }
    }
}
