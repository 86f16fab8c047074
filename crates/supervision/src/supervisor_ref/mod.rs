//! `SupervisorRef`: the handle to a running supervisor.

mod children;
mod live;
mod queries;

use std::fmt;
use std::sync::{Arc, OnceLock};

use steadfast_actor_core::{ActorHandle, ActorRef, Cx, Nest, Reply, Status, System};

pub use self::queries::{ChildCount, ChildInfo, TREE_DEPTH_MAX};
use crate::child_id::ChildId;
use crate::shell::{Request, SupervisorActor};
use crate::spec::Mailbox;
use crate::{ChildError, ChildKey};

/// A handle to a running supervisor, cheap to clone. It stays valid over the supervisor's own
/// restarts.
///
/// Requests are served in order, also while children take their time to stop, between start
/// attempts and during group restarts. They have no deadline but that of the caller's context, as in
/// OTP: a child may start or stop for as long as its rules allow, and each request is answered at the
/// latest when the supervisor ends. Set one where it matters, in the
/// [`CallContext`](steadfast_base::CallContext).
///
/// A child is named by its name, its key, or its actor: see [`ChildId`].
///
/// # Cancel safety
///
/// Dropping the future of a request leaves the request in force; only its answer is lost.
///
/// # Example
///
/// ```
/// use steadfast_supervision::{ChildError, ChildSpec, ChildStatus, Supervisor};
/// # use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
/// # struct Worker(u64);
/// # enum Msg { Add, Get(Reply<u64>), Fail }
/// # impl Actor for Worker {
/// #     type Msg = Msg;
/// #     type Error = std::fmt::Error;
/// #     async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
/// #         match msg {
/// #             Msg::Add => self.0 += 1,
/// #             Msg::Get(reply) => reply.send(self.0),
/// #             Msg::Fail => return Err(std::fmt::Error),
/// #         }
/// #         Ok(Flow::Continue)
/// #     }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let system = System::builder("shop").build()?;
/// let supervisor = Supervisor::one_for_one().start(&system, "shop").await?;
/// supervisor.start_spec(ChildSpec::new("stock", || Worker(0))).await?;
/// supervisor.terminate_child("stock").await?;
/// assert_eq!(supervisor.child_stats("stock").await?.status, ChildStatus::Stopped);
/// supervisor.restart_child("stock").await?;
/// assert!(matches!(supervisor.delete_child("stock").await, Err(ChildError::Running)));
/// supervisor.change_spec("stock", |rules| rules.significant = false).await?;
/// assert_eq!(supervisor.tree().await?.to_text(), "shop (one_for_one)\n└─ stock running\n");
/// # system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct SupervisorRef {
    actor: ActorRef<Request>,
    /// What it takes to start dynamic children here; none if the supervisor is static.
    nursery: OnceLock<Option<Arc<Nursery>>>,
}

/// What it takes to start a dynamic child on its caller's thread.
struct Nursery {
    system: System,
    supervisor: ActorHandle,
    mailbox: Mailbox,
    nest: Arc<Nest>,
}

impl SupervisorRef {
    pub(crate) fn new(actor: ActorRef<Request>) -> Self {
        Self { actor, nursery: OnceLock::new() }
    }

    /// The supervisor behind a handle, if it is one.
    pub fn from_handle(handle: &ActorHandle) -> Option<Self> {
        handle.downcast().map(Self::new)
    }

    /// The supervisor as an actor.
    pub fn handle(&self) -> ActorHandle {
        self.actor.handle()
    }

    /// The supervisor's path.
    pub fn path(&self) -> Arc<str> {
        self.actor.path()
    }

    /// Where the supervisor is in its own life.
    pub fn status(&self) -> Status {
        self.actor.status()
    }

    /// Runs `call` on the supervisor and waits for what it answers.
    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut SupervisorActor, Reply<T>, &mut Cx<SupervisorActor>) + Send + 'static,
    ) -> Result<T, ChildError> {
        let call =
            |reply| Request::Call(Box::new(move |supervisor, cx| call(supervisor, reply, cx)));
        Ok(self.actor.ask(call).patiently().await?)
    }

    async fn on_child<T: Send + 'static>(
        &self,
        child: impl Into<ChildId>,
        call: impl FnOnce(
            &mut SupervisorActor,
            ChildKey,
            Reply<Result<T, ChildError>>,
            &mut Cx<SupervisorActor>,
        ) + Send
        + 'static,
    ) -> Result<T, ChildError> {
        let child = child.into().seen_from(&self.actor);
        self.call(move |supervisor, reply, cx| match child.find(supervisor) {
            Some(key) => call(supervisor, key, reply, cx),
            None => reply.send(Err(ChildError::NotFound)),
        })
        .await?
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SupervisorRef").field(&self.path()).finish()
    }
}
