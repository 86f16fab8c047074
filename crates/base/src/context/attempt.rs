//! The context of an attempt, made only if somebody asks for it.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use crate::call_context::{CallContext, Priority, RetryMark};
use crate::time::Instant;

use super::{Entered, Held, is_set, shared};

/// What one attempt of a call says of itself; everything else it inherits.
///
/// # Example
///
/// ```
/// use steadfast_base::context::{self, Attempt};
/// use steadfast_base::{Priority, RetryMark};
///
/// let second = Attempt::new(2, None, Priority::Normal, RetryMark::Forbidden);
/// let seen = second.scope().enter(|| context::current_ref(|call| call.map(|call| call.attempt())));
/// assert_eq!(seen, Some(2));
/// assert!(!context::is_set());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    number: u32,
    /// The last instant there is for none.
    deadline: Instant,
    priority: Priority,
    retry: RetryMark,
}

impl Attempt {
    /// An attempt by its number, counted from 1; without a deadline it has the inherited one.
    #[inline]
    pub fn new(
        number: u32,
        deadline: Option<Instant>,
        priority: Priority,
        retry: RetryMark,
    ) -> Self {
        Self { number, deadline: deadline.unwrap_or(Instant::MAX), priority, retry }
    }

    /// The attempt as a context inside the one that is current now.
    ///
    /// Costs no allocation unless somebody asks for [`current`](super::current) while the attempt
    /// runs.
    #[inline]
    pub fn scope(mut self) -> AttemptScope {
        let shared = if is_set() { self.inherit() } else { None };
        AttemptScope { held: Held { shared, said: Said::new(self) } }
    }

    /// The context around it; an outer attempt's deadline comes with it.
    #[cold]
    fn inherit(&mut self) -> Option<Arc<CallContext>> {
        if let Some(outer) = said()
            && self.deadline == Instant::MAX
        {
            self.deadline = outer.deadline;
        }
        shared()
    }

    /// The context that the attempt stands for.
    pub(super) fn inside(self, outer: Option<&CallContext>) -> CallContext {
        let context = outer.map(CallContext::child).unwrap_or_default();
        let context =
            context.with_attempt(self.number).with_priority(self.priority).with_retry(self.retry);
        if self.deadline == Instant::MAX {
            return context;
        }
        context.with_deadline(self.deadline)
    }
}

/// What an attempt says, or nothing, in two words.
///
/// Words of the size of a register are read as they were written, which lets the processor go on
/// without waiting for the memory between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    deadline: u64,
    /// The number in the upper half, then priority, retry mark and [`SAID_SOMETHING`]; 0 for nothing.
    rest: u64,
}

const NUMBER_SHIFT: u32 = 32;
const PRIORITY_SHIFT: u32 = 8;
const PRIORITY_MASK: u64 = 0xFF;
const RETRY_FORBIDDEN: u64 = 2;
const SAID_SOMETHING: u64 = 1;

impl Said {
    pub(super) const NOTHING: Self = Self { deadline: 0, rest: 0 };

    #[inline]
    fn new(attempt: Attempt) -> Self {
        let mark = if attempt.retry == RetryMark::Forbidden { RETRY_FORBIDDEN } else { 0 };
        let number = u64::from(attempt.number) << NUMBER_SHIFT;
        let priority = (attempt.priority as u64) << PRIORITY_SHIFT;
        Self {
            deadline: attempt.deadline.as_nanos(),
            rest: number | priority | mark | SAID_SOMETHING,
        }
    }

    fn attempt(self) -> Option<Attempt> {
        if self.rest == 0 {
            return None;
        }
        let priority = self.rest >> PRIORITY_SHIFT & PRIORITY_MASK;
        let of_number = |other: &Priority| *other as u64 == priority;
        let forbidden = self.rest & RETRY_FORBIDDEN != 0;
        Some(Attempt {
            number: (self.rest >> NUMBER_SHIFT) as u32,
            deadline: Instant::from_nanos(self.deadline),
            priority: Priority::ALL.into_iter().find(of_number).unwrap_or_default(),
            retry: if forbidden { RetryMark::Forbidden } else { RetryMark::Allowed },
        })
    }
}

thread_local! {
    // Two variables: one of two words would be read by one instruction, which the processor makes
    // wait until both words are written.
    static DEADLINE: Cell<u64> = const { Cell::new(0) };
    static REST: Cell<u64> = const { Cell::new(0) };
}

/// Whether an attempt says something on this thread.
#[inline]
pub(super) fn is_said() -> bool {
    REST.get() != 0
}

/// What an attempt says on this thread.
pub(super) fn said() -> Option<Attempt> {
    Said { deadline: DEADLINE.get(), rest: REST.get() }.attempt()
}

/// Says something else on this thread; gives back what was said before.
#[inline]
pub(super) fn say(said: Said) -> Said {
    Said { deadline: DEADLINE.replace(said.deadline), rest: REST.replace(said.rest) }
}

/// Makes an attempt's context current while its code runs; made by [`Attempt::scope`].
///
/// Belongs to one attempt: all of its code sees the same context, however often it is entered and
/// on whatever thread.
///
/// # Example
///
/// ```
/// use steadfast_base::context::{self, Attempt};
/// use steadfast_base::{Instant, Priority, RetryMark};
///
/// let soon = Some(Instant::from_nanos(500));
/// let mut scope = Attempt::new(1, soon, Priority::High, RetryMark::Allowed).scope();
/// let first = scope.enter(context::current).expect("set");
/// assert_eq!((first.deadline(), first.priority()), (soon, Priority::High));
/// assert_eq!(scope.enter(context::current), Some(first));
/// ```
pub struct AttemptScope {
    held: Held,
}

impl AttemptScope {
    /// Runs `body` in the attempt's context and puts back the former one, also if `body` panics.
    #[inline]
    pub fn enter<R>(&mut self, body: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(&mut self.held);
        body()
    }
}

impl fmt::Debug for AttemptScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptScope").field("held", &self.held).finish_non_exhaustive()
    }
}
