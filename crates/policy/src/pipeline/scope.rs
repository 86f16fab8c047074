//! The call context of one attempt, current while the protected code runs.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use steadfast_base::{CallContext, context};

use crate::pipeline::call::{Call, Mark};

/// Contexts kept for reuse by each thread, so that an attempt allocates none; more are freed.
const POOLED_MAX: usize = 32;

thread_local! {
    /// Whether the code that runs is an attempt of a retry that has no context to say so.
    static MARKED: Cell<bool> = const { Cell::new(false) };
    static POOL: RefCell<Vec<Arc<CallContext>>> = const { RefCell::new(Vec::new()) };
}

/// Whether the running code is an attempt of a retry that has no context to say so.
#[inline]
pub(super) fn is_marked() -> bool {
    MARKED.get()
}

/// What is current while one attempt's own code runs; nothing changes if the attempt says nothing new.
pub(crate) enum Scope {
    /// As it is.
    Same,
    /// Only marked, on this thread.
    Marked,
    /// A context of the attempt's own, until it is given back to the pool.
    Context(Option<Arc<CallContext>>),
}

impl Scope {
    #[inline]
    pub(crate) fn of(call: &Call) -> Self {
        match call.mark() {
            Mark::Inherited if !call.changed() => Self::Same,
            Mark::OnThread if !call.changed() && !context::is_set() => Self::Marked,
            _ => Self::Context(Some(fill(call))),
        }
    }

    /// Runs `body` with what the attempt says.
    #[inline]
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        match self {
            Self::Same | Self::Context(None) => body(),
            Self::Marked => {
                let _marking = Marking { before: MARKED.replace(true) };
                body()
            }
            Self::Context(Some(context)) => {
                let _guard = context::replace(Some(Arc::clone(context)));
                body()
            }
        }
    }
}

/// Puts the mark back, also if the attempt panics.
struct Marking {
    before: bool,
}

impl Drop for Marking {
    #[inline]
    fn drop(&mut self) {
        MARKED.set(self.before);
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if let Self::Context(context) = self
            && let Some(context) = context.take()
        {
            keep(context);
        }
    }
}

/// The attempt's context: what the current one says, with the attempt's own deadline and marks.
fn fill(call: &Call) -> Arc<CallContext> {
    let inherited = context::current().map(|outer| outer.child()).unwrap_or_default();
    let filled = call.context(inherited);
    match take() {
        // INV-POL-1: a context that somebody kept is replaced, not changed.
        Some(mut pooled) => match Arc::get_mut(&mut pooled) {
            Some(place) => {
                *place = filled;
                pooled
            }
            None => Arc::new(filled),
        },
        None => Arc::new(filled),
    }
}

fn take() -> Option<Arc<CallContext>> {
    // A thread that is being torn down has no pool and allocates.
    POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten()
}

fn keep(context: Arc<CallContext>) {
    if Arc::strong_count(&context) > 1 {
        return;
    }
    // A thread that is being torn down has no pool and frees the context instead.
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.len() < POOLED_MAX {
            pool.push(context);
        }
    });
}
