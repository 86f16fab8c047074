//! How much of sealed segments is in memory beside their actors and filters, and which of it goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::sealed::Sealed;
use super::shared::Shared;
use super::state::State;
use crate::format::cold::ColdPart;

/// What the sealed segments of a log have in memory together.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    bytes: AtomicU64,
    /// Counts uses, to tell which was later.
    uses: AtomicU64,
}

impl Loaded {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What one of them has. It gives it back when it goes.
#[derive(Debug)]
pub(super) struct Share {
    all: Arc<Loaded>,
    bytes: AtomicU64,
    used: AtomicU64,
    counted: [AtomicBool; ColdPart::ALL.len()],
}

impl Share {
    pub(super) fn of(all: &Arc<Loaded>) -> Self {
        let [bytes, used] = [const { AtomicU64::new(0) }; 2];
        Self { all: Arc::clone(all), bytes, used, counted: Default::default() }
    }

    /// One of the same log, with nothing yet.
    pub(super) fn another(&self) -> Self {
        Self::of(&self.all)
    }

    /// Says that somebody looks for something here.
    pub(super) fn touch(&self) {
        self.used.store(self.all.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Counts a part the first time it is there. What every opening and every retry needs is no part of it.
    pub(super) fn count_part(&self, part: ColdPart, bytes: u64) {
        let stays = matches!(part, ColdPart::Actors | ColdPart::Bloom);
        let number = ColdPart::ALL.iter().position(|known| *known == part);
        let counted = number.and_then(|number| self.counted.get(number));
        if !stays && counted.is_some_and(|counted| !counted.swap(true, Ordering::Relaxed)) {
            self.count(bytes);
        }
    }

    pub(super) fn count(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

impl Shared {
    /// Forgets what was used longest ago of sealed segments, if there is more in memory than is allowed. What a read
    /// under way holds stays.
    pub(super) fn trim_loaded(&self) {
        if self.loaded.bytes() <= self.config.sealed_index_bytes {
            return;
        }
        // A quarter more than need be, so that it is not done for each segment that comes in.
        let most = self.config.sealed_index_bytes;
        let target = most.saturating_sub(most / 4);
        let forgotten = self.write_state().forget_loaded(target);
        drop(forgotten);
    }
}

impl State {
    /// Puts bare ones in the place of sealed segments until they have no more than this in memory; gives those that
    /// were there, to be dropped without the lock.
    fn forget_loaded(&mut self, target: u64) -> Vec<Arc<Sealed>> {
        let mut left = self.loaded.bytes();
        let is_free = |sealed: &&mut Arc<Sealed>| {
            // Nobody can come by another one meanwhile: they are in here.
            Arc::strong_count(sealed) == 1 && sealed.share.bytes.load(Ordering::Relaxed) > 0
        };
        let sealed = self.segments.values_mut().filter_map(|segment| segment.sealed.as_mut());
        let mut free: Vec<&mut Arc<Sealed>> = sealed.filter(is_free).collect();
        free.sort_unstable_by_key(|sealed| sealed.share.used.load(Ordering::Relaxed));
        let mut forgotten = Vec::new();
        for sealed in free {
            if left <= target {
                break;
            }
            left = left.saturating_sub(sealed.share.bytes.load(Ordering::Relaxed));
            let bare = Arc::new(sealed.bare());
            forgotten.push(std::mem::replace(sealed, bare));
        }
        forgotten
    }
}
