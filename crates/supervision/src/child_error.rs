//! Why a supervisor refused or failed to do what it was asked.

use std::sync::Arc;
use std::{error, fmt};

use steadfast_actor_core::{ActorHandle, AskError, StartError};

use crate::{Faults, RootFaults};

/// Why a request to a supervisor came to nothing.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum ChildError {
    /// The name belongs to a child that lives.
    AlreadyStarted(ActorHandle),
    /// The name belongs to a child that has stopped and whose spec is kept: restart or delete it.
    AlreadyPresent,
    /// The child runs.
    Running,
    /// The child is between two incarnations.
    Restarting,
    /// The child does not run.
    NotRunning,
    /// There is no such child.
    NotFound,
    /// The child did not start.
    StartFailed(StartError),
    /// The child was stopped before its start was done.
    Interrupted,
    /// Not possible with this kind of supervisor: static or dynamic.
    WrongKind,
    /// The child takes another type of message, or its template another type of argument.
    WrongType,
    /// The actor is under a supervisor already: release it there first.
    Supervised,
    /// The rules have faults; nothing changed.
    Invalid(Faults),
    /// A limit is reached: children of the supervisor, or requests waiting for one child.
    Full,
    /// The supervisor has stopped, or failed on the request.
    Stopped,
    /// The deadline of the caller's context passed.
    Timeout,
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyStarted(child) => {
                return write!(f, "the child {} is started already", child.path());
            }
            Self::AlreadyPresent => "a stopped child of that name is present",
            Self::Running => "the child runs",
            Self::Restarting => "the child is being restarted",
            Self::NotRunning => "the child does not run",
            Self::NotFound => "there is no such child",
            Self::StartFailed(_) => "the child did not start",
            Self::Interrupted => "the child was stopped before its start was done",
            Self::WrongKind => "not possible with this kind of supervisor",
            Self::WrongType => "the child is of another type",
            Self::Supervised => "the actor is under a supervisor already",
            Self::Invalid(_) => "the rules cannot be used",
            Self::Full => "a limit of the supervisor is reached",
            Self::Stopped => "the supervisor has stopped",
            Self::Timeout => "no answer before the deadline",
        })
    }
}

impl error::Error for ChildError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::StartFailed(error) => Some(error),
            Self::Invalid(faults) => Some(faults),
            _ => None,
        }
    }
}

impl<M> From<AskError<M>> for ChildError {
    fn from(error: AskError<M>) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::Stopped }
    }
}

/// Why a supervisor did not start. Nothing of it runs, and all names are free.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum SupervisorError {
    /// The description has faults; nothing was started.
    Invalid(Faults),
    /// This child did not start; those before it were stopped, in reverse order.
    Child {
        /// The child's name.
        name: String,
        /// What it failed with.
        error: StartError,
    },
    /// The supervisor itself did not start.
    Start(StartError),
    /// The settings of the root are out of range.
    Root(Arc<RootFaults>),
}

impl fmt::Display for SupervisorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(_) => f.write_str("the supervisor's description cannot be used"),
            Self::Child { name, .. } => write!(f, "the child {name} did not start"),
            Self::Root(_) => f.write_str("the settings of the root cannot be used"),
            Self::Start(_) => f.write_str("the supervisor did not start"),
        }
    }
}

impl error::Error for SupervisorError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Invalid(faults) => Some(faults),
            Self::Root(faults) => Some(&**faults),
            Self::Child { error, .. } | Self::Start(error) => Some(error),
        }
    }
}

impl From<Faults> for SupervisorError {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults)
    }
}

impl From<StartError> for SupervisorError {
    /// Finds the child that failed, for a supervisor whose boot came to nothing.
    fn from(error: StartError) -> Self {
        let failed = match &error {
            StartError::Failed(failure) => failure.downcast_ref::<BootError>(),
            _ => None,
        };
        match failed {
            Some(BootError { name, error }) => {
                Self::Child { name: name.clone(), error: error.clone() }
            }
            None => Self::Start(error),
        }
    }
}

/// The error with which a supervisor ends whose child did not start at boot.
#[derive(Debug)]
pub(crate) struct BootError {
    pub(crate) name: String,
    pub(crate) error: StartError,
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the child {} did not start", self.name)
    }
}

impl error::Error for BootError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
