//! Starting and stopping children of a running supervisor.

use std::sync::Arc;

use steadfast_actor_core::{
    Actor, ActorHandle, ActorRef, Cx, ExitReason, IntoFactory, Nest, Reply, SendError, System,
};

use super::{Nursery, SupervisorRef};
use crate::child_id::ChildId;
use crate::shell::{Newborn, Request, SupervisorActor};
use crate::spec::{Mailbox, once};
use crate::{ChildError, ChildKey, ChildRules, ChildSpec, Command, Strategy};

/// Starting and stopping children.
impl SupervisorRef {
    /// Starts a child of a dynamic supervisor and waits until it is up. The factory builds each of
    /// its incarnations.
    ///
    /// # Errors
    ///
    /// `StartFailed`, `Full`, `Stopped`; `WrongKind` if the supervisor is not dynamic.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses the ref only, and the child runs on.
    pub async fn start_child<A, K, F>(&self, factory: F) -> Result<ActorRef<A::Msg>, ChildError>
    where
        A: Actor,
        F: IntoFactory<A, K> + Send + 'static,
    {
        self.start_as(None, factory).await
    }

    /// As [`start_child`](Self::start_child), without waiting until the child is up: the fastest
    /// way to start many. Its ref takes messages at once.
    ///
    /// The supervisor takes such children in when it has something else to do, as a failure or a
    /// request. One that has ended without a failure by then, and would not be restarted, does not
    /// cost it a turn.
    ///
    /// A start that fails shows as the end of the child, with the failure as its reason; so does
    /// a limit that is reached, with `Killed`. The decider is not asked about either.
    ///
    /// # Errors
    ///
    /// `StartFailed` if the system is shutting down, `Stopped`; `WrongKind` if the supervisor is
    /// not dynamic.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready ends the child, if there was one.
    pub async fn spawn_child<A, K, F>(&self, factory: F) -> Result<ActorRef<A::Msg>, ChildError>
    where
        A: Actor,
        F: IntoFactory<A, K> + Send + 'static,
    {
        let found;
        let nursery = if let Some(nursery) = self.nursery.get() {
            nursery
        } else {
            found = self.find_nursery().await?;
            &found
        };
        let Some(nursery) = nursery else { return Err(ChildError::WrongKind) };
        let Nursery { system, supervisor, mailbox, nest } = &**nursery;
        let spawn = mailbox.apply(system.spawn_anonymous(factory));
        let (child, held) = spawn.detach_into(supervisor, nest).map_err(ChildError::StartFailed)?;
        if held {
            return Ok(child);
        }
        let newborn = Request::Born(Newborn::new(child.handle()));
        match self.actor.tell(newborn).await {
            Ok(()) => Ok(child),
            Err(error) => Err(match error {
                SendError::Stopped(_) => ChildError::Stopped,
                _ => ChildError::Timeout,
            }),
        }
    }

    async fn find_nursery(&self) -> Result<Option<Arc<Nursery>>, ChildError> {
        let look = |supervisor: &mut SupervisorActor, reply: Reply<_>, cx: &mut Cx<_>| {
            let parts = supervisor.template_mailbox().zip(supervisor.nest());
            reply.send((parts, cx.system()));
        };
        let (parts, system): (Option<(Mailbox, Arc<Nest>)>, System) = self.call(look).await?;
        let supervisor = self.handle();
        let nursery =
            parts.map(|(mailbox, nest)| Arc::new(Nursery { system, supervisor, mailbox, nest }));
        Ok(self.nursery.get_or_init(|| nursery).clone())
    }

    /// As [`start_child`](Self::start_child), with a name.
    ///
    /// # Errors
    ///
    /// Also `AlreadyStarted`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses the ref only, and the child runs on.
    pub async fn start_named<A, K, F>(
        &self,
        name: impl Into<Arc<str>>,
        factory: F,
    ) -> Result<ActorRef<A::Msg>, ChildError>
    where
        A: Actor,
        F: IntoFactory<A, K> + Send + 'static,
    {
        self.start_as(Some(name.into()), factory).await
    }

    async fn start_as<A, K, F>(
        &self,
        name: Option<Arc<str>>,
        factory: F,
    ) -> Result<ActorRef<A::Msg>, ChildError>
    where
        A: Actor,
        F: IntoFactory<A, K> + Send + 'static,
    {
        let launch = once::<A, K, F>(factory);
        let start = |reply| Request::Start { name, launch, reply };
        let child = self.actor.ask(start).patiently().await??;
        child.downcast().ok_or(ChildError::WrongType)
    }

    /// Starts a child of the template's own factory
    /// ([`ChildTemplate::of`](crate::ChildTemplate::of)) with this argument.
    ///
    /// # Errors
    ///
    /// Also `WrongKind` if the template has no factory, `WrongType` if it takes another argument
    /// or builds actors of other messages than `M`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses the ref only, and the child runs on.
    pub async fn start_of<M: Send + 'static>(
        &self,
        argument: impl Send + 'static,
    ) -> Result<ActorRef<M>, ChildError> {
        let argument = Box::new(argument);
        let start = move |supervisor: &mut SupervisorActor, reply, cx: &mut Cx<_>| {
            supervisor.start_of(None, argument, reply, cx);
        };
        let child: Result<ActorHandle, ChildError> = self.call(start).await?;
        child?.downcast().ok_or(ChildError::WrongType)
    }

    /// Adds a child at the end of the start order and starts it.
    ///
    /// # Errors
    ///
    /// `AlreadyStarted`, `AlreadyPresent`, `StartFailed` (the child is then not added), `Invalid`,
    /// `Full`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses the ref only, and the child runs on.
    pub async fn start_spec(&self, spec: ChildSpec) -> Result<ActorHandle, ChildError> {
        self.call(move |supervisor, reply, cx| supervisor.start_spec(spec, reply, cx)).await?
    }

    /// Stops a child and waits until it has ended. Its spec is kept, unless it is temporary or
    /// dynamic. Ok also if it had stopped before.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn terminate_child(&self, child: impl Into<ChildId>) -> Result<(), ChildError> {
        let child = child.into().seen_from(&self.actor);
        let stop = |reply| Request::Terminate(child, reply);
        self.actor.ask(stop).patiently().await?
    }

    /// Starts a child that has stopped.
    ///
    /// # Errors
    ///
    /// `Running`, `Restarting`, `NotFound`, `StartFailed`, `WrongKind` (dynamic), `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn restart_child(
        &self,
        child: impl Into<ChildId>,
    ) -> Result<ActorHandle, ChildError> {
        self.on_child(child, SupervisorActor::restart).await
    }

    /// Ends a child that runs and starts it again: same ref, same mailbox, no budget spent.
    ///
    /// # Errors
    ///
    /// `NotRunning`, `Restarting`, `NotFound`, `StartFailed`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn recycle_child(
        &self,
        child: impl Into<ChildId>,
    ) -> Result<ActorHandle, ChildError> {
        self.on_child(child, SupervisorActor::recycle).await
    }

    /// Removes a child that has stopped.
    ///
    /// # Errors
    ///
    /// `Running`, `Restarting`, `NotFound`, `WrongKind` (dynamic), `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn delete_child(&self, child: impl Into<ChildId>) -> Result<(), ChildError> {
        self.on_child(child, |supervisor, key, reply, cx| {
            supervisor.done(Command::Delete(key), reply, cx);
        })
        .await
    }

    /// Puts an actor that runs already under this supervisor, under a name and at the end of the
    /// start order. It keeps its ref and its mailbox, and restarts by the factory it was spawned
    /// with; once it has ended for good, so has that factory.
    ///
    /// # Errors
    ///
    /// `Supervised` if it is under a supervisor already, `NotRunning` if it has ended, and as for
    /// [`start_spec`](Self::start_spec).
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn supervise(
        &self,
        name: impl Into<Arc<str>>,
        actor: &ActorHandle,
        rules: ChildRules,
    ) -> Result<(), ChildError> {
        let spec = ChildSpec::bare(name.into(), rules);
        let actor = actor.clone();
        let adopt = move |supervisor: &mut SupervisorActor, reply, cx: &mut Cx<_>| {
            supervisor.adopt(actor, spec, reply, cx);
        };
        let adopted: Result<ActorHandle, ChildError> = self.call(adopt).await?;
        adopted.map(drop)
    }

    /// Lets a child that runs go, without stopping it: nobody restarts it any more.
    ///
    /// # Errors
    ///
    /// `NotRunning`, `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn release(&self, child: impl Into<ChildId>) -> Result<(), ChildError> {
        self.on_child(child, |supervisor, key, reply, cx| {
            supervisor.done(Command::Release(key), reply, cx);
        })
        .await
    }

    /// Stops all children: in reverse start order, dynamic ones at the same time. Specs are kept.
    ///
    /// # Errors
    ///
    /// `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves children running that it has not come to.
    pub async fn stop_all_children(&self) -> Result<(), ChildError> {
        let keys = |supervisor: &mut SupervisorActor, reply: Reply<_>, _: &mut Cx<_>| {
            let dynamic = supervisor.core().rules().strategy == Strategy::Dynamic;
            let keys: Vec<ChildKey> = supervisor.core().children().map(|(key, _)| key).collect();
            reply.send((dynamic, keys));
        };
        let (dynamic, keys): (bool, Vec<ChildKey>) = self.call(keys).await?;
        if dynamic {
            let stop = |supervisor: &mut SupervisorActor, reply, cx: &mut Cx<_>| {
                supervisor.terminate_together(keys, reply, cx);
            };
            return self.call(stop).await?;
        }
        for key in keys.into_iter().rev() {
            match self.terminate_child(key).await {
                Ok(()) | Err(ChildError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Stops the children in reverse order, then the supervisor, and waits for its end.
    ///
    /// A nested supervisor is better stopped by the one above it, whose policy would otherwise
    /// bring back a permanent one.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn shutdown(&self) -> ExitReason {
        self.handle().stop_for_good();
        self.actor.stopped().await
    }

    /// Waits until the supervisor has ended for good, and says why.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn stopped(&self) -> ExitReason {
        self.actor.stopped().await
    }
}
