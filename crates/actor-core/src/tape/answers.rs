//! Faults as the errors that handlers see, and back.

use steadfast_base::{FailureKind, Timestamp};

use super::Fault;
use crate::{AskError, Failure, SendError, StartError};

/// The error of a send that had this fault.
pub(crate) fn send_error<M>(fault: Fault, message: M) -> SendError<M> {
    match fault {
        Fault::Full => SendError::Full(message),
        Fault::Timeout => SendError::Timeout(message),
        _ => SendError::Stopped(message),
    }
}

/// The error of an ask that had this fault.
pub(crate) fn ask_error<M>(fault: Fault, message: Option<M>) -> AskError<M> {
    match (fault, message) {
        (Fault::Full, Some(message)) => AskError::Full(message),
        (Fault::Timeout, message) => AskError::Timeout(message),
        (Fault::Restarting, _) => AskError::Restarting,
        (Fault::Stopped, message) => AskError::Stopped(message),
        _ => AskError::NoReply,
    }
}

/// The fault behind the error of an ask.
impl<M> From<&AskError<M>> for Fault {
    fn from(error: &AskError<M>) -> Self {
        match error {
            AskError::Stopped(_) => Self::Stopped,
            AskError::Full(_) => Self::Full,
            AskError::Timeout(_) => Self::Timeout,
            AskError::Restarting => Self::Restarting,
            AskError::NoReply => Self::NoReply,
        }
    }
}

/// The fault behind the error of a send.
impl<M> From<&SendError<M>> for Fault {
    fn from(error: &SendError<M>) -> Self {
        match error {
            SendError::Stopped(_) => Self::Stopped,
            SendError::Full(_) => Self::Full,
            SendError::Timeout(_) => Self::Timeout,
        }
    }
}

/// The fault behind a failed start.
pub(crate) fn start_fault(error: &StartError) -> Fault {
    match error {
        StartError::NameTaken(_) => Fault::NameTaken,
        StartError::BadName(_) => Fault::BadName,
        StartError::Failed(_) => Fault::Failed,
        StartError::Ignored => Fault::Ignored,
        StartError::ShuttingDown => Fault::ShuttingDown,
        StartError::Killed => Fault::Killed,
    }
}

/// The error of a start that had this fault.
pub(crate) fn start_error(fault: Fault, path: &str, at: Timestamp) -> StartError {
    match fault {
        Fault::NameTaken => StartError::NameTaken(path.to_owned()),
        Fault::BadName => StartError::BadName(path.to_owned()),
        Fault::Failed => {
            let text = "the start had failed when it was recorded";
            StartError::Failed(Failure::new(FailureKind::Error, at, path, text, None))
        }
        Fault::Ignored => StartError::Ignored,
        Fault::Killed => StartError::Killed,
        _ => StartError::ShuttingDown,
    }
}
