//! What plays the events of one actor: the seam between the controller and the kinds of actors.

use std::{any::Any, sync::Arc};

use serde_json::Value;

use steadfast_eventlog::Event;

use super::{Difference, ReplayError, StateDifference};
use crate::record::{Gap, Sent, ValueHash, opened::Opened};

/// What is played at once: an event, and those that were appended with it and belong to it.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) event: Event,
    /// The outputs of a turn.
    pub(crate) sent: Vec<Event>,
    /// The state after it, where it was kept.
    pub(crate) kept: Option<Event>,
}

/// What playing came to.
#[derive(Debug)]
pub(crate) enum Played {
    /// A turn was run, or an event folded.
    Turn,
    /// Nothing was run: the event is about the recording, not a part of it.
    Aside,
    /// The turn could not be run: there is no state for it to begin with.
    Blind,
    /// Turns are missing here.
    Gap(Gap),
    /// It parted from the record.
    Differs(Difference, Vec<StateDifference>),
}

/// What another player needs to take the place of one: all but the state.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) opened: Opened,
    pub(crate) words_drawn: u64,
    pub(crate) incarnation: u32,
}

/// A state in memory, to come back to.
pub(crate) type Saved = Arc<dyn Any + Send + Sync>;

/// Plays the events of one actor.
pub(crate) trait Player: Send {
    /// Plays the next unit.
    fn play(&mut self, unit: &Unit) -> Result<Played, ReplayError>;

    /// Whether this unit would be a turn, not an aside.
    fn is_turn(&self, event: &Event) -> bool;

    /// The state, if it can be kept now.
    fn save(&mut self) -> Option<Saved>;

    /// Goes back to a state.
    fn load(&mut self, saved: &Saved);

    /// The hash of the state, if states are hashed.
    fn state_hash(&self) -> Option<ValueHash>;

    /// The state as a tree, if states are hashed.
    fn state_tree(&self) -> Option<Value>;

    /// The state itself.
    fn state(&self) -> Option<&dyn Any>;

    /// What another player needs to take this one's place; none if it has nothing to go on from.
    fn fork(&self) -> Option<Fork>;

    /// Puts another message in the place of the one of a turn; false if it is none for this actor.
    fn replace(&mut self, turn: u64, message: Box<dyn Any + Send>) -> bool;

    /// Goes on behind differences, and keeps what is given out.
    fn explore(&mut self);

    /// What the last turn gave out, where it is kept.
    fn found(&self) -> &[Sent];
}
