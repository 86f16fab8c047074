//! What callers are told: answers to their requests, and why the supervisor ended.

use steadfast_actor_core::{Cx, ExitReason, Failure, StartError};
use steadfast_base::FailureKind;

use super::reasons::reason_for;
use super::{Pending, SupervisorActor};
use crate::child_error::BootError;
use crate::{ChildError, ChildKey, CommandId, Exit, Granted, Outcome, Refusal};

impl SupervisorActor {
    pub(super) fn answer(&mut self, command: CommandId, answer: Result<Granted, Refusal>) {
        match self.pending.remove(&command.0) {
            None => {}
            Some(Pending::Start(_, reply)) => reply.send(match answer {
                Ok(Granted::Running(child)) => {
                    self.table.get(child).cloned().ok_or(ChildError::NotRunning)
                }
                Ok(Granted::Ignored) => Err(ChildError::StartFailed(StartError::Ignored)),
                Ok(Granted::Done) => Err(ChildError::NotRunning),
                Err(refusal) => Err(self.error_of(refusal)),
            }),
            Some(Pending::Done(reply)) => {
                reply.send(answer.map(drop).map_err(|refusal| self.error_of(refusal)));
            }
            Some(Pending::Shared(all)) => drop(all),
        }
    }

    fn error_of(&mut self, refusal: Refusal) -> ChildError {
        match refusal {
            Refusal::AlreadyStarted(child) => match self.table.get(child) {
                Some(handle) => ChildError::AlreadyStarted(handle.clone()),
                None => ChildError::Restarting,
            },
            Refusal::AlreadyPresent(_) => ChildError::AlreadyPresent,
            Refusal::Running => ChildError::Running,
            Refusal::Restarting => ChildError::Restarting,
            Refusal::NotRunning => ChildError::NotRunning,
            Refusal::NotFound => ChildError::NotFound,
            Refusal::StartFailed(_) => match self.start_error.take() {
                Some((_, error)) => ChildError::StartFailed(error),
                None => ChildError::StartFailed(StartError::Killed),
            },
            Refusal::Interrupted => ChildError::Interrupted,
            Refusal::WrongKind | Refusal::Incomplete => ChildError::WrongKind,
            Refusal::Invalid(faults) => ChildError::Invalid(faults),
            Refusal::Full => ChildError::Full,
            Refusal::Stopped => ChildError::Stopped,
        }
    }

    /// Why the supervisor itself ends.
    pub(super) fn end_reason(&self, cx: &Cx<Self>) -> ExitReason {
        let of = |kind, child: ChildKey, exit: &Exit, what: &str| {
            let path = self.path_of(child, cx);
            let cause = reason_for(exit, self.last_reason(child), cx.timestamp(), &path);
            let whom = cause.failure().map_or(&*path, Failure::actor);
            let message = format!("{what} {whom}: {exit}");
            Failure::new(kind, cx.timestamp(), &cx.path(), message, cause.failure().cloned())
        };
        match &self.outcome {
            None | Some(Outcome::Stopped | Outcome::AutoShutdown) => ExitReason::Shutdown,
            Some(Outcome::Killed) => ExitReason::Killed,
            Some(Outcome::Meltdown(child, exit)) => ExitReason::Meltdown(of(
                FailureKind::Meltdown,
                *child,
                exit,
                "the restart budget is spent by",
            )),
            Some(Outcome::Escalated(child, exit)) => {
                ExitReason::Escalated(of(FailureKind::Escalated, *child, exit, "passed up from"))
            }
            Some(Outcome::StartFailed(child, exit)) => {
                let name = self.core.name(*child).map(ToString::to_string).unwrap_or_default();
                let error = match &self.start_error {
                    Some((failed, error)) if failed == child => error.clone(),
                    _ => StartError::Killed,
                };
                let path = self.path_of(*child, cx);
                let cause = reason_for(exit, self.last_reason(*child), cx.timestamp(), &path);
                let boot = BootError { name, error };
                let failure = Failure::from_error(cx.timestamp(), &cx.path(), boot);
                ExitReason::Error(match cause.failure() {
                    Some(cause) => failure.caused_by(cause.clone()),
                    None => failure,
                })
            }
        }
    }
}
