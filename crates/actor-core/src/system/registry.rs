//! Paths and the actors that live at them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{StartError, cell::AnyCell};

const SHARDS: usize = 16;

/// Longest name of an actor, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

type Hasher = BuildHasherDefault<DefaultHasher>;
type Shard = HashMap<Arc<str>, Arc<dyn AnyCell>, Hasher>;

/// The registry of one system: a path belongs to at most one live actor.
#[derive(Default)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
}

impl Registry {
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    #[expect(clippy::cast_possible_truncation, reason = "only the remainder matters")]
    fn shard(&self, path: &str) -> MutexGuard<'_, Shard> {
        let hash = Hasher::default().hash_one(path) as usize;
        self.shards[hash % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, path: &Arc<str>, cell: Arc<dyn AnyCell>) -> Result<(), StartError> {
        let mut shard = self.shard(path);
        if shard.contains_key(path) {
            return Err(StartError::NameTaken(path.to_string()));
        }
        shard.insert(Arc::clone(path), cell);
        Ok(())
    }

    /// Frees the path, if this actor has it.
    pub(crate) fn remove(&self, path: &str, cell: &dyn AnyCell) {
        let mut shard = self.shard(path);
        let gone = if shard.get(path).is_some_and(|known| known.id() == cell.id()) {
            shard.remove(path)
        } else {
            None
        };
        drop(shard);
        drop(gone);
    }

    pub(crate) fn get(&self, path: &str) -> Option<Arc<dyn AnyCell>> {
        self.shard(path).get(path).map(Arc::clone)
    }
}

/// Refuses names that would not make one segment of a path.
pub(crate) fn check_name(name: &str) -> Result<(), StartError> {
    let usable = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.contains('/')
        && !name.starts_with('$')
        && !name.chars().any(char::is_control);
    if usable { Ok(()) } else { Err(StartError::BadName(name.to_owned())) }
}
