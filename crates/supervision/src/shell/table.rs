//! The actors behind the children: one handle per child, and those on their way out.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, Nest, Wards};
use steadfast_base::ActorId;

use crate::ChildKey;

/// The living actors of one supervisor. None of them outlives the table: dropping it kills them.
#[derive(Default)]
pub(super) struct Table {
    /// By the slot of the child's key.
    handles: Vec<Option<ActorHandle>>,
    /// Actors that end by themselves while the specs of their children have moved on.
    leaving: BTreeMap<ActorId, ActorHandle>,
    /// Children that it has not looked at yet; none under a static supervisor.
    nest: Option<Arc<Nest>>,
    /// Where killed children are left, so that the supervisor's end waits for theirs.
    wards: Option<Wards>,
}

impl Table {
    pub(super) fn set_wards(&mut self, wards: Wards) {
        self.wards = Some(wards);
    }

    /// A table with a nest: for a dynamic supervisor.
    pub(super) fn with_nest() -> Self {
        let mut table = Self::default();
        table.nest = Some(Arc::new(Nest::new()));
        table
    }

    pub(super) fn nest(&self) -> Option<&Arc<Nest>> {
        self.nest.as_ref()
    }

    pub(super) fn get(&self, child: ChildKey) -> Option<&ActorHandle> {
        self.handles.get(child.slot as usize)?.as_ref()
    }

    /// Whether this actor is the child's present one.
    pub(super) fn is_present(&self, child: ChildKey, id: ActorId) -> bool {
        self.get(child).is_some_and(|handle| handle.id() == id)
    }

    pub(super) fn set(&mut self, child: ChildKey, handle: ActorHandle) {
        let slot = child.slot as usize;
        if slot >= self.handles.len() {
            self.handles.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.handles.get_mut(slot) {
            *place = Some(handle);
        }
    }

    pub(super) fn take(&mut self, child: ChildKey) -> Option<ActorHandle> {
        self.handles.get_mut(child.slot as usize)?.take()
    }

    /// Remembers an actor that ends by itself from now on.
    pub(super) fn leave(&mut self, handle: ActorHandle) {
        self.leaving.insert(handle.id(), handle);
    }

    /// An actor that was leaving has gone; false if it was none.
    pub(super) fn left(&mut self, id: ActorId) -> bool {
        self.leaving.remove(&id).is_some()
    }

    /// The actor that still holds a path.
    pub(super) fn leaving_at(&self, path: &str) -> Option<ActorId> {
        let mut leaving = self.leaving.values();
        leaving.find(|handle| &*handle.path() == path).map(ActorHandle::id)
    }

    pub(super) fn is_anyone_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    pub(super) fn kill_leaving(&self) {
        for leaving in self.leaving.values() {
            leaving.kill_for_good();
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let leaving = std::mem::take(&mut self.leaving).into_values();
        let unseen = self.nest.take().map(|nest| nest.close()).unwrap_or_default();
        for child in self.handles.drain(..).flatten().chain(leaving).chain(unseen) {
            child.kill_for_good();
            if let Some(wards) = &self.wards {
                wards.leave(child);
            }
        }
    }
}
