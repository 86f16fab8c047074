//! The table of live actors: how the system reaches all of them, and knows when none is left.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use steadfast_base::ActorId;

use crate::cell::AnyCell;

const SHARDS: usize = 16;

#[derive(Default)]
struct Shard {
    places: Vec<Option<Arc<dyn AnyCell>>>,
    free: Vec<u32>,
}

/// All live actors, in shards by their number.
#[derive(Default)]
pub(crate) struct Live {
    shards: [Mutex<Shard>; SHARDS],
    count: AtomicUsize,
}

impl Live {
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    #[expect(clippy::cast_possible_truncation, reason = "only the remainder matters")]
    fn shard(&self, id: ActorId) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[id.as_u64() as usize % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, cell: Arc<dyn AnyCell>) {
        let mut shard = self.shard(cell.id());
        let place = shard.free.pop();
        let free = place.and_then(|place| Some((place, shard.places.get_mut(place as usize)?)));
        if let Some((place, empty)) = free {
            cell.set_place(place);
            *empty = Some(cell);
        } else {
            cell.set_place(u32::try_from(shard.places.len()).unwrap_or(u32::MAX));
            shard.places.push(Some(cell));
        }
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes an actor out; the number of those left.
    pub(crate) fn remove(&self, id: ActorId, place: u32) -> Option<usize> {
        let removed = {
            let mut shard = self.shard(id);
            let removed = shard.places.get_mut(place as usize)?.take()?;
            shard.free.push(place);
            removed
        };
        drop(removed);
        Some(self.count.fetch_sub(1, Ordering::SeqCst) - 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// All live actors at some moment, by their number.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.places.iter().flatten().map(Arc::clone));
        }
        all.sort_unstable_by_key(|cell| cell.id());
        all
    }
}
