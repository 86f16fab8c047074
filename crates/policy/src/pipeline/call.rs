//! What travels down a pipeline with each attempt, and what comes back up.

use std::fmt;

use steadfast_base::context::{self, Attempt, AttemptScope};
use steadfast_base::{CallContext, Instant, Priority, RetryMark, Time};

use crate::error::{Error, TimedOut};

/// One attempt on its way down a pipeline; the protected call is given a copy.
///
/// Plain data: stages change their copy and pass it on. The clock is read by the first stage that needs
/// the time; the stages below find the reading here.
///
/// # Example
///
/// ```
/// use steadfast_base::{Instant, RetryMark};
/// use steadfast_policy::Call;
///
/// let mut call = Call::new();
/// assert_eq!((call.attempt(), call.deadline()), (1, None));
/// call.shorten_deadline(Instant::from_nanos(500));
/// call.shorten_deadline(Instant::from_nanos(900));
/// assert_eq!(call.deadline(), Some(Instant::from_nanos(500)));
/// assert_eq!(call.retry(), RetryMark::Allowed);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// [`UNREAD`] until a stage reads the clock.
    now: Instant,
    /// [`NEVER`] without one.
    deadline: Instant,
    key: u64,
    marks: Marks,
}

/// The attempt's number, its priority, its retry mark and whether the call says anything that the
/// context that was current at the start does not, in one word.
///
/// Parts of different sizes would be written one by one and copied together, and the processor makes a
/// copy wait until all parts are written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Marks(u64);

const ATTEMPT_SHIFT: u32 = 32;
const PRIORITY_SHIFT: u32 = 8;
const PRIORITY_MASK: u64 = 0xFF << PRIORITY_SHIFT;
const RETRY_FORBIDDEN: u64 = 2;
const CHANGED: u64 = 1;

impl Marks {
    const fn new(attempt: u32, priority: Priority, retry: RetryMark) -> Self {
        let forbidden = if matches!(retry, RetryMark::Forbidden) { RETRY_FORBIDDEN } else { 0 };
        let priority = (priority as u64) << PRIORITY_SHIFT;
        Self((attempt as u64) << ATTEMPT_SHIFT | priority | forbidden)
    }

    #[inline]
    const fn attempt(self) -> u32 {
        (self.0 >> ATTEMPT_SHIFT) as u32
    }

    #[inline]
    fn priority(self) -> Priority {
        // As the numbers are those of the kinds, this costs next to nothing.
        match (self.0 & PRIORITY_MASK) >> PRIORITY_SHIFT {
            0 => Priority::Background,
            1 => Priority::Low,
            2 => Priority::Normal,
            3 => Priority::High,
            _ => Priority::Critical,
        }
    }

    #[inline]
    const fn retry(self) -> RetryMark {
        if self.0 & RETRY_FORBIDDEN == 0 { RetryMark::Allowed } else { RetryMark::Forbidden }
    }

    #[inline]
    const fn is_changed(self) -> bool {
        self.0 & CHANGED != 0
    }

    #[inline]
    const fn changed(self) -> Self {
        Self(self.0 | CHANGED)
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks")
            .field("attempt", &self.attempt())
            .field("priority", &self.priority())
            .field("retry", &self.retry())
            .field("changed", &self.is_changed())
            .finish()
    }
}

/// The clock's last reading, which no clock lives to see: stands for none.
const UNREAD: Instant = Instant::MAX;
/// See [`UNREAD`].
const NEVER: Instant = Instant::MAX;

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// A first attempt without a deadline.
    pub const fn new() -> Self {
        Self {
            now: UNREAD,
            deadline: NEVER,
            key: 0,
            marks: Marks::new(1, Priority::Normal, RetryMark::Allowed),
        }
    }

    /// A first attempt with the deadline, priority and retry mark of the current context.
    #[inline]
    pub fn from_context() -> Self {
        if context::is_set() { Self::inherit() } else { Self::new() }
    }

    #[cold]
    fn inherit() -> Self {
        context::current_ref(|current| {
            current.map_or(Self::new(), |outer: &CallContext| Self {
                deadline: outer.deadline().unwrap_or(NEVER),
                marks: Marks::new(1, outer.priority(), outer.retry()),
                ..Self::new()
            })
        })
    }

    /// The time at the start of this attempt; read once, by the first stage that asks.
    #[inline]
    pub fn now(&mut self, time: &Time) -> Instant {
        if self.now == UNREAD {
            self.now = time.now_relaxed();
        }
        self.now
    }

    /// The time at the start of this attempt, if a stage has read it.
    #[inline]
    pub fn started(&self) -> Option<Instant> {
        (self.now != UNREAD).then_some(self.now)
    }

    /// Whether the time at the start of this attempt is known, or must be because there is a deadline.
    #[inline]
    pub(crate) fn needs_time(&self) -> bool {
        self.now != UNREAD || self.deadline != NEVER
    }

    /// When the answer is no longer wanted.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        (self.deadline != NEVER).then_some(self.deadline)
    }

    /// Which try this is, counted from 1.
    #[inline]
    pub fn attempt(&self) -> u32 {
        self.marks.attempt()
    }

    /// How much the call matters.
    #[inline]
    pub fn priority(&self) -> Priority {
        self.marks.priority()
    }

    /// Whether the call may be retried further down.
    #[inline]
    pub fn retry(&self) -> RetryMark {
        self.marks.retry()
    }

    /// The key for keyed policies (host, shard, tenant); 0 where none was given.
    #[inline]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Moves the deadline to `at` if that is earlier, or if there was none; never later.
    #[inline]
    pub fn shorten_deadline(&mut self, at: Instant) {
        if at < self.deadline {
            self.deadline = at;
            self.marks = self.marks.changed();
        }
    }

    /// The same call with a key for keyed policies.
    #[inline]
    #[must_use]
    pub const fn with_key(mut self, key: u64) -> Self {
        self.key = key;
        self
    }

    /// The same call with a priority.
    #[inline]
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        let marks = Marks(self.marks.0 & !PRIORITY_MASK | (priority as u64) << PRIORITY_SHIFT);
        if marks != self.marks {
            self.marks = marks.changed();
        }
        self
    }

    /// The same call as an attempt of its own: another number, the clock not read yet, and no retries
    /// further down.
    #[inline]
    #[must_use]
    pub fn as_attempt(mut self, attempt: u32) -> Self {
        if attempt != self.attempt() {
            self.now = UNREAD;
        }
        let rest = self.marks.0 & ((1 << ATTEMPT_SHIFT) - 1);
        let marks = Marks(u64::from(attempt) << ATTEMPT_SHIFT | rest | RETRY_FORBIDDEN);
        if marks != self.marks {
            self.marks = marks.changed();
        }
        self
    }

    /// What is current while the attempt's own code runs; `None` if it is what is current anyway.
    #[inline]
    pub(crate) fn scope(&self) -> Option<AttemptScope> {
        // INV-POL-1: each attempt has a context of its own, whoever kept that of another one.
        let Self { marks, .. } = self;
        let attempt =
            || Attempt::new(marks.attempt(), self.deadline(), marks.priority(), marks.retry());
        marks.is_changed().then(|| attempt().scope())
    }

    /// The same attempt after a wait: the next stage that asks for the time reads the clock again.
    #[inline]
    #[must_use]
    pub const fn after_wait(mut self) -> Self {
        self.now = UNREAD;
        self
    }
}

/// What an attempt came to, on its way up a pipeline.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::Done;
///
/// let time = Time::system();
/// let mut done: Done<u32, ()> = Done::new(Ok(3));
/// let ended = done.ended(&time);
/// assert_eq!(done.ended(&time), ended);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Done<T, E> {
    /// The value or the error.
    pub result: Result<T, Error<E>>,
    /// [`UNREAD`] until a stage reads the clock.
    pub(crate) ended: Instant,
}

impl<T, E> Done<T, E> {
    /// A result; nobody has read the clock yet.
    #[inline]
    pub const fn new(result: Result<T, Error<E>>) -> Self {
        Self { result, ended: UNREAD }
    }

    /// An error; nobody has read the clock yet.
    #[inline]
    pub fn err(error: impl Into<Error<E>>) -> Self {
        Self::new(Err(error.into()))
    }

    /// A result at a time that is known.
    #[inline]
    pub const fn at(result: Result<T, Error<E>>, ended: Instant) -> Self {
        Self { result, ended }
    }

    /// Changes the result and keeps the time.
    pub(crate) fn map_result(
        &mut self,
        change: impl FnOnce(Result<T, Error<E>>) -> Result<T, Error<E>>,
    ) {
        // Something to put in its place while the result is changed; never seen by anybody.
        let before = Err(Error::Timeout(TimedOut::before_start()));
        self.result = change(std::mem::replace(&mut self.result, before));
    }

    /// The time at the end of the attempt; read once, by the first stage that asks.
    #[inline]
    pub fn ended(&mut self, time: &Time) -> Instant {
        if self.ended == UNREAD {
            self.ended = time.now_relaxed();
        }
        self.ended
    }

    /// The time at the end of the attempt, if a stage has read it.
    #[inline]
    pub fn ended_if_known(&self) -> Option<Instant> {
        (self.ended != UNREAD).then_some(self.ended)
    }
}
