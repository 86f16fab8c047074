//! A table of live actors: how a system, or a supervisor, reaches all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_base::ActorId;

use crate::cell::AnyCell;

const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    places: Vec<Option<Arc<dyn AnyCell>>>,
    free: Vec<u32>,
}

impl Shard {
    fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn insert(&mut self, cell: Arc<dyn AnyCell>) -> u32 {
        let place = self.free.pop();
        let free = place.and_then(|place| Some((place, self.places.get_mut(place as usize)?)));
        if let Some((place, empty)) = free {
            *empty = Some(cell);
            return place;
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Some(cell));
        place
    }
}

/// What came of taking an actor out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It was not there.
    Missing,
    /// Others are left in its shard.
    Done,
    /// It was the last of its shard.
    Emptied,
}

/// A shard on cache lines of its own: one thread starts actors while others end them.
#[derive(Default)]
#[repr(align(128))]
struct Apart(Mutex<Shard>);

impl Apart {
    fn lock(&self) -> MutexGuard<'_, Shard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All live actors, in shards by their number.
#[derive(Default)]
pub(crate) struct Live {
    shards: [Apart; SHARDS],
}

impl Live {
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    #[expect(clippy::cast_possible_truncation, reason = "only the remainder matters")]
    fn shard(&self, id: ActorId) -> MutexGuard<'_, Shard> {
        self.shards[id.as_u64() as usize % SHARDS].lock()
    }

    /// Enters an actor; its place.
    pub(crate) fn insert(&self, cell: Arc<dyn AnyCell>) -> u32 {
        self.shard(cell.id()).insert(cell)
    }

    /// Enters an actor if `admit`, called where nobody takes all, lets it in; its place.
    pub(crate) fn insert_if(
        &self,
        cell: Arc<dyn AnyCell>,
        admit: impl FnOnce() -> bool,
    ) -> Option<u32> {
        let mut shard = self.shard(cell.id());
        admit().then(|| shard.insert(cell))
    }

    /// Takes an actor out of its place, if it is still there.
    pub(crate) fn remove(&self, id: ActorId, place: u32) -> Removal {
        let mut shard = self.shard(id);
        let held = shard.places.get_mut(place as usize);
        let Some(removed) = held.and_then(|held| held.take_if(|cell| cell.id() == id)) else {
            return Removal::Missing;
        };
        shard.free.push(place);
        let emptied = shard.len() == 0;
        drop(shard);
        drop(removed);
        if emptied { Removal::Emptied } else { Removal::Done }
    }

    /// Takes all actors out, by their number.
    pub(crate) fn take_all(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let Shard { places, .. } = std::mem::take(&mut *shard.lock());
            all.extend(places.into_iter().flatten());
        }
        all.sort_unstable_by_key(|cell| cell.id());
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// All live actors at some moment, by their number.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            all.extend(shard.lock().places.iter().flatten().map(Arc::clone));
        }
        all.sort_unstable_by_key(|cell| cell.id());
        all
    }
}
