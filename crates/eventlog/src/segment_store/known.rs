//! What the log itself knows of an actor's events: the question behind every append.

use std::ops::ControlFlow;
use std::sync::RwLockReadGuard;

use steadfast_base::EventId;

use super::fetch::{FrameAt, Piece, fetch};
use super::shared::Shared;
use super::state::{Segment, State};
use crate::append::Placed;
use crate::event::{ActorName, Event, Seq};
use crate::format::Scratch;
use crate::format::frame::{Names, decode_events};
use crate::read::{Query, ReadError};

/// The log as it is, with what reading it needs.
#[derive(Debug)]
pub(super) struct LogView<'a> {
    shared: &'a Shared,
    /// `None` only while it is exchanged.
    state: Option<RwLockReadGuard<'a, State>>,
    names: &'a mut Names,
    scratch: &'a mut Scratch,
}

impl<'a> LogView<'a> {
    pub(super) fn new(shared: &'a Shared, names: &'a mut Names, scratch: &'a mut Scratch) -> Self {
        Self { shared, state: Some(shared.peek_state()), names, scratch }
    }

    pub(super) fn state(&self) -> &State {
        self.state.as_deref().expect("a state is exchanged for another at once")
    }

    /// Has the indexes know of every event.
    fn settle(&mut self) {
        if !self.state().is_settled() {
            self.state = None;
            self.state = Some(self.shared.read_state());
        }
    }

    /// Forgets what was loaded and not used for long; not while the state is looked at.
    fn trim(&mut self) {
        if self.shared.loaded.bytes() > self.shared.config.sealed_index_bytes {
            self.state = None;
            self.shared.trim_loaded();
            self.state = Some(self.shared.peek_state());
        }
    }

    /// The event of an actor with this number, if it can still be read.
    pub(super) fn at(
        &mut self,
        actor: &ActorName,
        seq: Seq,
    ) -> Result<Option<(EventId, Placed)>, ReadError> {
        self.trim();
        self.settle();
        let Self { state: Some(state), names, scratch, .. } = self else { return Ok(None) };
        if seq <= state.deleted(actor.as_str()) {
            return Ok(None);
        }
        let tail = state.tail.iter().rev();
        let mut tail = tail.filter(|event| event.seq == seq && event.actor == *actor);
        if let Some(event) = tail.next() {
            return Ok(Some(identify(event)));
        }
        let query = Query::actor(actor.clone()).seqs(seq..=seq);
        for segment in state.segments.values().rev() {
            if let Some(sealed) = &segment.sealed {
                match sealed.row(actor.as_str(), seq) {
                    Some(row) => return sealed.identify(row).map(Some),
                    None => continue,
                }
            }
            let frames = segment.index.frames_of_actor(actor.as_str(), seq, seq);
            if let Some(event) = first_of(segment, &frames, &query, names, scratch)? {
                return Ok(Some(identify(&event)));
            }
        }
        Ok(None)
    }

    /// Where the actor's event with this id stands.
    pub(super) fn find(
        &mut self,
        actor: &ActorName,
        id: EventId,
    ) -> Result<Option<Placed>, ReadError> {
        self.trim();
        if self.state().may_be_behind_with(id) {
            self.settle();
        }
        let Self { state: Some(state), names, scratch, .. } = self else { return Ok(None) };
        for segment in state.segments_that_may_contain(id) {
            if let Some(sealed) = &segment.sealed {
                let found = sealed.find(actor, id)?;
                if found.is_some_and(|found| found.seq > state.deleted(actor.as_str())) {
                    return Ok(found);
                }
                continue;
            }
            if !segment.index.may_contain(id) {
                continue;
            }
            let frames = segment.index.frames_of_actor(actor.as_str(), Seq::ZERO, Seq::MAX);
            let query = Query::event(id).actors([actor.clone()]);
            let found = first_of(segment, &frames, &query, names, scratch)?;
            let found = found.filter(|event| event.seq > state.deleted(actor.as_str()));
            if let Some(event) = found {
                return Ok(Some(identify(&event).1));
            }
        }
        Ok(None)
    }
}

/// The newest event that a query finds in some frames of a segment.
fn first_of(
    segment: &Segment,
    frames: &[u32],
    query: &Query,
    names: &mut Names,
    scratch: &mut Scratch,
) -> Result<Option<Event>, ReadError> {
    for frame in frames.iter().rev() {
        let Some(at) = FrameAt::of(segment, *frame) else { continue };
        let mut found = None;
        let fetched = fetch(std::slice::from_ref(&at), &mut Piece::default(), None, |frame| {
            frame.check()?;
            let events = decode_events(&frame.bytes, query, names, scratch);
            found = events.map_err(|error| frame.damaged(error))?.into_iter().next();
            Ok(ControlFlow::Break(()))
        });
        fetched.map_err(|(error, _)| error)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn identify(event: &Event) -> (EventId, Placed) {
    (event.id, Placed { position: event.position, seq: event.seq, at: event.at })
}
