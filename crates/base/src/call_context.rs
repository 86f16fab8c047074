//! What travels with a call, from the first caller to the last callee.

use serde::{Deserialize, Serialize};

use crate::id::{ActorId, CorrelationId, EventId};
use crate::time::Instant;

/// How much a piece of work matters when not all of it can be done.
///
/// Ordered by importance, the least being shed first: `Critical` is the greatest, `Background` the least.
///
/// # Example
///
/// ```
/// use steadfast_base::Priority;
///
/// assert!(Priority::Critical > Priority::Normal);
/// assert_eq!(Priority::default(), Priority::Normal);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Work nobody waits for.
    Background,
    /// Work that can be put off.
    Low,
    /// Ordinary work.
    #[default]
    Normal,
    /// Work a user is waiting for.
    High,
    /// Work that keeps the system itself alive.
    Critical,
}

impl Priority {
    /// All priorities, the most important first.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Priority;
    ///
    /// assert!(Priority::ALL.is_sorted_by(|a, b| a > b));
    /// ```
    pub const ALL: [Self; 5] =
        [Self::Critical, Self::High, Self::Normal, Self::Low, Self::Background];
}

/// Whether the call may be repeated by whoever finds that it failed.
///
/// # Example
///
/// ```
/// use steadfast_base::RetryMark;
///
/// assert_eq!(RetryMark::default(), RetryMark::Allowed);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryMark {
    /// A retry policy may repeat the call.
    #[default]
    Allowed,
    /// An outer layer retries, or the budget is spent: inner layers must not.
    Forbidden,
}

/// What a call carries along, from the first caller to the last callee.
///
/// Made current for a piece of code by [`context`](crate::context). Deadlines are instants of one
/// process's clock; a transport sends the remaining time instead.
///
/// | Field | Default | Nested inside another context |
/// |---|---|---|
/// | correlation, causation, sender | none | taken from the outer one where missing |
/// | deadline | none | the earlier of both |
/// | priority | [`Priority::Normal`] | as given |
/// | attempt | 1, the first | as given |
/// | retry | [`RetryMark::Allowed`] | forbidden if either forbids |
///
/// # Example
///
/// ```
/// use steadfast_base::{ActorId, CallContext, CorrelationId, Instant, Priority};
///
/// let call = CallContext::new()
///     .with_correlation(CorrelationId::from_u128(1))
///     .with_priority(Priority::High)
///     .with_deadline(Instant::from_nanos(500));
/// let onward = call.child().with_sender(ActorId::new(7));
/// assert_eq!(onward.correlation(), call.correlation());
/// assert_eq!(onward.attempt(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallContext {
    correlation: Option<CorrelationId>,
    causation: Option<EventId>,
    sender: Option<ActorId>,
    deadline: Option<Instant>,
    priority: Priority,
    attempt: u32,
    retry: RetryMark,
}

impl Default for CallContext {
    fn default() -> Self {
        Self {
            correlation: None,
            causation: None,
            sender: None,
            deadline: None,
            priority: Priority::Normal,
            attempt: 1,
            retry: RetryMark::Allowed,
        }
    }
}

impl CallContext {
    /// A context that says nothing: first attempt, normal priority, no deadline.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::CallContext;
    ///
    /// assert_eq!(CallContext::new(), CallContext::default());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The context for a call made while handling this one.
    ///
    /// Correlation, causation, sender, deadline, priority and retry mark carry on; the attempt
    /// starts again at 1, because the new call has not been tried yet.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::CallContext;
    ///
    /// let second_try = CallContext::new().with_attempt(2);
    /// assert_eq!(second_try.child().attempt(), 1);
    /// ```
    #[must_use]
    pub fn child(&self) -> Self {
        Self { attempt: 1, ..self.clone() }
    }

    /// This context as it counts inside `outer`; see the table at [`CallContext`].
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, CorrelationId, Instant};
    ///
    /// let outer = CallContext::new()
    ///     .with_correlation(CorrelationId::from_u128(1))
    ///     .with_deadline(Instant::from_nanos(100));
    /// let inner = CallContext::new().with_deadline(Instant::from_nanos(900)).inside(&outer);
    /// assert_eq!(inner.deadline(), Some(Instant::from_nanos(100)));
    /// assert_eq!(inner.correlation(), outer.correlation());
    /// ```
    #[must_use]
    pub fn inside(mut self, outer: &Self) -> Self {
        self.correlation = self.correlation.or(outer.correlation);
        self.causation = self.causation.or(outer.causation);
        self.sender = self.sender.or(outer.sender);
        if outer.retry == RetryMark::Forbidden {
            self.retry = RetryMark::Forbidden;
        }
        if let Some(at) = outer.deadline {
            self.shorten_deadline(at);
        }
        self
    }

    /// Moves the deadline to `at` if that is earlier, or if there was none; never later.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, Instant};
    ///
    /// let mut call = CallContext::new();
    /// call.shorten_deadline(Instant::from_nanos(50));
    /// call.shorten_deadline(Instant::from_nanos(80));
    /// assert_eq!(call.deadline(), Some(Instant::from_nanos(50)));
    /// ```
    pub fn shorten_deadline(&mut self, at: Instant) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }

    /// The piece of work this call belongs to.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().correlation(), None);
    /// ```
    pub fn correlation(&self) -> Option<CorrelationId> {
        self.correlation
    }

    /// The event that caused this call.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().causation(), None);
    /// ```
    pub fn causation(&self) -> Option<EventId> {
        self.causation
    }

    /// The actor that made this call.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().sender(), None);
    /// ```
    pub fn sender(&self) -> Option<ActorId> {
        self.sender
    }

    /// When the answer is no longer wanted.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How much the call matters.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, Priority};
    ///
    /// assert_eq!(CallContext::new().priority(), Priority::Normal);
    /// ```
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Which try this is, counted from 1.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().attempt(), 1);
    /// ```
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whether the call may be retried.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, RetryMark};
    ///
    /// assert_eq!(CallContext::new().retry(), RetryMark::Allowed);
    /// ```
    pub fn retry(&self) -> RetryMark {
        self.retry
    }

    /// Sets the piece of work this call belongs to.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, CorrelationId};
    ///
    /// let id = CorrelationId::from_u128(9);
    /// assert_eq!(CallContext::new().with_correlation(id).correlation(), Some(id));
    /// ```
    #[must_use]
    pub fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Sets the event that caused this call.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, EventId};
    ///
    /// let id = EventId::from_u128(9);
    /// assert_eq!(CallContext::new().with_causation(id).causation(), Some(id));
    /// ```
    #[must_use]
    pub fn with_causation(mut self, causation: EventId) -> Self {
        self.causation = Some(causation);
        self
    }

    /// Sets the actor that makes this call.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{ActorId, CallContext};
    ///
    /// let id = ActorId::new(9);
    /// assert_eq!(CallContext::new().with_sender(id).sender(), Some(id));
    /// ```
    #[must_use]
    pub fn with_sender(mut self, sender: ActorId) -> Self {
        self.sender = Some(sender);
        self
    }

    /// Sets the deadline, replacing any.
    ///
    /// To tighten one that may be there, use [`shorten_deadline`](Self::shorten_deadline).
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, Instant};
    ///
    /// let at = Instant::from_nanos(9);
    /// assert_eq!(CallContext::new().with_deadline(at).deadline(), Some(at));
    /// ```
    #[must_use]
    pub fn with_deadline(mut self, at: Instant) -> Self {
        self.deadline = Some(at);
        self
    }

    /// Sets how much the call matters.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, Priority};
    ///
    /// let call = CallContext::new().with_priority(Priority::Low);
    /// assert_eq!(call.priority(), Priority::Low);
    /// ```
    #[must_use]
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets which try this is, counted from 1; 0 counts as 1.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::CallContext::new().with_attempt(3).attempt(), 3);
    /// ```
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt.max(1);
        self
    }

    /// Sets whether the call may be retried.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{CallContext, RetryMark};
    ///
    /// let call = CallContext::new().with_retry(RetryMark::Forbidden);
    /// assert_eq!(call.retry(), RetryMark::Forbidden);
    /// ```
    #[must_use]
    pub fn with_retry(mut self, retry: RetryMark) -> Self {
        self.retry = retry;
        self
    }
}
