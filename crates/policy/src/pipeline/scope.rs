//! The call context of one attempt, current while the protected code runs.

use std::cell::RefCell;
use std::sync::Arc;

use steadfast_base::{CallContext, context};

use crate::pipeline::call::Call;

/// Contexts kept for reuse by each thread, so that an attempt allocates none; more are freed.
const POOLED_MAX: usize = 32;

thread_local! {
    static POOL: RefCell<Vec<Arc<CallContext>>> = const { RefCell::new(Vec::new()) };
}

/// What is current while one attempt's own code runs; nothing changes if the attempt says nothing new.
pub(crate) struct Scope {
    context: Option<Arc<CallContext>>,
}

impl Scope {
    #[inline]
    pub(crate) fn of(call: &Call) -> Self {
        Self { context: call.changed().then(|| fill(call)) }
    }

    /// Runs `body` with the attempt's context.
    #[inline]
    pub(crate) fn enter<R>(&self, body: impl FnOnce() -> R) -> R {
        match &self.context {
            None => body(),
            Some(context) => {
                let _guard = context::replace(Some(Arc::clone(context)));
                body()
            }
        }
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if let Some(context) = self.context.take() {
            keep(context);
        }
    }
}

/// The attempt's context: what the current one says, with the attempt's own deadline and marks.
fn fill(call: &Call) -> Arc<CallContext> {
    let inherited = context::current().map(|outer| outer.child()).unwrap_or_default();
    let filled = call.context(inherited);
    match take() {
        Some(mut pooled) => match Arc::get_mut(&mut pooled) {
            Some(place) => {
                *place = filled;
                pooled
            }
            // Somebody kept it meanwhile, so it is not ours to change.
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
