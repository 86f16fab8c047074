//! What travels down a pipeline with each attempt, and what comes back up.

use steadfast_base::{CallContext, Instant, Priority, RetryMark, Time, context};

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
    now: Option<Instant>,
    deadline: Option<Instant>,
    key: u64,
    attempt: u32,
    priority: Priority,
    retry: RetryMark,
    /// Whether this differs from the context that was current at the start.
    changed: bool,
}

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// A first attempt without a deadline.
    pub const fn new() -> Self {
        Self {
            now: None,
            deadline: None,
            key: 0,
            attempt: 1,
            priority: Priority::Normal,
            retry: RetryMark::Allowed,
            changed: false,
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
                deadline: outer.deadline(),
                priority: outer.priority(),
                retry: outer.retry(),
                ..Self::new()
            })
        })
    }

    /// The time at the start of this attempt; read once, by the first stage that asks.
    #[inline]
    pub fn now(&mut self, time: &Time) -> Instant {
        *self.now.get_or_insert_with(|| time.now())
    }

    /// The time at the start of this attempt, if a stage has read it.
    #[inline]
    pub fn started(&self) -> Option<Instant> {
        self.now
    }

    /// When the answer is no longer wanted.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Which try this is, counted from 1.
    #[inline]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How much the call matters.
    #[inline]
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Whether the call may be retried further down.
    #[inline]
    pub fn retry(&self) -> RetryMark {
        self.retry
    }

    /// The key for keyed policies (host, shard, tenant); 0 where none was given.
    #[inline]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Moves the deadline to `at` if that is earlier, or if there was none; never later.
    #[inline]
    pub fn shorten_deadline(&mut self, at: Instant) {
        if self.deadline.is_none_or(|deadline| at < deadline) {
            self.deadline = Some(at);
            self.changed = true;
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
        self.changed |= self.priority != priority;
        self.priority = priority;
        self
    }

    /// The same call as an attempt of its own: another number, the clock not read yet, and no retries
    /// further down.
    #[inline]
    #[must_use]
    pub fn as_attempt(mut self, attempt: u32) -> Self {
        if attempt != self.attempt {
            self.now = None;
            self.attempt = attempt;
        }
        self.retry = RetryMark::Forbidden;
        self.changed = true;
        self
    }

    /// A context that says what this attempt says, and for the rest what `inherited` says.
    pub(crate) fn context(&self, inherited: CallContext) -> CallContext {
        let context = inherited
            .with_attempt(self.attempt)
            .with_priority(self.priority)
            .with_retry(self.retry);
        match self.deadline {
            Some(at) => context.with_deadline(at),
            None => context,
        }
    }

    /// The same attempt after a wait: the next stage that asks for the time reads the clock again.
    #[inline]
    #[must_use]
    pub const fn after_wait(mut self) -> Self {
        self.now = None;
        self
    }

    /// Whether the protected call needs a context of its own.
    #[inline]
    pub(crate) fn changed(&self) -> bool {
        self.changed
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
    ended: Option<Instant>,
}

impl<T, E> Done<T, E> {
    /// A result; nobody has read the clock yet.
    #[inline]
    pub const fn new(result: Result<T, Error<E>>) -> Self {
        Self { result, ended: None }
    }

    /// An error; nobody has read the clock yet.
    #[inline]
    pub fn err(error: impl Into<Error<E>>) -> Self {
        Self::new(Err(error.into()))
    }

    /// A result at a time that is known.
    #[inline]
    pub const fn at(result: Result<T, Error<E>>, ended: Instant) -> Self {
        Self { result, ended: Some(ended) }
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
        *self.ended.get_or_insert_with(|| time.now())
    }

    /// The time at the end of the attempt, if a stage has read it.
    #[inline]
    pub fn ended_if_known(&self) -> Option<Instant> {
        self.ended
    }
}
