//! Children and watches of an actor, and the signals that come of them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use steadfast_base::ActorId;

use super::Cx;
use crate::{
    Actor, ActorHandle, ActorRef, IntoFactory, Signal, Spawn,
    cell::{AnyCell, Cell, Received, Watcher, notify},
    extras::Watched,
    tape::{self, OutputKind, Passage},
};

/// Children and watches.
impl<A: Actor> Cx<A> {
    /// Starts a child under this actor's path. It stops with this actor, before it.
    ///
    /// A child is not restarted when it fails: this actor gets
    /// [`Signal::ChildExited`](crate::Signal::ChildExited). To have it restarted, put it under a
    /// supervisor.
    pub fn spawn<C: Actor, K, F: IntoFactory<C, K>>(
        &mut self,
        name: &str,
        factory: F,
    ) -> Spawn<C, F::Factory> {
        let system = Arc::clone(&self.cell.system);
        let parent: Arc<dyn AnyCell> = Arc::<Cell<A::Msg>>::clone(&self.cell);
        Spawn::new(system, Some(name), factory.into_factory()).under(parent)
    }

    /// The children that are alive, in the order of their start.
    pub fn children(&mut self) -> Vec<ActorHandle> {
        self.adopt_children();
        let extras = self.extras.as_ref();
        let children = extras.map(|extras| &extras.children).into_iter().flatten();
        let own = children.filter(|(_, child)| child.is_child_of(self.cell.id));
        own.map(|(_, cell)| ActorHandle::new(Arc::clone(cell))).collect()
    }

    /// Takes over the children that were started since the last look.
    pub(super) fn adopt_children(&mut self) {
        let born = match self.cell.rare().desk.as_mut() {
            Some(desk) if !desk.born.is_empty() => std::mem::take(&mut desk.born),
            _ => return,
        };
        for child in born {
            self.extras().children.insert(child.id(), child);
        }
    }

    /// The children that are still this actor's own: one may have been adopted by a supervisor.
    pub(super) fn take_children(&mut self) -> BTreeMap<ActorId, Arc<dyn AnyCell>> {
        self.adopt_children();
        let id = self.cell.id;
        let Some(extras) = &mut self.extras else { return BTreeMap::new() };
        let mut children = std::mem::take(&mut extras.children);
        children.retain(|_, child| child.is_child_of(id));
        children
    }

    /// Takes a child off the list; false if it is not on it.
    pub(crate) fn forget_child(&mut self, child: ActorId) -> bool {
        self.adopt_children();
        self.extras.as_mut().is_some_and(|extras| extras.children.remove(&child).is_some())
    }

    /// Asks to be told once when `target` ends for good: a signal
    /// [`Terminated`](crate::Signal::Terminated). At once, if it has ended already. A second watch
    /// of the same actor changes nothing.
    pub fn watch<M: Send + 'static>(&mut self, target: &ActorRef<M>) {
        self.watch_cell(&target.cell_any(), None);
    }

    /// As [`watch`](Self::watch), but the end comes as `message`, handled before the mailbox.
    pub fn watch_with<M: Send + 'static>(&mut self, target: &ActorRef<M>, message: A::Msg) {
        self.watch_cell(&target.cell_any(), Some(message));
    }

    /// As [`watch`](Self::watch), for an actor whose message type is not known.
    pub fn watch_handle(&mut self, target: &ActorHandle) {
        self.watch_cell(&target.cell_any(), None);
    }

    fn watch_cell(&mut self, target: &Arc<dyn AnyCell>, message: Option<A::Msg>) {
        let id = target.id();
        let noted = tape::is_on().then(|| tape::note(OutputKind::Watch, &target.path())).flatten();
        let Entry::Vacant(free) = self.extras().watched.entry(id) else { return };
        free.insert(Watched { cell: Arc::clone(target), message });
        if matches!(noted, Some(Passage::Kept(_))) {
            return;
        }
        let watcher: Arc<dyn AnyCell> = Arc::<Cell<A::Msg>>::clone(&self.cell);
        let watcher = Watcher::Actor { watcher, incarnation: self.cell.incarnation() };
        if let Err((watcher, reason)) = target.watch(watcher) {
            notify(watcher, id, &target.path(), &reason);
        }
    }

    /// Takes a watch back; a notice already on its way is dropped.
    pub fn unwatch<M: Send + 'static>(&mut self, target: &ActorRef<M>) {
        self.unwatch_id(target.id());
    }

    /// As [`unwatch`](Self::unwatch), by the actor's number.
    pub fn unwatch_id(&mut self, target: ActorId) {
        if let Some(watched) = self.extras().watched.remove(&target) {
            if tape::is_on() {
                tape::note(OutputKind::Unwatch, &watched.cell.path());
            }
            watched.cell.unwatch(self.cell.id);
        }
    }

    pub(crate) fn receive_signal(&mut self, signal: Signal) -> Received<A::Msg> {
        match &signal {
            Signal::Terminated { id, .. } => match self.extras().watched.remove(id) {
                Some(Watched { message: Some(message), .. }) => Received::Message(message),
                Some(_) => Received::Hook(signal),
                None => Received::Stale,
            },
            // One that is not on the list was stopped by this actor itself, or is another's now.
            Signal::ChildExited { id, .. } if !self.forget_child(*id) => Received::Stale,
            Signal::ChildExited { .. } | Signal::Child(_) => Received::Hook(signal),
        }
    }
}
