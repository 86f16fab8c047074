//! What hooks and deciders are shown of a child.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, ExitReason, Failure};

/// Failures of one child that are kept for its decider; the oldest go.
pub const FAILURES_KEPT: usize = 16;

type FailureHook = Arc<dyn Fn(&ChildFailure<'_>) + Send + Sync>;
type RestartHook = Arc<dyn Fn(&ChildRestart<'_>) + Send + Sync>;

/// The hooks of one child, or of all children of a template.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) cleanup: Option<RestartHook>,
    pub(crate) on_error: Option<FailureHook>,
    pub(crate) on_restart: Option<RestartHook>,
}

/// What a child was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureStage {
    /// It handled a message or a signal.
    Running,
    /// It was starting.
    Starting,
    /// It reported the failure and goes on running.
    Reported,
}

/// One failure of one child, as its supervisor sees it.
pub struct ChildFailure<'a> {
    pub(crate) child: Option<&'a ActorHandle>,
    pub(crate) name: Option<&'a str>,
    pub(crate) stage: FailureStage,
    pub(crate) reason: &'a ExitReason,
    pub(crate) errors: u32,
    pub(crate) restarts: u32,
    pub(crate) history: &'a [ExitReason],
}

impl ChildFailure<'_> {
    /// The child's name; children of a template need none.
    pub fn name(&self) -> Option<&str> {
        self.name
    }

    /// The child's actor, if it got as far as to have one.
    pub fn actor(&self) -> Option<&ActorHandle> {
        self.child
    }

    /// What the child was doing.
    pub fn stage(&self) -> FailureStage {
        self.stage
    }

    /// How the incarnation ended, or what it reported.
    pub fn reason(&self) -> &ExitReason {
        self.reason
    }

    /// The failure behind the end; absent for a kill.
    pub fn failure(&self) -> Option<&Failure> {
        self.reason.failure()
    }

    /// The error value, if the child failed with one of type `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.failure()?.downcast_ref()
    }

    /// The text of the panic, if it was one.
    pub fn panic_text(&self) -> Option<&str> {
        match self.reason {
            ExitReason::Panic(failure) => Some(failure.message()),
            _ => None,
        }
    }

    /// A copy of what the panic was raised with (`std::panic::panic_any`), if it is a `T`; text is
    /// in [`panic_text`](Self::panic_text).
    pub fn panic_payload<T: Clone + 'static>(&self) -> Option<T> {
        self.failure()?.panic_payload()
    }

    /// Failures of this child so far, this one not counted.
    pub fn errors(&self) -> u32 {
        self.errors
    }

    /// Restarts of this child that succeeded so far.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Its last failures, oldest first, at most [`FAILURES_KEPT`], this one not among them.
    pub fn history(&self) -> &[ExitReason] {
        self.history
    }
}

impl fmt::Debug for ChildFailure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildFailure")
            .field("name", &self.name)
            .field("stage", &self.stage)
            .field("reason", &self.reason)
            .field("errors", &self.errors)
            .field("restarts", &self.restarts)
            .finish_non_exhaustive()
    }
}

/// One restart of one child, as its supervisor sees it.
#[derive(Debug)]
pub struct ChildRestart<'a> {
    pub(crate) child: Option<&'a ActorHandle>,
    pub(crate) name: Option<&'a str>,
    pub(crate) restarts: u32,
    pub(crate) last: Option<&'a ExitReason>,
}

impl ChildRestart<'_> {
    /// The child's name; children of a template need none.
    pub fn name(&self) -> Option<&str> {
        self.name
    }

    /// The child's actor; absent before the restart of one that had ended for good.
    pub fn actor(&self) -> Option<&ActorHandle> {
        self.child
    }

    /// Restarts of this child that succeeded so far.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The child's last failure; absent where it is restarted with a sibling.
    pub fn last_failure(&self) -> Option<&ExitReason> {
        self.last
    }
}
