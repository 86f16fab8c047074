//! `Nest`: children that run on without a word to their supervisor until it looks at them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use steadfast_base::ActorId;

use crate::{
    ActorHandle,
    cell::{AnyCell, Cell},
    live::{Live, Removal},
};

/// Children of a supervisor that it has not looked at yet. The seam for supervisors of many
/// short-lived children; plain code has no use for it.
///
/// An actor started by [`Spawn::detach_into`](crate::Spawn::detach_into) is a child of its
/// supervisor at once. While it is in the nest, its end without a failure takes it out, and nobody
/// is told: two turns of the supervisor are saved. Whatever else it tells comes as the signal
/// [`Child`](crate::Signal::Child), and the supervisor finds the child in the nest, because the
/// child was put in before it ran: it has to [`take`](Self::take) all of them out before it serves
/// anything.
///
/// | setting | default |
/// |---|---|
/// | [`set_limit`](Self::set_limit) | 0: nothing is held |
/// | [`set_parts`](Self::set_parts) | false: each end asks the supervisor |
// INV-NEST-1: what was put in leaves exactly once: by its end, by `take` or by `close`; after
// `close` nothing comes in.
pub struct Nest {
    cells: Live,
    held: AtomicU32,
    limit: AtomicU32,
    open: AtomicBool,
    parts: AtomicBool,
}

impl Nest {
    /// An open nest that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            cells: Live::default(),
            held: AtomicU32::new(0),
            limit: AtomicU32::new(0),
            open: AtomicBool::new(true),
            parts: AtomicBool::new(false),
        }
    }

    /// The most children it holds; what is above is refused.
    pub fn set_limit(&self, children_max: u32) {
        self.limit.store(children_max, Ordering::SeqCst);
    }

    /// Sets whether the children put in from now on end for good without asking where they end
    /// without a failure. Those of before are [`take`](Self::take)n out after the call.
    pub fn set_parts(&self, parts: bool) {
        self.parts.store(parts, Ordering::SeqCst);
    }

    /// Takes all children out, by their number. From now on the supervisor is told of their ends.
    #[must_use = "the children are the supervisor's from now on"]
    pub fn take(&self) -> Vec<ActorHandle> {
        // One that is being put in has not run yet: it can wait for the next look.
        if self.held.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let cells = self.cells.take_all();
        let count = u32::try_from(cells.len()).unwrap_or(u32::MAX);
        self.held.fetch_sub(count, Ordering::SeqCst);
        cells.into_iter().map(ActorHandle::new).collect()
    }

    /// Takes all children out; nothing is put in any more.
    #[must_use = "the children are the supervisor's from now on"]
    pub fn close(&self) -> Vec<ActorHandle> {
        self.open.store(false, Ordering::SeqCst);
        self.take()
    }

    /// Puts a child in that has not run yet; false if there is no room or the nest is closed.
    pub(crate) fn hold<M: Send + 'static>(self: &Arc<Self>, cell: &Arc<Cell<M>>) -> bool {
        let held = self.held.fetch_add(1, Ordering::SeqCst);
        let has_room = held < self.limit.load(Ordering::SeqCst);
        let any: Arc<dyn AnyCell> = Arc::<Cell<M>>::clone(cell);
        let place = has_room.then(|| {
            self.cells.insert_if(any, || {
                let open = self.open.load(Ordering::SeqCst);
                if open {
                    cell.parts.store(self.parts.load(Ordering::SeqCst), Ordering::SeqCst);
                }
                open
            })
        });
        let Some(place) = place.flatten() else {
            self.held.fetch_sub(1, Ordering::SeqCst);
            return false;
        };
        if let Some(link) = &mut cell.rare().link {
            link.nest = Some((Arc::clone(self), place));
        }
        true
    }

    /// Takes out a child that has ended; false if the supervisor has taken it before.
    pub(crate) fn let_go(&self, id: ActorId, place: u32) -> bool {
        if self.cells.remove(id, place) == Removal::Missing {
            return false;
        }
        self.held.fetch_sub(1, Ordering::SeqCst);
        true
    }
}

impl Default for Nest {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Nest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nest")
            .field("held", &self.held)
            .field("limit", &self.limit)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}
