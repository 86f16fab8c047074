//! What is asked of a running supervisor, and who waits for which answer.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, Cx, Reply};

use super::SupervisorActor;
use crate::spec::LaunchOnce;
use crate::{ChildError, ChildId, ChildSpec};

/// The answer to a start.
pub(crate) type StartReply = Reply<Result<ActorHandle, ChildError>>;
/// The answer to anything else.
pub(crate) type DoneReply = Reply<Result<(), ChildError>>;

/// Something done on the supervisor, between two other requests.
pub(crate) type Call = Box<dyn FnOnce(&mut SupervisorActor, &mut Cx<SupervisorActor>) + Send>;

/// A message to a supervisor.
pub(crate) enum Request {
    /// Start a dynamic child.
    Start { name: Option<Arc<str>>, launch: LaunchOnce, reply: StartReply },
    /// Take in a dynamic child that was started on the caller's thread.
    Born(Newborn),
    /// Stop a child.
    Terminate(ChildId, DoneReply),
    /// Everything that is asked rarely.
    Call(Call),
    /// A timer of the machine is due.
    Tick,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start { .. } => "Start",
            Self::Born(_) => "Born",
            Self::Terminate(..) => "Terminate",
            Self::Call(_) => "Call",
            Self::Tick => "Tick",
        })
    }
}

/// A child that runs while its supervisor does not know it yet. It is killed if it is not taken.
#[derive(Debug)]
pub(crate) struct Newborn(Option<ActorHandle>);

impl Newborn {
    pub(crate) fn new(child: ActorHandle) -> Self {
        Self(Some(child))
    }

    pub(crate) fn take(mut self) -> Option<ActorHandle> {
        self.0.take()
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            child.kill_for_good();
        }
    }
}

/// How a child is going to be started.
pub(crate) enum Launcher {
    Once(LaunchOnce),
    Spec(Arc<ChildSpec>),
    /// It runs already.
    Adopted(ActorHandle, Arc<ChildSpec>),
}

/// A command whose answer is due.
pub(crate) enum Pending {
    Start(Option<Launcher>, StartReply),
    Done(DoneReply),
    /// One of many that are answered together.
    Shared(Arc<Together>),
}

/// Answers once the last of several commands is answered.
pub(crate) struct Together(pub(crate) Option<DoneReply>);

impl Drop for Together {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            reply.send(Ok(()));
        }
    }
}

/// An argument for a template's maker.
pub(crate) type Argument = Box<dyn Any + Send>;
