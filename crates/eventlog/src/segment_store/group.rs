//! A group commit in the making: which requests are taken, and where their events go.

use std::collections::HashMap;

use steadfast_base::{EventId, Time, Timestamp};

use super::known::LogView;
use super::state::State;
use crate::append::{
    Append, AppendError, Appended, Completion, Decision, Known, Placed, Places, decide,
};
use crate::event::{ActorName, NewEvent, Position, Seq, to_micros};
use crate::format::bytes::{narrow, widen};
use crate::format::frame::Rows;
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

/// The requests that are stored together, and the places of their events.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) taken: Vec<Taken>,
    /// The places of all events, in the order of the requests.
    pub(super) places: Vec<Place>,
    /// The actors that the log does not know yet, which get the next numbers in this order.
    pub(super) new_actors: Vec<ActorName>,
    new_numbers: HashMap<ActorName, u32, NameHash>,
    /// The highest number of each actor with events in the group, by the actor's number.
    pending: Vec<Pending>,
    round: u32,
    /// The greatest id in the group.
    greatest: u128,
    /// The places of the first events, as far as another request asked for them.
    ids: HashMap<EventId, usize, NameHash>,
    indexed: usize,
}

/// A request whose events are in the group.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) events: Vec<NewEvent>,
    pub(super) reply: Option<Reply>,
}

impl Taken {
    /// What its events count against the limits.
    pub(super) fn size_bytes(&self) -> usize {
        self.events.iter().map(NewEvent::size_bytes).fold(0, usize::saturating_add)
    }
}

/// Where an event goes, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) placed: Placed,
    /// The number of the actor in the log.
    pub(super) actor: u32,
}

/// What an actor has in the group of this round.
#[derive(Clone, Copy, Debug, Default)]
struct Pending {
    round: u32,
    highest: Seq,
}

/// Some requests and the places of their events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces<'a> {
    pub(super) taken: &'a [Taken],
    pub(super) places: &'a [Place],
}

impl Pieces<'_> {
    /// Hands over each event with its place.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&NewEvent, &Place)) {
        let mut rest = self.places;
        for taken in self.taken {
            let (own, after) = rest.split_at_checked(taken.events.len()).unwrap_or_default();
            rest = after;
            for (event, place) in taken.events.iter().zip(own) {
                visit(event, place);
            }
        }
    }
}

impl Rows for Pieces<'_> {
    fn each(&self, mut row: impl FnMut(&NewEvent, Placed)) {
        self.for_each(|event, place| row(event, place.placed));
    }
}

/// The moment of a group: read when an event asks for it, and the same for all.
#[derive(Debug)]
pub(super) struct Now<'a> {
    time: &'a Time,
    read: Option<Timestamp>,
}

impl<'a> Now<'a> {
    pub(super) fn new(time: &'a Time) -> Self {
        Self { time, read: None }
    }

    fn get(&mut self) -> Timestamp {
        *self.read.get_or_insert_with(|| self.time.timestamp())
    }
}

impl Group {
    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.taken.clear();
        self.places.clear();
        self.new_actors.clear();
        self.new_numbers.clear();
        self.ids.clear();
        (self.indexed, self.greatest) = (0, 0);
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.pending.fill(Pending::default());
            self.round = 1;
        }
    }

    /// All of it.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces { taken: &self.taken, places: &self.places }
    }

    /// The position behind the last event, if there is one.
    pub(super) fn end(&self) -> Option<Position> {
        self.places.last().map(|place| place.placed.position.next())
    }

    /// Decides a request and gives its events their places, from `next` on.
    ///
    /// `None` if the events are in the group now, otherwise the answer and who waits for it.
    pub(super) fn decide(
        &mut self,
        request: Request,
        log: &mut LogView<'_>,
        next: Position,
        now: &mut Now<'_>,
    ) -> Option<(Reply, Result<Appended, AppendError>)> {
        let Request { append, reply } = request;
        let decision = decide(&append, &mut View { group: self, log });
        let Append { events, expected, .. } = append;
        let answer = match decision {
            Ok(Decision::Store) => {
                self.place(events, reply, log.state(), next, now);
                return None;
            }
            Ok(Decision::Duplicate(places)) => {
                Ok(Appended { places: Places::from(places), duplicate: true })
            }
            Ok(Decision::Conflict { actor, actual }) => {
                Err(AppendError::Conflict { actor, expected, actual, events })
            }
            Ok(Decision::Corrupted(id)) => Err(AppendError::CorruptedIdempotency { id, events }),
            Err(error) => {
                Err(AppendError::Unavailable { cause: std::sync::Arc::new(error), events })
            }
        };
        Some((reply, answer))
    }

    fn place(
        &mut self,
        events: Vec<NewEvent>,
        reply: Reply,
        state: &State,
        mut next: Position,
        now: &mut Now<'_>,
    ) {
        let mut last: Option<(&ActorName, u32)> = None;
        for event in &events {
            let actor = match last {
                Some((name, number)) if name.is_shared_with(&event.actor) => number,
                _ => self.number(&event.actor, state),
            };
            last = Some((&event.actor, actor));
            let seq = self.highest(actor, state).next();
            if self.pending.len() <= widen(actor) {
                self.pending.resize(widen(actor).saturating_add(1), Pending::default());
            }
            if let Some(pending) = self.pending.get_mut(widen(actor)) {
                *pending = Pending { round: self.round, highest: seq };
            }
            let at = to_micros(event.at.unwrap_or_else(|| now.get()));
            let placed = Placed { position: next, seq, at };
            self.places.push(Place { placed, actor });
            self.greatest = self.greatest.max(event.id.as_u128());
            next = next.next();
        }
        self.taken.push(Taken { events, reply: Some(reply) });
    }

    /// The number of an actor; one that is new gets the next.
    fn number(&mut self, actor: &ActorName, state: &State) -> u32 {
        if let Some(number) = self.known_number(actor, state) {
            return number;
        }
        let number = narrow(state.actors.len().saturating_add(self.new_actors.len()));
        self.new_actors.push(actor.clone());
        self.new_numbers.insert(actor.clone(), number);
        number
    }

    fn known_number(&self, actor: &ActorName, state: &State) -> Option<u32> {
        let known = state.actors.number(actor.as_str());
        known.or_else(|| self.new_numbers.get(actor).copied())
    }

    /// The highest number of an actor, with the events of the group.
    fn highest(&self, actor: u32, state: &State) -> Seq {
        match self.pending.get(widen(actor)) {
            Some(pending) if pending.round == self.round => pending.highest,
            _ => state.actors.highest(actor),
        }
    }

    /// The events with their places.
    fn events(&self) -> impl Iterator<Item = (&NewEvent, &Place)> {
        self.taken.iter().flat_map(|taken| &taken.events).zip(&self.places)
    }

    /// Makes the events of earlier requests findable by their ids.
    fn index(&mut self) {
        if self.indexed == self.places.len() {
            return;
        }
        let events = self.taken.iter().flat_map(|taken| &taken.events);
        let new = events.enumerate().skip(self.indexed);
        self.ids.extend(new.map(|(place, event)| (event.id, place)));
        self.indexed = self.places.len();
    }
}

/// What is known while a group is being made: the log, and the group itself.
struct View<'a, 'b> {
    group: &'a mut Group,
    log: &'a mut LogView<'b>,
}

impl Known for View<'_, '_> {
    type Error = ReadError;

    fn highest(&mut self, actor: &ActorName) -> Result<Seq, ReadError> {
        let state = self.log.state();
        let number = self.group.known_number(actor, state);
        Ok(number.map_or(Seq::ZERO, |number| self.group.highest(number, state)))
    }

    fn at(&mut self, actor: &ActorName, seq: Seq) -> Result<Option<(EventId, Placed)>, ReadError> {
        let number = self.group.known_number(actor, self.log.state());
        let pending = number.and_then(|number| self.group.pending.get(widen(number)));
        if pending.is_some_and(|one| one.round == self.group.round && one.highest >= seq) {
            let wanted = |place: &Place| place.placed.seq == seq && Some(place.actor) == number;
            let found = self.group.events().find(|(_, place)| wanted(place));
            if let Some((event, place)) = found {
                return Ok(Some((event.id, place.placed)));
            }
        }
        self.log.at(actor, seq)
    }

    fn find(&mut self, actor: &ActorName, id: EventId) -> Result<Option<Placed>, ReadError> {
        if id.as_u128() <= self.group.greatest {
            self.group.index();
            let number = self.group.known_number(actor, self.log.state());
            let place = self.group.ids.get(&id).and_then(|place| self.group.places.get(*place));
            if let Some(place) = place.filter(|place| Some(place.actor) == number) {
                return Ok(Some(place.placed));
            }
        }
        self.log.find(actor, id)
    }
}
