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
        AttemptScope { held: Held::new(Said::new(self), shared) }
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

/// What an attempt says, or nothing, and whether a shared context is around it.
///
/// All but a deadline is one word, so that an attempt without one changes one word of the thread.
/// Words of the size of a register are read as they were written, which lets the processor go on
/// without waiting for the memory between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    /// The number in the upper half, then priority and the marks below; 0 for nothing.
    word: u64,
    /// Means something only with [`HAS_DEADLINE`].
    deadline: u64,
}

const NUMBER_SHIFT: u32 = 32;
const PRIORITY_SHIFT: u32 = 8;
const PRIORITY_MASK: u64 = 0xFF;
const SAID_SOMETHING: u64 = 1;
const RETRY_FORBIDDEN: u64 = 2;
const HAS_DEADLINE: u64 = 4;
const HAS_SHARED: u64 = 8;

impl Said {
    pub(super) const NOTHING: Self = Self { word: 0, deadline: 0 };

    #[inline]
    fn new(attempt: Attempt) -> Self {
        let mark = if attempt.retry == RetryMark::Forbidden { RETRY_FORBIDDEN } else { 0 };
        let limit = if attempt.deadline == Instant::MAX { 0 } else { HAS_DEADLINE };
        let number = u64::from(attempt.number) << NUMBER_SHIFT;
        let priority = (attempt.priority as u64) << PRIORITY_SHIFT;
        Self {
            word: number | priority | mark | limit | SAID_SOMETHING,
            deadline: attempt.deadline.as_nanos(),
        }
    }

    fn attempt(self) -> Option<Attempt> {
        if self.word & SAID_SOMETHING == 0 {
            return None;
        }
        let priority = self.word >> PRIORITY_SHIFT & PRIORITY_MASK;
        let of_number = |other: &Priority| *other as u64 == priority;
        let is = |mark| self.word & mark != 0;
        Some(Attempt {
            number: (self.word >> NUMBER_SHIFT) as u32,
            deadline: if is(HAS_DEADLINE) {
                Instant::from_nanos(self.deadline)
            } else {
                Instant::MAX
            },
            priority: Priority::ALL.into_iter().find(of_number).unwrap_or_default(),
            retry: if is(RETRY_FORBIDDEN) { RetryMark::Forbidden } else { RetryMark::Allowed },
        })
    }

    /// What is said on this thread, the deadline aside.
    #[inline]
    pub(super) fn now() -> Self {
        Self { word: WORD.get(), deadline: 0 }
    }

    /// Whether neither an attempt nor a shared context says anything.
    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.word == 0
    }

    /// The same beside a shared context, or without one.
    #[inline]
    pub(super) fn with_shared(self, shared: bool) -> Self {
        let mark = if shared { HAS_SHARED } else { 0 };
        Self { word: self.word & !HAS_SHARED | mark, ..self }
    }

    /// Says this on this thread, the deadline aside.
    pub(super) fn set(self) {
        WORD.set(self.word);
    }

    /// Says this on this thread and takes what was said before; true if one of the two is beside a
    /// shared context.
    #[inline]
    pub(super) fn exchange(&mut self) -> bool {
        let former = WORD.replace(self.word);
        let either = former | self.word;
        self.word = former;
        if either & HAS_DEADLINE != 0 {
            self.deadline = DEADLINE.replace(self.deadline);
        }
        either & HAS_SHARED != 0
    }
}

thread_local! {
    // Two variables: one of two words would be read by one instruction, which the processor makes
    // wait until both words are written.
    static WORD: Cell<u64> = const { Cell::new(0) };
    static DEADLINE: Cell<u64> = const { Cell::new(0) };
}

/// What an attempt says on this thread.
pub(super) fn said() -> Option<Attempt> {
    Said { word: WORD.get(), deadline: DEADLINE.get() }.attempt()
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
