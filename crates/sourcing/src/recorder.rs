//! The seam for whoever writes down what entities are given and make of it.

use std::fmt;

use steadfast_eventlog::{ActorName, Payload, Placed};

use crate::{EventSourced, TurnInputs};

/// Is told of each turn of an entity: the command, all that `decide` was given, and what came of it.
///
/// Set with `EntitiesBuilder::recorder`; without one, nothing is encoded or copied. Both calls run on the
/// entity's task, between two turns: they must not block.
///
/// To give a recorded turn again, build its context with [`Decide::replay`](crate::Decide::replay).
/// A recorder that writes to the same log must use names of actors other than the entity's: its numbers are
/// counted.
pub trait TurnRecorder<S: EventSourced>: Send + Sync + fmt::Debug {
    /// Encodes a command that is about to be decided upon; `None` if this turn is not to be recorded.
    fn begin(&self, actor: &ActorName, command: &S::Command) -> Option<Payload>;

    /// Takes a turn that is over. Not called if `decide` panicked.
    fn end(&self, turn: Turn<'_, S>);
}

/// One turn of an entity that is over.
#[non_exhaustive]
pub struct Turn<'a, S: EventSourced> {
    /// Whose.
    pub actor: &'a ActorName,
    /// The number of the turn since the entity came into memory, from 1.
    pub number: u64,
    /// The command, as [`TurnRecorder::begin`] encoded it.
    pub command: Payload,
    /// What else it was given.
    pub inputs: &'a TurnInputs,
    /// The events decided upon, in order.
    pub events: &'a [S::Event],
    /// What came of it.
    pub outcome: TurnOutcome<'a>,
    /// The state after the turn.
    pub state: &'a S,
}

/// What came of a turn.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TurnOutcome<'a> {
    /// The events are stored, here; no events, no places.
    Stored(&'a [Placed]),
    /// The events were not stored, or it is not known whether they are; the state is as before.
    NotStored(&'a (dyn std::error::Error + 'static)),
    /// `decide` failed.
    Failed(&'a (dyn std::error::Error + Send + Sync + 'static)),
}

impl<S: EventSourced> fmt::Debug for Turn<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("actor", &self.actor)
            .field("number", &self.number)
            .field("inputs", &self.inputs)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
