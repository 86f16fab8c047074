//! `ActorRef<M>`: the typed, pointer-sized handle to an actor.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use steadfast_base::ActorId;

use crate::{
    ActorHandle, Ask, ExitReason, Recipient, Reply, Status, Tell,
    cell::{AnyCell, Cell, Flags},
    stopped::Stopped,
};

/// A handle to an actor that takes messages of type `M`.
///
/// One pointer; cloning costs one atomic increment. It stays valid over restarts. Dropping the
/// last ref does not stop the actor: an actor ends when it stops itself, is stopped, or fails
/// with no supervisor to restart it.
///
/// # What does not compile
///
/// A message of another type, or an answer of another type than the reply's:
///
/// ```compile_fail,E0308
/// fn tell(account: steadfast_actor_core::ActorRef<u64>) {
///     drop(account.tell("five hundred").now());
/// }
/// ```
///
/// ```compile_fail,E0308
/// use steadfast_actor_core::{ActorRef, Reply};
/// enum Msg { Balance(Reply<u64>) }
/// async fn ask(account: ActorRef<Msg>) {
///     let cents: String = account.ask(Msg::Balance).await.unwrap_or_default();
/// }
/// ```
///
/// A message that cannot go to another thread:
///
/// ```compile_fail,E0277
/// fn tell(account: steadfast_actor_core::ActorRef<std::rc::Rc<u64>>) {}
/// ```
pub struct ActorRef<M: Send + 'static> {
    cell: Arc<Cell<M>>,
}

impl<M: Send + 'static> ActorRef<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        Self { cell }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<M>> {
        &self.cell
    }

    pub(crate) fn cell_any(&self) -> Arc<dyn AnyCell> {
        Arc::<Cell<M>>::clone(&self.cell)
    }

    /// The number that identifies the actor within its system.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell.id
    }

    /// The path: `/system/name`, or `/system/$id` for an anonymous actor.
    #[must_use]
    pub fn path(&self) -> Arc<str> {
        self.cell.path()
    }

    /// Where the actor is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.cell.status()
    }

    /// Messages waiting in the mailbox.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.cell.mailbox.len()
    }

    /// How many messages the mailbox holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.cell.mailbox.capacity() as usize
    }

    /// Changes the mailbox's capacity (at least 1) while it runs. Room gained goes to waiting
    /// senders at once; a smaller mailbox keeps what is queued and refuses more until it is below.
    pub fn set_capacity(&self, capacity: u32) {
        self.cell.mailbox.set_capacity(capacity.max(1));
    }

    /// Sends a message.
    ///
    /// The message goes into the mailbox during this call; the future returned only waits for
    /// room where the mailbox is full and its policy is to wait (5 s by default). Messages of one
    /// sender arrive in the order in which they were sent.
    ///
    /// # Errors
    ///
    /// [`SendError`](crate::SendError), always with the message.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the message if it still waits for room; if
    /// there was room, the message was sent by the call.
    #[inline]
    pub fn tell(&self, message: M) -> Tell<'_, M> {
        Tell::new(&self.cell, message)
    }

    /// Sends a message that holds a [`Reply`], and waits for the answer.
    ///
    /// A tuple variant with one field is the builder: `account.ask(Msg::Balance)`. With more
    /// fields: `account.ask(|reply| Msg::Withdraw { cents, reply })`.
    ///
    /// There is always a deadline: the system's default (5 s; fires up to 100 ms late), or that of
    /// the caller's context if it is earlier, or the one given by [`Ask::within`].
    ///
    /// # Errors
    ///
    /// [`AskError`](crate::AskError), with the message where no handler consumed it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future discards the answer. The message may still be handled, unless it was
    /// waiting for room; then it is dropped.
    pub fn ask<T: Send + 'static>(&self, build: impl FnOnce(Reply<T>) -> M) -> Ask<'_, M, T> {
        Ask::new(&self.cell, build)
    }

    /// Asks the actor to end after the message at hand, with the reason `Shutdown`; queued
    /// messages become dead letters. Under a supervisor, its policy decides what comes next; an actor
    /// that is being restarted comes up first.
    pub fn stop(&self) {
        self.cell.raise(Flags::STOP);
    }

    /// Asks the actor to accept no more, handle what it has accepted, and end with `Normal`.
    pub fn drain(&self) {
        self.cell.mailbox.close();
        self.cell.raise(Flags::DRAIN);
    }

    /// Ends the incarnation at once: an awaiting handler is dropped and no hook runs. A handler
    /// that computes without awaiting is not interrupted. Under a supervisor this is a failure.
    pub fn kill(&self) {
        self.cell.raise(Flags::KILL);
    }

    /// Pauses the actor: the control lane is served, user messages wait.
    pub fn suspend(&self) {
        self.cell.raise(Flags::SUSPEND);
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.cell.lower(Flags::SUSPEND);
    }

    /// Waits until the actor has ended for good, and says why.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn stopped(&self) -> Stopped {
        Stopped::new(&self.cell.system, &*self.cell)
    }

    /// Why the actor ended, once it has ended for good.
    #[must_use]
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.cell.exit()
    }

    /// The handle without the message type.
    #[must_use]
    pub fn handle(&self) -> ActorHandle {
        ActorHandle::new(self.cell_any())
    }

    /// A recipient of messages that convert into `M`.
    #[must_use]
    pub fn recipient<N: Into<M> + Send + 'static>(&self) -> Recipient<N> {
        Recipient::new(self.clone())
    }

    pub(crate) fn from_any(cell: Arc<dyn AnyCell>) -> Option<Self> {
        let cell: Arc<dyn Any + Send + Sync> = cell.into_any();
        cell.downcast::<Cell<M>>().ok().map(Self::new)
    }
}

impl<M: Send + 'static> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell) }
    }
}

impl<M: Send + 'static> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

impl<M: Send + 'static> Eq for ActorRef<M> {}

impl<M: Send + 'static> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cell.id.hash(state);
    }
}

impl<M: Send + 'static> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorRef").field(&self.path()).finish()
    }
}
