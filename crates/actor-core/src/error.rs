//! What sending, asking and spawning can fail with; unconsumed messages come back.

use std::{error::Error, fmt};

use steadfast_base::{Recoverable, Recovery};

use crate::Failure;

/// A message that could not be put into a mailbox, and why.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The actor has stopped for good, or no longer accepts messages.
    Stopped(M),
    /// The mailbox is full and its policy is to reject.
    Full(M),
    /// The wait for room ran out (5 s by default).
    Timeout(M),
}

impl<M> SendError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Stopped(message) | Self::Full(message) | Self::Timeout(message) => message,
        }
    }

    /// True if the actor has stopped.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped(_))
    }

    /// The same error with the message changed.
    pub fn map<N>(self, f: impl FnOnce(M) -> N) -> SendError<N> {
        match self {
            Self::Stopped(message) => SendError::Stopped(f(message)),
            Self::Full(message) => SendError::Full(f(message)),
            Self::Timeout(message) => SendError::Timeout(f(message)),
        }
    }

    fn text(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "the actor has stopped",
            Self::Full(_) => "the mailbox is full",
            Self::Timeout(_) => "the mailbox stayed full until the wait for room ran out",
        }
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped(_) => "Stopped(..)",
            Self::Full(_) => "Full(..)",
            Self::Timeout(_) => "Timeout(..)",
        })
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl<M> Error for SendError<M> {}

impl<M> Recoverable for SendError<M> {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Stopped(_) => Recovery::Never,
            Self::Full(_) | Self::Timeout(_) => Recovery::Retry,
        }
    }
}

/// An ask that got no answer, with the message where it was not consumed.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError<M> {
    /// The actor has stopped. The message comes back unless a handler had consumed it.
    Stopped(Option<M>),
    /// The mailbox is full and its policy is to reject, or the question gave way to a newer message.
    Full(M),
    /// The deadline passed. The message comes back if there was no room for it until then;
    /// otherwise it may still be handled, and its late answer is discarded.
    Timeout(Option<M>),
    /// The incarnation that had the message, or kept its reply, is over, and the actor is being
    /// restarted.
    Restarting,
    /// The handler let the reply go without an answer.
    NoReply,
}

impl<M> AskError<M> {
    /// The message, if it was not consumed.
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::Full(message) => Some(message),
            Self::Stopped(message) | Self::Timeout(message) => message,
            Self::Restarting | Self::NoReply => None,
        }
    }

    /// True if the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// True if the actor has stopped.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped(_))
    }
}

impl<M> From<SendError<M>> for AskError<M> {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Stopped(message) => Self::Stopped(Some(message)),
            SendError::Full(message) => Self::Full(message),
            SendError::Timeout(message) => Self::Timeout(Some(message)),
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped(Some(_)) => "Stopped(Some(..))",
            Self::Stopped(None) => "Stopped(None)",
            Self::Full(_) => "Full(..)",
            Self::Timeout(Some(_)) => "Timeout(Some(..))",
            Self::Timeout(None) => "Timeout(None)",
            Self::Restarting => "Restarting",
            Self::NoReply => "NoReply",
        })
    }
}

impl<M> fmt::Display for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped(_) => "the actor has stopped",
            Self::Full(_) => "the mailbox is full",
            Self::Timeout(_) => "no answer before the deadline",
            Self::Restarting => "the actor failed on the message and is being restarted",
            Self::NoReply => "the actor did not answer",
        })
    }
}

impl<M> Error for AskError<M> {}

impl<M> Recoverable for AskError<M> {
    fn recovery(&self) -> Recovery {
        match self {
            Self::Full(_) | Self::Timeout(_) | Self::Restarting => Recovery::Retry,
            Self::Stopped(_) | Self::NoReply => Recovery::Never,
        }
    }
}

/// Why an actor did not start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Another live actor has the path.
    NameTaken(String),
    /// The name is empty, longer than 255 bytes, begins with a `$`, or holds a `/` or a control
    /// character.
    BadName(String),
    /// The factory or the `started` hook failed.
    Failed(Failure),
    /// `started` answered `Ignore`: nothing runs, and nothing is wrong.
    Ignored,
    /// The system is shutting down.
    ShuttingDown,
    /// The actor was killed before it had started.
    Killed,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(path) => write!(f, "the path {path} is taken by a live actor"),
            Self::BadName(name) => {
                write!(
                    f,
                    "the name {name:?} is not usable: give 1 to 255 bytes without a slash or a \
                     control character, and no $ in front"
                )
            }
            Self::Failed(failure) => write!(f, "the actor {} failed to start", failure.actor()),
            Self::Ignored => f.write_str("the actor chose not to start"),
            Self::ShuttingDown => f.write_str("the system is shutting down"),
            Self::Killed => f.write_str("the actor was killed before it had started"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }
}

/// The type of the actor behind a path, a handle or a visit is not the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VisitError {
    /// The actor is of another type.
    WrongType,
    /// The actor has stopped.
    Stopped,
    /// The control lane holds its maximum of waiting visits.
    Busy,
    /// No answer came before the deadline.
    Timeout,
}

impl fmt::Display for VisitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongType => "the actor is of another type",
            Self::Stopped => "the actor has stopped",
            Self::Busy => "the control lane is full",
            Self::Timeout => "no answer before the deadline",
        })
    }
}

impl Error for VisitError {}

/// Why something did not go onto a control queue.
pub(crate) enum ControlFull {
    Stopped,
    Busy,
}

impl From<ControlFull> for VisitError {
    fn from(full: ControlFull) -> Self {
        match full {
            ControlFull::Stopped => Self::Stopped,
            ControlFull::Busy => Self::Busy,
        }
    }
}
