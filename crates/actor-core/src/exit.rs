//! Why an actor ended, and the failure behind it with its chain of causes.

use std::{
    any::Any,
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use steadfast_base::{CorrelationId, FailureKind, FailureRecord, Timestamp};

use crate::actor::BoxError;

/// Why an incarnation, or an actor for good, came to its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitReason {
    /// It ended by itself: `Flow::Stop`, `cx.stop()`, a drained mailbox, or `Started::Ignore`.
    Normal,
    /// It was told to stop, by its parent, its supervisor or the system.
    Shutdown,
    /// It was killed: no hook ran and an awaiting handler was dropped.
    Killed,
    /// A hook or handler returned an error.
    Error(Failure),
    /// A hook or handler panicked.
    Panic(Failure),
    /// A supervisor, or a child with a budget of its own, failed too often.
    Meltdown(Failure),
    /// A supervisor handed a failure of a child up to its own parent.
    Escalated(Failure),
}

impl ExitReason {
    /// True for everything but `Normal` and `Shutdown`.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown)
    }

    /// The failure behind the end, where there is one.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Normal | Self::Shutdown | Self::Killed => None,
            Self::Error(failure)
            | Self::Panic(failure)
            | Self::Meltdown(failure)
            | Self::Escalated(failure) => Some(failure),
        }
    }

    /// The stable lower-case name of the reason: `normal`, `shutdown`, `killed`, ...
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown => "shutdown",
            Self::Killed => "killed",
            Self::Error(_) => "error",
            Self::Panic(_) => "panic",
            Self::Meltdown(_) => "meltdown",
            Self::Escalated(_) => "escalated",
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failure() {
            Some(failure) => write!(f, "{}: {failure}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// What went wrong in an actor: cheap to clone, with the error itself and its causes.
#[derive(Clone)]
pub struct Failure(Arc<Inner>);

struct Inner {
    kind: FailureKind,
    at: Timestamp,
    actor: Arc<str>,
    message: Box<str>,
    error: Option<BoxError>,
    /// What a panic was raised with, where that is not text.
    payload: Option<Payload>,
    correlation: Option<CorrelationId>,
    cause: Option<Failure>,
}

/// It need not be shareable, so it is looked at under a lock.
type Payload = Mutex<Box<dyn Any + Send>>;

impl Failure {
    /// A failure of `actor` (its path) by an error value.
    pub fn from_error(at: Timestamp, actor: &str, error: impl Into<BoxError>) -> Self {
        Self::of_error(at, actor.into(), error.into())
    }

    pub(crate) fn of_error(at: Timestamp, actor: Arc<str>, error: BoxError) -> Self {
        let message = error.to_string();
        Self::build(FailureKind::Error, at, actor, message, Some(error), None)
    }

    /// A failure of `actor` by a panic; the payload is read where it is text.
    pub fn from_panic(at: Timestamp, actor: &str, payload: &(dyn Any + Send)) -> Self {
        let text = panic_text(payload).unwrap_or_else(|| NOT_TEXT.to_owned());
        Self::build(FailureKind::Panic, at, actor.into(), text, None, None)
    }

    pub(crate) fn of_panic(at: Timestamp, actor: Arc<str>, payload: Box<dyn Any + Send>) -> Self {
        if let Some(text) = panic_text(&*payload) {
            return Self::build(FailureKind::Panic, at, actor, text, None, None);
        }
        let mut failure =
            Self::build(FailureKind::Panic, at, actor, NOT_TEXT.to_owned(), None, None);
        if let Some(inner) = Arc::get_mut(&mut failure.0) {
            inner.payload = Some(Mutex::new(payload));
        }
        failure
    }

    /// A failure of any kind, with a message and the failure that caused it.
    pub fn new(
        kind: FailureKind,
        at: Timestamp,
        actor: &str,
        message: impl Into<String>,
        cause: Option<Failure>,
    ) -> Self {
        Self::build(kind, at, actor.into(), message.into(), None, cause)
    }

    fn build(
        kind: FailureKind,
        at: Timestamp,
        actor: Arc<str>,
        message: String,
        error: Option<BoxError>,
        cause: Option<Failure>,
    ) -> Self {
        let correlation = steadfast_base::context::current().and_then(|cx| cx.correlation());
        let message = message.into_boxed_str();
        let payload = None;
        Self(Arc::new(Inner { kind, at, actor, message, error, payload, correlation, cause }))
    }

    /// The same failure with another one as its cause; one that is shared already keeps its own.
    #[must_use]
    pub fn caused_by(mut self, cause: Failure) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.cause = Some(cause);
        }
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// The path of the actor that failed.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The error's or the panic's text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error value, if the failure came by one and is of type `E`.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.error.as_deref()?.downcast_ref()
    }

    /// A copy of what an actor's panic was raised with (`std::panic::panic_any`), if it is a `T`. Text
    /// is not kept: it is the [`message`](Self::message).
    ///
    /// ```
    /// # use steadfast_actor_core::{Actor, Cx, Flow, testkit::TestSystem};
    /// #[derive(Clone, Debug, PartialEq)]
    /// struct Code(u32);
    /// # struct Worker;
    /// # impl Actor for Worker {
    /// #     type Msg = Code;
    /// #     type Error = std::convert::Infallible;
    /// #     async fn handle(&mut self, code: Code, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
    /// #         std::panic::panic_any(code)
    /// #     }
    /// # }
    /// # let test = TestSystem::new();
    /// # test.run(async {
    /// let worker = test.spawn("worker", || Worker).await?;
    /// worker.tell(Code(7)).await.ok();
    /// let reason = worker.stopped().await;
    /// assert_eq!(reason.failure().and_then(|failure| failure.panic_payload()), Some(Code(7)));
    /// # Ok::<(), steadfast_actor_core::StartError>(()) })?;
    /// # Ok::<(), steadfast_actor_core::StartError>(())
    /// ```
    #[must_use]
    pub fn panic_payload<T: Clone + 'static>(&self) -> Option<T> {
        let payload = self.0.payload.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        payload.downcast_ref().cloned()
    }

    /// The failure that caused this one: the child's, for a meltdown or an escalation.
    #[must_use]
    pub fn cause(&self) -> Option<&Failure> {
        self.0.cause.as_ref()
    }

    /// The first failure of the chain.
    #[must_use]
    pub fn root_cause(&self) -> &Failure {
        let mut failure = self;
        while let Some(cause) = failure.cause() {
            failure = cause;
        }
        failure
    }

    /// The failure as plain data, with the paths it traveled through, first cause first.
    #[must_use]
    pub fn record(&self) -> FailureRecord {
        let mut hops = Vec::new();
        let mut next = Some(self);
        while let Some(failure) = next {
            hops.push(failure.actor());
            next = failure.cause();
        }
        let record = FailureRecord::new(self.at(), self.kind(), self.message());
        let mut record = record.with_actor(self.actor()).with_severity(self.kind().severity());
        for hop in hops.into_iter().rev() {
            record = record.with_hop(hop);
        }
        match self.0.correlation {
            Some(correlation) => record.with_correlation(correlation),
            None => record,
        }
    }
}

/// What is said of a panic that says nothing itself.
const NOT_TEXT: &str = "a panic with a payload that is not text";

fn panic_text(payload: &(dyn Any + Send)) -> Option<String> {
    let literal = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    literal.or_else(|| payload.downcast_ref::<String>().cloned())
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.0.kind)
            .field("actor", &self.0.actor)
            .field("message", &self.0.message)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.0.message, self.0.actor)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match (&self.0.error, &self.0.cause) {
            (_, Some(cause)) => Some(cause),
            (Some(error), None) => error.source(),
            (None, None) => None,
        }
    }
}

/// An error with which an actor ends for the reason it holds, instead of `Error`.
///
/// Supervisors return it to end with `Meltdown` or `Escalated`.
#[derive(Debug)]
pub struct EndWith(pub ExitReason);

impl fmt::Display for EndWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for EndWith {}
