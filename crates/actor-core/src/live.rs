//! A table of live actors: how a system, or a supervisor, reaches all of them.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use steadfast_base::ActorId;

use crate::cell::AnyCell;

const SHARDS: u32 = THREADS * BY_ID;

/// Shards for different threads.
const THREADS: u32 = 4;

/// Shards of one thread, by the number of the actor: one thread may start what another ends.
const BY_ID: u32 = 4;

/// The shard that the calling thread enters an actor into.
///
/// An actor often ends on the thread that started it: then the line of the lock stays with that
/// processor.
fn own_shard(id: ActorId) -> u32 {
    const NONE: u32 = u32::MAX;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static OWN: Cell<u32> = const { Cell::new(NONE) };
    }
    let own = OWN.with(|own| {
        if own.get() == NONE {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % THREADS);
        }
        own.get()
    });
    #[expect(clippy::cast_possible_truncation, reason = "only the remainder matters")]
    let by_id = id.as_u64() as u32 % BY_ID;
    own * BY_ID + by_id
}

/// The place in the table of a place in a shard. A shard has room for 2^28 actors, which take more
/// than 100 GB.
fn place_of(shard: u32, inner: u32) -> u32 {
    inner.saturating_mul(SHARDS).saturating_add(shard)
}

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

/// All live actors, in shards by the thread that started them and by their number.
#[derive(Default)]
pub(crate) struct Live {
    shards: [Apart; SHARDS as usize],
}

impl Live {
    /// The shard that a place is in.
    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of shards")]
    fn shard(&self, place: u32) -> MutexGuard<'_, Shard> {
        self.shards[(place % SHARDS) as usize].lock()
    }

    /// Enters an actor; its place.
    pub(crate) fn insert(&self, cell: Arc<dyn AnyCell>) -> u32 {
        let own = own_shard(cell.id());
        place_of(own, self.shard(own).insert(cell))
    }

    /// Enters an actor if `admit`, called where nobody takes all, lets it in; its place.
    pub(crate) fn insert_if(
        &self,
        cell: Arc<dyn AnyCell>,
        admit: impl FnOnce() -> bool,
    ) -> Option<u32> {
        let own = own_shard(cell.id());
        let mut shard = self.shard(own);
        admit().then(|| place_of(own, shard.insert(cell)))
    }

    /// Takes an actor out of its place, if it is still there.
    pub(crate) fn remove(&self, id: ActorId, place: u32) -> Removal {
        let mut shard = self.shard(place);
        let inner = place / SHARDS;
        let held = shard.places.get_mut(inner as usize);
        let Some(removed) = held.and_then(|held| held.take_if(|cell| cell.id() == id)) else {
            return Removal::Missing;
        };
        shard.free.push(inner);
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
