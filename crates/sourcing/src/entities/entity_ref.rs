//! `EntityRef`: the way to one entity, in memory or not.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::{ControlFlow, RangeBounds};
use std::pin::Pin;
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{ActorHandle, AskError, Reply, SendError};
use steadfast_base::{CallContext, context};
use steadfast_eventlog::{ActorName, Event, Query, Seq, Speed, replay_events};
use steadfast_snapshot::SnapshotInfo;

use super::actor::Msg;
use super::recover::{Moment, Recovered, Source};
use super::residents::Resident;
use super::shared::Shared;
use crate::{
    CommandError, CommandFault, CommandId, EventSourced, PersistFailed, RecoveryCause,
    RecoveryFailed, SnapshotFault,
};

/// The way to one entity. It costs two pointers, and is good whether the entity is in memory or not, and
/// whether it has ever been.
pub struct EntityRef<S: EventSourced> {
    shared: Arc<Shared<S>>,
    id: Arc<str>,
}

impl<S: EventSourced> EntityRef<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, id: Arc<str>) -> Self {
        Self { shared, id }
    }

    /// The entity's id, without its kind.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name under which its events are stored: kind, slash, id.
    pub fn actor(&self) -> ActorName {
        self.shared.actor_name(&self.id)
    }

    /// The actor behind the entity, if it is in memory: for tools and drills that suspend or kill it.
    ///
    /// It is gone when the entity leaves memory; another one stands behind it when it comes back.
    pub fn handle(&self) -> Option<ActorHandle> {
        self.shared.residents.in_memory(&self.id).map(|resident| resident.actor.handle())
    }

    /// Sends a command that holds a [`Reply`], and waits for the answer: it comes once the events are
    /// durable.
    ///
    /// The entity is brought into memory if it is not. The deadline is that of
    /// [`ActorRef::ask`](steadfast_actor_core::ActorRef::ask): 5 s, or that of the caller's context, or the
    /// one given by [`EntityAsk::within`].
    ///
    /// In a `TestSystem` the log must answer without a thread of its own (`MemoryStore`): virtual time does not
    /// wait for threads, and passes every deadline while one writes. Take a system in real time for others.
    ///
    /// # Errors
    ///
    /// [`CommandError`], at once where the reason is known, with the command where nobody consumed it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the answer. The command may still be handled.
    pub fn ask<T, F>(&self, build: F) -> EntityAsk<'_, S, T, F>
    where
        T: Send + 'static,
        F: FnOnce(Reply<T>) -> S::Command + Send,
    {
        let answer = std::marker::PhantomData;
        EntityAsk { entity: self, build, within: None, key: None, answer }
    }

    /// Sends a command. Whether its events were stored is not told.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the command.
    ///
    /// # Cancel safety
    ///
    /// A command that was not sent yet is dropped with the future.
    pub async fn tell(&self, command: S::Command) -> Result<(), CommandError<S::Command>> {
        self.send_command(command, None).await
    }

    /// Sends a command that may have been sent before under this id: it is stored at most once.
    ///
    /// As [`EntityAsk::keyed`], but whether its events were stored is not told.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the command.
    ///
    /// # Cancel safety
    ///
    /// A command that was not sent yet is dropped with the future.
    pub async fn tell_keyed(
        &self,
        id: CommandId,
        command: S::Command,
    ) -> Result<(), CommandError<S::Command>> {
        self.send_command(command, Some(id)).await
    }

    async fn send_command(
        &self,
        command: S::Command,
        key: Option<CommandId>,
    ) -> Result<(), CommandError<S::Command>> {
        let limit = self.shared.config.room_wait;
        let resident = match self.shared.resident(&self.id, limit, &mut None).await {
            Ok(resident) => resident,
            Err(fault) => return Err(CommandError::new(fault, Some(command))),
        };
        let sent = resident.actor.tell(Msg::Command { command, ticket: 0, key }).await;
        let Err(error) = sent else { return Ok(()) };
        let known = match &error {
            SendError::Stopped(_) => None,
            SendError::Timeout(_) => Some(CommandFault::Timeout),
            _ => Some(CommandFault::Full),
        };
        let command = command_of(error.into_message());
        let fault = match known {
            Some(fault) => fault,
            None => self.why_over(&resident).await,
        };
        Err(CommandError::new(fault, command))
    }

    /// Looks at the state, after all commands that were sent before.
    ///
    /// # Errors
    ///
    /// [`CommandFault`] if the entity is not to be reached.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn query<R: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> R + Send + 'static,
    ) -> Result<R, CommandFault> {
        let look =
            move |reply: Reply<R>| Msg::Look(Box::new(move |state: &S, _| reply.send(look(state))));
        self.send(look, 0, None).await.map_err(CommandError::into_fault)
    }

    /// The number of the entity's last event, after all commands that were sent before.
    ///
    /// # Errors
    ///
    /// [`CommandFault`] if the entity is not to be reached.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn seq(&self) -> Result<Seq, CommandFault> {
        let look = |reply: Reply<Seq>| Msg::Look(Box::new(move |_, seq| reply.send(seq)));
        self.send(look, 0, None).await.map_err(CommandError::into_fault)
    }

    /// Takes a snapshot now, and waits until it is durable.
    ///
    /// If one is being saved already, it is taken behind that one; so many may wait for it as
    /// [`SNAPSHOT_WAITS_MAX`](crate::SNAPSHOT_WAITS_MAX) says, then it is [`SnapshotFault::Busy`].
    ///
    /// # Errors
    ///
    /// [`SnapshotFault`].
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have taken it.
    pub async fn snapshot_now(&self) -> Result<SnapshotInfo, SnapshotFault> {
        match self.send(Msg::Snapshot, 0, None).await {
            Ok(saved) => saved,
            Err(error) => Err(SnapshotFault::Entity(error.into_fault())),
        }
    }

    /// The state as it was at a moment, from snapshots and events.
    ///
    /// The entity itself is not touched, and nothing is appended: what has happened stays happened. To set
    /// an entity back, send it a command whose events do so.
    ///
    /// # Errors
    ///
    /// [`RecoveryFailed`], also if events of that time are gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn state_at(&self, moment: Moment) -> Result<Recovered<S>, RecoveryFailed> {
        self.shared.recover(&self.actor(), &self.id, moment).await
    }

    /// Folds a range of the entity's events again, at a pace, and shows each with the state after it.
    ///
    /// The entity itself is not touched. Says how many events were shown.
    ///
    /// # Errors
    ///
    /// [`RecoveryFailed`], also if events of the range are gone; those shown before it stay shown.
    ///
    /// # Cancel safety
    ///
    /// A dropped replay has shown a beginning of the range.
    pub async fn replay(
        &self,
        range: impl RangeBounds<Seq>,
        speed: Speed,
        mut show: impl FnMut(&Event, &S) -> ControlFlow<()>,
    ) -> Result<u64, RecoveryFailed> {
        let (actor, log) = (self.actor(), self.shared.log());
        let query = Query::actor(actor.clone()).seqs(range);
        let first = query.seq_from.max(Seq::FIRST);
        let mut past = self.state_at(Moment::Seq(first.previous())).await?;
        let source = Source {
            log: &*log,
            seat: self.shared.seat.as_ref(),
            upcasters: &self.shared.upcasters,
            actor: &actor,
            id: &self.id,
        };
        let (mut shown, mut ended) = (0, Ok(()));
        let each = |event: &Event| match source.fold(&mut past, from_ref(event), Moment::Now) {
            Ok(_) => {
                shown += 1;
                show(event, &past.state)
            }
            Err(failed) => {
                ended = Err(failed);
                ControlFlow::Break(())
            }
        };
        let replayed = replay_events(&*log, query, speed, self.shared.system.time(), each).await;
        ended?;
        let cause = |error| RecoveryFailed {
            actor: actor.clone(),
            seq: first,
            cause: RecoveryCause::Read(error),
        };
        replayed.map_err(cause)?;
        Ok(shown)
    }

    async fn send<T: Send + 'static>(
        &self,
        build: impl FnOnce(Reply<T>) -> Msg<S> + Send,
        ticket: u64,
        within: Option<Duration>,
    ) -> Result<T, CommandError<S::Command>> {
        let shared = &self.shared;
        let given = within.map(|within| shared.system.time().now() + within);
        let inherited = context::current_ref(|call| call.and_then(CallContext::deadline));
        let default = shared.system.ask_timeout();
        let limit = match given {
            Some(_) => shared.config.room_wait,
            None => shared.config.room_wait.min(default),
        };
        let mut began = None;
        let reach = shared.resident(&self.id, limit, &mut began);
        let reached = match given.into_iter().chain(inherited).min() {
            Some(at) => {
                let reached = shared.system.time().timeout_at(at, reach).await;
                reached.unwrap_or(Err(CommandFault::Timeout))
            }
            None => reach.await,
        };
        let resident = reached.map_err(|fault| CommandError::new(fault, None))?;
        let mut ask = resident.actor.ask(build);
        // The ask keeps the caller's deadline itself, and the default one where there was nothing to wait for.
        if let Some(at) = given.or(began.map(|began| began + default)) {
            ask = ask.within(at.saturating_duration_since(shared.system.time().now()));
        }
        let error = match ask.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let blame = shared.take_blame(ticket);
        let known = blame.or(match &error {
            AskError::Full(_) => Some(CommandFault::Full),
            AskError::Timeout(_) => Some(CommandFault::Timeout),
            AskError::NoReply => Some(CommandFault::NoReply),
            AskError::Stopped(_) => None,
            _ => Some(CommandFault::Interrupted),
        });
        let command = error.into_message().and_then(command_of);
        let fault = match known {
            Some(fault) => fault,
            None => self.why_over(&resident).await,
        };
        Err(CommandError::new(fault, command))
    }

    /// Why an entity has ended, or is just ending, that would have got a command.
    async fn why_over(&self, resident: &Resident<S>) -> CommandFault {
        let reason = resident.actor.stopped().await;
        if let Err(fault) = self.shared.gate.check() {
            return fault;
        }
        let Some(failure) = reason.failure().map(steadfast_actor_core::Failure::root_cause) else {
            return CommandFault::Interrupted;
        };
        if let Some(failed) = failure.downcast_ref::<RecoveryFailed>() {
            return CommandFault::Recovery(failed.clone());
        }
        if let Some(failed) = failure.downcast_ref::<PersistFailed>() {
            return match failed.fault() {
                CommandFault::Unknown { .. } => CommandFault::Poisoned,
                fault => fault.clone(),
            };
        }
        CommandFault::Failed(failure.message().into())
    }
}

fn command_of<S: EventSourced>(msg: Msg<S>) -> Option<S::Command> {
    match msg {
        Msg::Command { command, .. } => Some(command),
        _ => None,
    }
}

impl<S: EventSourced> Clone for EntityRef<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), id: Arc::clone(&self.id) }
    }
}

impl<S: EventSourced> fmt::Debug for EntityRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityRef({}/{})", self.shared.kind, self.id)
    }
}

/// A command on its way to its answer. Made by [`EntityRef::ask`].
///
/// # Cancel safety
///
/// Dropping the future discards the answer. The command may still be handled.
#[must_use = "a command is sent when this is awaited"]
pub struct EntityAsk<'a, S: EventSourced, T, F> {
    entity: &'a EntityRef<S>,
    build: F,
    within: Option<Duration>,
    key: Option<CommandId>,
    answer: std::marker::PhantomData<fn() -> T>,
}

impl<S: EventSourced, T, F> EntityAsk<'_, S, T, F> {
    /// Sets the deadline for all of it: bringing the entity into memory, recovery, and the answer.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Sends the command under an id, so that it is stored at most once however often it is sent.
    ///
    /// Before the entity decides it asks the log for the first event of an earlier try. If it is there, the
    /// answer is [`CommandFault::Stored`], and the command is not decided upon. So a command that ended as
    /// [`CommandFault::Unknown`], by a timeout, or with the process can be sent again.
    ///
    /// A command without events is decided upon each time. So is one whose events retention has removed.
    /// What a command runs by [`Decide::perform`](crate::Decide::perform) is not run again if its own events
    /// are stored; the command that the result becomes has an id that follows from this one.
    pub fn keyed(mut self, id: CommandId) -> Self {
        self.key = Some(id);
        self
    }
}

impl<'a, S, T, F> IntoFuture for EntityAsk<'a, S, T, F>
where
    S: EventSourced,
    T: Send + 'static,
    F: FnOnce(Reply<T>) -> S::Command + Send + 'a,
{
    type Output = Result<T, CommandError<S::Command>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { entity, build, within, key, .. } = self;
        let ticket = entity.shared.residents.next_use();
        let build = move |reply| Msg::Command { command: build(reply), ticket, key };
        Box::pin(entity.send(build, ticket, within))
    }
}

impl<S: EventSourced, T, F> fmt::Debug for EntityAsk<'_, S, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityAsk").field("entity", self.entity).finish_non_exhaustive()
    }
}
