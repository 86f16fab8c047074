//! `ActorHandle`: an actor without its message type, as supervisors and tools see it.

use std::{any::Any, fmt, sync::Arc};

use steadfast_base::ActorId;

use crate::{
    Actor, ActorRef, ChildEvent, ChildStage, Cx, ExitReason, Failure, Order, Signal, Status, Visit,
    VisitError,
    cell::{AnyCell, Flags, Link},
    stopped::Stopped,
};

/// A handle to an actor of any type.
#[derive(Clone)]
pub struct ActorHandle {
    cell: Arc<dyn AnyCell>,
}

impl ActorHandle {
    pub(crate) fn new(cell: Arc<dyn AnyCell>) -> Self {
        Self { cell }
    }

    pub(crate) fn cell_any(&self) -> Arc<dyn AnyCell> {
        Arc::clone(&self.cell)
    }

    /// The number that identifies the actor within its system.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell.id()
    }

    /// The path of the actor.
    #[must_use]
    pub fn path(&self) -> Arc<str> {
        self.cell.path()
    }

    /// Where the actor is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.cell.status()
    }

    /// How often the actor has started.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.cell.incarnation()
    }

    /// Messages waiting in the mailbox.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.cell.queued()
    }

    /// How many messages the mailbox holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.cell.capacity()
    }

    /// See [`ActorRef::set_capacity`].
    pub fn set_capacity(&self, capacity: u32) {
        self.cell.set_capacity(capacity.max(1));
    }

    /// The typed ref, if the actor takes messages of type `M`.
    #[must_use]
    pub fn downcast<M: Send + 'static>(&self) -> Option<ActorRef<M>> {
        ActorRef::from_any(Arc::clone(&self.cell))
    }

    /// See [`ActorRef::stop`].
    pub fn stop(&self) {
        self.cell.raise(Flags::STOP);
    }

    /// See [`ActorRef::kill`].
    pub fn kill(&self) {
        self.cell.raise(Flags::KILL);
    }

    /// See [`ActorRef::suspend`].
    pub fn suspend(&self) {
        self.cell.raise(Flags::SUSPEND);
    }

    /// See [`ActorRef::resume`].
    pub fn resume(&self) {
        self.cell.lower(Flags::SUSPEND);
    }

    /// Why the actor ended, once it has ended for good.
    #[must_use]
    pub fn exit_reason(&self) -> Option<ExitReason> {
        self.cell.exit()
    }

    /// Waits until the actor has ended for good, and says why.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub fn stopped(&self) -> Stopped {
        Stopped::new(&self.cell.system(), &*self.cell)
    }

    /// Runs `visit` on the actor's state between two messages, on the control lane.
    ///
    /// # Errors
    ///
    /// `Stopped`, or `Busy` if 1,024 visits wait already. An actor of another type drops the
    /// closure unrun.
    pub fn visit<A: Actor>(
        &self,
        visit: impl FnOnce(&mut A, &mut Cx<A>) + Send + 'static,
    ) -> Result<(), VisitError> {
        self.cell.visit(Visit(Box::new(move |actor: &mut dyn Any, cx: &mut dyn Any| {
            if let (Some(actor), Some(cx)) = (actor.downcast_mut(), cx.downcast_mut()) {
                visit(actor, cx);
            }
        })))
    }

    /// Reports a failure of this actor to its supervisor without ending it; false if it has none.
    pub fn report_error(&self, failure: Failure) -> bool {
        let Some((supervisor, key)) = self.cell.supervisor() else { return false };
        let event = ChildEvent { key, id: self.id(), stage: ChildStage::Reported(failure) };
        supervisor.signal(Signal::Child(event))
    }
}

/// The seam for supervisors. Plain code has no use for it.
impl ActorHandle {
    /// Answers a child that waits for a decision; without effect on one that does not.
    pub fn order(&self, order: Order) {
        self.cell.order(&[order]);
    }

    /// As [`order`](Self::order), for several that follow each other; the child wakes once.
    pub fn orders(&self, orders: &[Order]) {
        self.cell.order(orders);
    }

    /// Ends the incarnation in order, after the message at hand, in favor of the next one. Without
    /// effect on the next one, where the child has ended by itself meanwhile.
    pub fn stop_to_restart(&self) {
        self.cell.raise(Flags::STOP | Flags::AGAIN);
    }

    /// Ends the child for good, in order, after the message at hand.
    pub fn stop_for_good(&self) {
        self.cell.raise(Flags::STOP | Flags::FINAL);
    }

    /// Ends the child for good, at once and without hooks.
    pub fn kill_for_good(&self) {
        self.cell.raise(Flags::KILL | Flags::FINAL);
    }

    /// Ends a child that waits for a decision, or any other, for good and in order, with this
    /// reason where the incarnation has ended already. False if the actor has ended.
    pub fn close(&self, reason: ExitReason) -> bool {
        self.cell.close(reason)
    }

    /// Sets whether the child ends for good by itself, without asking, where it ends without a
    /// failure: for those that would not be restarted then. Its supervisor is told either way.
    pub fn set_parts(&self, parts: bool) {
        self.cell.set_parts(parts);
    }

    /// The number under which `supervisor` knows this actor, if it is its supervisor.
    #[must_use]
    pub fn key_under(&self, supervisor: &ActorHandle) -> Option<u64> {
        let (above, key) = self.cell.supervisor()?;
        (above.id() == supervisor.id()).then_some(key)
    }

    /// True if a supervisor decides on this actor.
    #[must_use]
    pub fn is_supervised(&self) -> bool {
        self.cell.supervisor().is_some()
    }

    /// Puts the actor under `supervisor`, which knows it by `key` and is told of every step as a
    /// [`Signal::Child`]. False if the actor has ended.
    pub fn link(&self, supervisor: &ActorHandle, key: u64) -> bool {
        let parent = Arc::clone(&supervisor.cell);
        self.cell.set_link(Some(Box::new(Link { parent, key, supervised: true, nest: None })))
    }

    /// Cuts the actor loose from whoever it is under. False if the actor has ended.
    pub fn unlink(&self) -> bool {
        self.cell.set_link(None)
    }
}

impl PartialEq for ActorHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

impl Eq for ActorHandle {}

impl fmt::Debug for ActorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ActorHandle").field(&self.path()).finish()
    }
}
