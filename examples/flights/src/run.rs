//! How a run goes, and why it may come to no verdict.

use std::path::PathBuf;
use std::time::Duration;
use std::{error, fmt, io};

use steadfast::actor_core::{BoxError, BuildError, ExitReason};
use steadfast::supervision::SupervisorError;
use steadfast_sourcing::EntitiesError;

use crate::fault::FaultPlan;
use crate::pace::Speed;

/// How long anything may take that the run waits for.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// Seed of everything random in the system.
    pub seed: u64,
    /// What goes wrong.
    pub plan: FaultPlan,
    /// How fast the year passes.
    pub speed: Speed,
}

/// Why a run came to no verdict.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// No runtime could be started.
    Runtime(io::Error),
    /// The system was not built.
    Build(BuildError),
    /// The tree did not start.
    Start(SupervisorError),
    /// The entities did not start.
    Entities(EntitiesError),
    /// The log, the snapshots or a read model could not be used.
    Store {
        /// What for.
        doing: &'static str,
        /// Why.
        error: BoxError,
    },
    /// The directory cannot be made or opened.
    Directory(PathBuf, io::Error),
    /// The directory holds another run.
    OtherRun(PathBuf),
    /// A read model stands still.
    ViewStands,
    /// The dispatch desk is not where it was started.
    NoDesk,
    /// The root supervisor ended during the run.
    RootEnded(ExitReason),
    /// Something took too long.
    Stalled {
        /// What was waited for.
        waiting_for: &'static str,
        /// How long.
        after: Duration,
    },
    /// The system did not end in order.
    LeftRunning {
        /// Actors that did not end.
        actors: usize,
        /// Actors that had to be killed.
        killed: usize,
    },
    /// A child process could not be started or talked to.
    Child(io::Error),
    /// A child process cannot use what it was given; it has said why.
    ChildRefused,
    /// A signal of this number asked the program to end.
    Interrupted(u8),
    /// A child process ended without being told to; it has said why.
    ChildEnded(String),
}

impl RunError {
    pub(crate) fn store(doing: &'static str, error: impl Into<BoxError>) -> Self {
        Self::Store { doing, error: error.into() }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(_) => f.write_str("no runtime could be started"),
            Self::Build(_) => f.write_str("the system was not built"),
            Self::Start(_) => f.write_str("the supervision tree did not start"),
            Self::Entities(_) => f.write_str("the entities did not start"),
            Self::Store { doing, .. } => write!(f, "a store failed while {doing}"),
            Self::Directory(directory, _) => {
                write!(f, "{} is no directory that can be used", directory.display())
            }
            Self::OtherRun(directory) => {
                write!(f, "{} holds the log of another run", directory.display())
            }
            Self::ViewStands => f.write_str("a read model stands still"),
            Self::NoDesk => f.write_str("the dispatch desk is not where it was started"),
            Self::RootEnded(reason) => write!(f, "the root supervisor ended: {reason}"),
            Self::Stalled { waiting_for, after } => {
                write!(f, "the run stalled: {} s of waiting for {waiting_for}", after.as_secs())
            }
            Self::LeftRunning { actors, killed } => write!(
                f,
                "the system did not end in order: {actors} actors left, {killed} had to be killed"
            ),
            Self::Child(_) => f.write_str("a child process could not be started or talked to"),
            Self::ChildRefused => f.write_str("a child process cannot use what it was given"),
            Self::Interrupted(signal) => write!(f, "interrupted by signal {signal}"),
            Self::ChildEnded(status) => write!(f, "a child process ended by itself: {status}"),
        }
    }
}

impl error::Error for RunError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Runtime(error) | Self::Child(error) | Self::Directory(_, error) => Some(error),
            Self::Build(error) => Some(error),
            Self::Start(error) => Some(error),
            Self::Entities(error) => Some(error),
            Self::Store { error, .. } => Some(&**error),
            _ => None,
        }
    }
}
