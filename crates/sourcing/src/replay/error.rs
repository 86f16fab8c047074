//! Why a replay could not be had.

use std::{error::Error, fmt};

use steadfast_actor_core::BuildError;
use steadfast_eventlog::{ActorName, CodecError, Position, ReadError, Seq, UpcastError};

use super::NonDeterminism;

/// Why a replay could not begin or go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log could not be read.
    Read(ReadError),
    /// The replay parted from the record.
    NonDeterminism(Box<NonDeterminism>),
    /// A record is not one that this version can read.
    Malformed {
        /// Whose record.
        actor: ActorName,
        /// Where it lies.
        position: Position,
    },
    /// A recorded message or state is not of the type that the replay was given.
    Decode {
        /// Whose.
        actor: ActorName,
        /// Where it lies.
        position: Position,
        /// Why.
        cause: CodecError,
    },
    /// A stored event could not be brought to the version that the replay works with.
    Upcast {
        /// Whose.
        actor: ActorName,
        /// Where it lies.
        position: Position,
        /// Why.
        cause: UpcastError,
    },
    /// Events of an entity are gone, by retention or deletion: there is no state to fold the next one into.
    /// [`EntityRef::state_at`](crate::EntityRef::state_at) can begin with a snapshot.
    Missing {
        /// Of which entity.
        actor: ActorName,
        /// The number of the first one that is gone.
        expected: Seq,
        /// The number of the next one that is there.
        found: Seq,
    },
    /// Nothing was said of how to build an actor of the selection.
    NoRole {
        /// Which one.
        actor: ActorName,
    },
    /// A selection holds more actors than a replay keeps in memory.
    TooManyActors {
        /// How many at most.
        max: usize,
    },
    /// There is no state to begin with.
    NoStart {
        /// Of which actor.
        actor: ActorName,
    },
    /// The world of the replay could not be built.
    Stage(BuildError),
    /// A named checkpoint that is not there.
    NoCheckpoint(String),
    /// A message that was to take the place of a recorded one is none that the actor takes.
    WrongMessage {
        /// Which actor.
        actor: ActorName,
    },
    /// Too many named checkpoints.
    TooManyCheckpoints {
        /// How many at most.
        max: usize,
    },
    /// The folding of an event panicked.
    Panicked {
        /// Of which actor.
        actor: ActorName,
        /// At which event.
        position: Position,
        /// The text of the panic.
        message: String,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("the log could not be read"),
            Self::NonDeterminism(found) => fmt::Display::fmt(found, f),
            Self::Malformed { actor, position } => {
                write!(f, "the record of {actor} at position {position} cannot be read")
            }
            Self::Decode { actor, position, .. } => {
                write!(f, "what {actor} was given at position {position} is of another type")
            }
            Self::Upcast { actor, position, .. } => {
                write!(f, "the event of {actor} at position {position} is of no known version")
            }
            Self::Missing { actor, expected, found } => {
                write!(f, "events {expected} and on of {actor} are gone, the next one is {found}")
            }
            Self::NoRole { actor } => write!(f, "nothing says how to build {actor}"),
            Self::TooManyActors { max } => write!(f, "the selection holds over {max} actors"),
            Self::NoStart { actor } => write!(f, "{actor} has no recorded state to begin with"),
            Self::Stage(_) => f.write_str("the world of the replay could not be built"),
            Self::WrongMessage { actor } => write!(f, "{actor} takes no messages of this type"),
            Self::NoCheckpoint(name) => write!(f, "there is no checkpoint {name:?}"),
            Self::TooManyCheckpoints { max } => write!(f, "there are {max} checkpoints already"),
            Self::Panicked { actor, position, message } => {
                write!(f, "{actor} panicked at the event at position {position}: {message}")
            }
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Decode { cause, .. } => Some(cause),
            Self::Upcast { cause, .. } => Some(cause),
            Self::Stage(error) => Some(error),
            _ => None,
        }
    }
}

impl ReplayError {
    /// The first place where the replay parted from the record, if that was it.
    #[must_use]
    pub fn non_determinism(&self) -> Option<&NonDeterminism> {
        match self {
            Self::NonDeterminism(found) => Some(found),
            _ => None,
        }
    }
}

impl From<ReadError> for ReplayError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}
