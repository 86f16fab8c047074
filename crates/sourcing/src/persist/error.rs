//! Why a state could not be kept or found again.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use steadfast_base::{Recoverable, Recovery};
use steadfast_eventlog::{AppendError, CodecError};
use steadfast_snapshot::SnapshotError;

/// Why a state could not be kept or found again.
#[derive(Debug)]
#[non_exhaustive]
pub enum PersistError {
    /// The system has no [`Persistence`](super::Persistence) installed.
    NotInstalled,
    /// It is installed without a log.
    NoLog,
    /// The actor has no name that the next one could find its state by.
    Anonymous,
    /// No actor of the child's name lives at the path that its state is to be found by.
    NotThere {
        /// The path.
        path: Arc<str>,
    },
    /// The actor has ended, or is none of this type.
    ActorGone,
    /// The state cannot be encoded.
    Encode(CodecError),
    /// The snapshot store failed.
    Snapshots(SnapshotError),
    /// There are snapshots, and none that was tried is sound and can be read.
    AllDamaged {
        /// How many were tried.
        tried: usize,
    },
    /// The log did not take the event.
    Log(AppendError),
    /// In a replay: it failed so when it was recorded.
    Recorded(Arc<str>),
}

impl fmt::Display for PersistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("the system has no persistence installed"),
            Self::NoLog => f.write_str("the system's persistence has no log"),
            Self::Anonymous => f.write_str("an actor without a name cannot keep its state"),
            Self::NotThere { path } => write!(f, "the child does not live at {path}"),
            Self::ActorGone => f.write_str("the actor has ended, or is of another type"),
            Self::Encode(_) => f.write_str("the state cannot be encoded"),
            Self::Snapshots(_) => f.write_str("the snapshot store failed"),
            Self::AllDamaged { tried } => write!(f, "none of {tried} snapshots can be read"),
            Self::Log(_) => f.write_str("the log did not take the event"),
            Self::Recorded(text) => f.write_str(text),
        }
    }
}

impl Error for PersistError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Encode(cause) => Some(cause),
            Self::Snapshots(cause) => Some(cause),
            Self::Log(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<SnapshotError> for PersistError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshots(error)
    }
}

impl Recoverable for PersistError {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Snapshots(cause) => cause.recovery(),
            Self::Log(cause) => cause.recovery(),
            _ => Recovery::Never,
        }
    }
}
