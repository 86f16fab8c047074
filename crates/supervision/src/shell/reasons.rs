//! Between the reasons of actors and the ends that the machine decides on.

use steadfast_actor_core::{ExitReason, Failure, StartError};
use steadfast_base::{FailureKind, Timestamp};

use crate::{Exit, ExitKind};

/// The end of an actor as the machine sees it.
pub(super) fn exit_of(reason: &ExitReason) -> Exit {
    let kind = kind_of(reason);
    match reason.failure() {
        Some(failure) => Exit::with_message(kind, failure.message()),
        None => Exit::new(kind),
    }
}

pub(super) fn kind_of(reason: &ExitReason) -> ExitKind {
    match reason {
        ExitReason::Normal => ExitKind::Normal,
        ExitReason::Shutdown => ExitKind::Shutdown,
        ExitReason::Killed => ExitKind::Killed,
        ExitReason::Panic(_) => ExitKind::Panic,
        ExitReason::Meltdown(_) => ExitKind::Meltdown,
        ExitReason::Escalated(_) => ExitKind::Escalated,
        _ => ExitKind::Error,
    }
}

/// A failed start, as the caller of the start is told.
pub(super) fn start_error_of(reason: &ExitReason) -> StartError {
    match reason.failure() {
        Some(failure) => StartError::Failed(failure.clone()),
        None => StartError::Killed,
    }
}

/// A start that did not even begin, as a failure.
pub(super) fn reason_of(error: &StartError, at: Timestamp, path: &str) -> ExitReason {
    match error {
        StartError::Failed(failure) => ExitReason::Error(failure.clone()),
        StartError::Killed => ExitReason::Killed,
        error => ExitReason::Error(Failure::new(
            FailureKind::StartFailed,
            at,
            path,
            error.to_string(),
            None,
        )),
    }
}

/// The reason behind an end that the machine names; `last` is the child's last failure.
pub(super) fn reason_for(
    exit: &Exit,
    last: Option<&ExitReason>,
    at: Timestamp,
    path: &str,
) -> ExitReason {
    if let Some(last) = last.filter(|last| kind_of(last) == exit.kind) {
        return last.clone();
    }
    let cause = last.and_then(ExitReason::failure).cloned();
    let message = exit.message.as_deref().unwrap_or(exit.kind.as_str());
    let failure = |kind| Failure::new(kind, at, path, message, cause);
    match exit.kind {
        ExitKind::Normal => ExitReason::Normal,
        ExitKind::Shutdown => ExitReason::Shutdown,
        ExitKind::Killed => ExitReason::Killed,
        ExitKind::Error => ExitReason::Error(failure(FailureKind::Error)),
        ExitKind::Panic => ExitReason::Panic(failure(FailureKind::Panic)),
        ExitKind::Meltdown => ExitReason::Meltdown(failure(FailureKind::Meltdown)),
        ExitKind::Escalated => ExitReason::Escalated(failure(FailureKind::Escalated)),
    }
}
