//! An actor's cell with its message type erased: what parents, watchers and the system need.

use std::{
    any::Any,
    sync::{Arc, atomic::Ordering},
};

use steadfast_base::ActorId;

use super::{Cell, Control, Flags, Link, Order, Status, Watcher, desk::VISITS_MAX};
use crate::{
    ExitReason, HatchError, Signal, VisitError, error::ControlFull, group::Membership,
    hatch::Inspect, slot::Answer, system::SystemInner,
};

pub(crate) trait AnyCell: Send + Sync {
    fn id(&self) -> ActorId;
    fn status(&self) -> Status;
    fn path(&self) -> Arc<str>;
    fn exit(&self) -> Option<ExitReason>;
    fn incarnation(&self) -> u32;
    fn queued(&self) -> usize;
    fn capacity(&self) -> usize;
    fn set_capacity(&self, capacity: u32);
    fn raise(&self, flags: u32);
    fn lower(&self, flags: u32);
    /// Puts a signal on the control lane; false if the actor has ended.
    fn signal(&self, signal: Signal) -> bool;
    /// Takes a child off the list without a signal.
    fn forget_child(&self, child: ActorId);
    fn visit(&self, visit: super::Visit) -> Result<(), VisitError>;
    fn order(&self, orders: &[Order]) -> bool;
    /// Sets whether an end without a failure is final although there is a supervisor.
    fn set_parts(&self, parts: bool);
    /// Ends a waiting actor for good, with this reason; false if it has ended.
    fn close(&self, reason: ExitReason) -> bool;
    fn set_link(&self, link: Option<Box<Link>>) -> bool;
    /// Adds a watcher; an actor that has ended answers with its exit reason at once.
    fn watch(&self, watcher: Watcher) -> Result<(), (Watcher, ExitReason)>;
    fn unwatch(&self, watcher: ActorId);
    fn wait(&self, answer: Answer<ExitReason>);
    /// Remembers a group to leave at the end; false if the actor has ended.
    fn join(&self, membership: Membership) -> bool;
    fn leave(&self, group: &str);
    fn place(&self) -> u32;
    fn system(&self) -> Arc<SystemInner>;
    /// The supervisor and the number under which it knows this actor.
    fn supervisor(&self) -> Option<(Arc<dyn AnyCell>, u64)>;
    /// Whether an actor that lives is to end this one.
    fn has_parent(&self) -> bool;
    fn is_child_of(&self, parent: ActorId) -> bool;
    /// Takes a new child; false if the actor is ending.
    fn bear(&self, child: Arc<dyn AnyCell>) -> bool;
    fn inspector(&self) -> Option<Inspect>;
    fn set_inspector(&self, inspect: Inspect);
    /// Puts in a message that is given as text.
    fn inject(self: Arc<Self>, text: &str) -> Result<(), HatchError>;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Send + 'static> Cell<M> {
    /// Puts something on the control queue, unless the actor has ended.
    fn post(&self, control: Control) -> Result<(), ControlFull> {
        {
            let mut rare = self.rare();
            if self.status() == Status::Stopped {
                return Err(ControlFull::Stopped);
            }
            let desk = rare.desk();
            if matches!(control, Control::Visit(_)) {
                if desk.visits >= VISITS_MAX {
                    return Err(ControlFull::Busy);
                }
                desk.visits += 1;
            }
            desk.queue.push_back(control);
        }
        self.raise(Flags::QUEUE);
        Ok(())
    }
}

impl<M: Send + 'static> AnyCell for Cell<M> {
    fn id(&self) -> ActorId {
        self.id
    }

    fn status(&self) -> Status {
        self.status()
    }

    fn path(&self) -> Arc<str> {
        self.path()
    }

    fn exit(&self) -> Option<ExitReason> {
        self.exit()
    }

    fn incarnation(&self) -> u32 {
        self.incarnation()
    }

    fn queued(&self) -> usize {
        self.mailbox.len()
    }

    fn capacity(&self) -> usize {
        self.mailbox.capacity() as usize
    }

    fn set_capacity(&self, capacity: u32) {
        self.mailbox.set_capacity(capacity);
    }

    fn raise(&self, flags: u32) {
        self.raise(flags);
    }

    fn lower(&self, flags: u32) {
        self.flags.clear(flags);
        self.mailbox.wake();
    }

    fn signal(&self, signal: Signal) -> bool {
        self.post(Control::Signal(signal)).is_ok()
    }

    fn forget_child(&self, child: ActorId) {
        // An actor that has ended has no list any more.
        drop(self.post(Control::Forget(child)));
    }

    fn visit(&self, visit: super::Visit) -> Result<(), VisitError> {
        self.post(Control::Visit(visit)).map_err(VisitError::from)
    }

    fn order(&self, orders: &[Order]) -> bool {
        {
            let mut rare = self.rare();
            if self.status() == Status::Stopped {
                return false;
            }
            if orders.contains(&Order::Start) {
                // What was to end the last incarnation is over with. A stop that somebody else asked
                // for while none ran is the next one's, and then the supervisor's to decide on.
                self.flags.clear(Flags::KILL);
                if self.flags.take(Flags::AGAIN) != 0 {
                    self.flags.clear(Flags::STOP);
                }
            }
            rare.desk().orders.extend(orders);
        }
        self.raise(Flags::ORDER);
        true
    }

    fn set_parts(&self, parts: bool) {
        self.parts.store(parts, Ordering::SeqCst);
    }

    fn close(&self, reason: ExitReason) -> bool {
        {
            let mut rare = self.rare();
            if self.status() == Status::Stopped {
                return false;
            }
            rare.desk().verdict = Some(reason);
        }
        self.raise(Flags::STOP | Flags::FINAL);
        true
    }

    fn set_link(&self, link: Option<Box<Link>>) -> bool {
        {
            let mut rare = self.rare();
            if self.status() == Status::Stopped {
                return false;
            }
            rare.link = link;
        }
        self.raise(Flags::ORDER);
        true
    }

    fn watch(&self, watcher: Watcher) -> Result<(), (Watcher, ExitReason)> {
        let mut rare = self.rare();
        if self.status() == Status::Stopped {
            drop(rare);
            return Err((watcher, self.ending()));
        }
        rare.desk().watchers.push(watcher);
        Ok(())
    }

    fn unwatch(&self, watcher: ActorId) {
        if let Some(desk) = self.rare().desk.as_mut() {
            desk.watchers.retain(|known| !known.is(watcher));
        }
    }

    fn wait(&self, answer: Answer<ExitReason>) {
        if let Err((Watcher::Future(answer), reason)) = self.watch(Watcher::Future(answer)) {
            drop(answer.send(reason));
        }
    }

    fn join(&self, membership: Membership) -> bool {
        let mut rare = self.rare();
        if self.status() == Status::Stopped {
            return false;
        }
        rare.desk().memberships.push(membership);
        true
    }

    fn leave(&self, group: &str) {
        if let Some(desk) = self.rare().desk.as_mut() {
            desk.memberships.retain(|membership| membership.group() != group);
        }
    }

    fn place(&self) -> u32 {
        self.place.load(Ordering::Relaxed)
    }

    fn system(&self) -> Arc<SystemInner> {
        Arc::clone(&self.system)
    }

    fn supervisor(&self) -> Option<(Arc<dyn AnyCell>, u64)> {
        self.supervisor()
    }

    fn has_parent(&self) -> bool {
        if !self.ties.have_link() {
            return false;
        }
        let parent = self.rare().link.as_ref().map(|link| Arc::clone(&link.parent));
        parent.is_some_and(|parent| parent.status() != Status::Stopped)
    }

    fn is_child_of(&self, parent: ActorId) -> bool {
        let rare = self.rare();
        rare.link.as_ref().is_some_and(|link| !link.supervised && link.parent.id() == parent)
    }

    fn bear(&self, child: Arc<dyn AnyCell>) -> bool {
        let mut rare = self.rare();
        if self.flags.has(Flags::FINAL) || self.status() == Status::Stopped {
            return false;
        }
        rare.desk().born.push(child);
        true
    }

    fn inspector(&self) -> Option<Inspect> {
        self.at_desk(|desk| desk.hatches.inspect).flatten()
    }

    fn set_inspector(&self, inspect: Inspect) {
        self.rare().desk().hatches.inspect = Some(inspect);
    }

    fn inject(self: Arc<Self>, text: &str) -> Result<(), HatchError> {
        self.put_in(text)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
