//! Values that layers above put at the disposal of a system's actors, by type.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, PoisonError, RwLock},
};

/// One value of each type; bounded by the types there are.
#[derive(Default)]
pub(super) struct Installed(RwLock<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Installed {
    pub(super) fn put<T: Send + Sync + 'static>(&self, value: Arc<T>) -> Result<(), Arc<T>> {
        let mut installed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match installed.entry(TypeId::of::<T>()) {
            Entry::Vacant(free) => {
                free.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(value),
        }
    }

    pub(super) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let installed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(installed.get(&TypeId::of::<T>())?).downcast().ok()
    }
}
