//! The protected call itself, run within its context if there is time left: the innermost `Next`.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::context::AttemptScope;
use steadfast_base::{Time, Value};

use crate::error::{Error, TimedOut};
use crate::events::Events;
use crate::names;
use crate::pipeline::call::{Call, Done};
use crate::pipeline::later::Later;
use crate::pipeline::stage::{Next, NextSync};

/// What makes the attempts of one call, and what tells whether there is time left for them.
pub(crate) struct Source<'a, F> {
    make: F,
    time: &'a Time,
    events: &'a Events,
}

impl<'a, F> Source<'a, F> {
    #[inline]
    pub(crate) fn new(make: F, time: &'a Time, events: &'a Events) -> Self {
        Self { make, time, events }
    }

    /// Makes what is to be polled, or runs a synchronous attempt.
    #[inline]
    pub(crate) fn make<R>(&self, call: Call) -> R
    where
        F: Fn(Call) -> R,
    {
        (self.make)(call)
    }

    #[inline]
    fn check(&self, call: &mut Call) -> Result<(), TimedOut> {
        check(call, self.time, self.events)
    }
}

/// Fails if the attempt's deadline has passed; reads the clock only if there is a deadline, and no stage
/// has read it.
#[inline]
pub(crate) fn check(call: &mut Call, time: &Time, events: &Events) -> Result<(), TimedOut> {
    match call.deadline() {
        // INV-POL-3: no attempt begins at its deadline or after it, whatever it waited for.
        Some(deadline) if call.now(time) >= deadline => Err(too_late(events)),
        _ => Ok(()),
    }
}

#[cold]
fn too_late(events: &Events) -> TimedOut {
    events.emit(names::DEADLINE_PASSED, || [("policy", Value::Str(names::PIPELINE))]);
    TimedOut::before_start()
}

/// An asynchronous call, made anew for each attempt.
pub(crate) struct Leaf<'a, F, Fut> {
    source: &'a Source<'a, F>,
    /// The future that the source makes, so that `Next` can name its types.
    makes: PhantomData<fn() -> Fut>,
}

impl<'a, F, Fut> Leaf<'a, F, Fut> {
    #[inline]
    pub(crate) fn new(source: &'a Source<'a, F>) -> Self {
        Self { source, makes: PhantomData }
    }
}

impl<F, Fut> Clone for Leaf<'_, F, Fut> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, Fut> Copy for Leaf<'_, F, Fut> {}

impl<T, E, F, Fut> Next<T, E> for Leaf<'_, F, Fut>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    #[inline]
    fn run(self, call: Call) -> impl Future<Output = Done<T, E>> {
        let Self { source, .. } = self;
        LeafRun { call, own: Later::new(&source.make), progress: Progress::New, source }
    }
}

/// How far an attempt's own code has come.
enum Progress {
    New,
    /// In the attempt's context, if it has one of its own.
    Running(Option<AttemptScope>),
    Ended,
}

pin_project! {
    /// One attempt's own code.
    struct LeafRun<'a, F, Fut> {
        call: Call,
        #[pin]
        own: Later<&'a F, Fut>,
        progress: Progress,
        source: &'a Source<'a, F>,
    }
}

impl<T, E, F, Fut> Future for LeafRun<'_, F, Fut>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let mut this = self.project();
        if matches!(this.progress, Progress::New) {
            if let Err(late) = this.source.check(this.call) {
                *this.progress = Progress::Ended;
                return Poll::Ready(Done::err(late));
            }
            *this.progress = Progress::Running(this.call.scope());
        }
        let Progress::Running(scope) = this.progress else {
            unreachable!("a future is not polled after it was ready");
        };
        let done = ready!(within(scope, || {
            if !this.own.is_started() {
                this.own.as_mut().start(*this.call);
            }
            let result = ready!(this.own.as_mut().poll(cx));
            let done = Done::new(result.map_err(Error::Inner));
            // Dropped inside of its context, and before the stages around give their permits back.
            this.own.as_mut().clear();
            Poll::Ready(done)
        }));
        *this.progress = Progress::Ended;
        Poll::Ready(done)
    }
}

/// Runs the attempt's own code in its context, if it has one of its own.
#[inline]
pub(crate) fn within<R>(scope: &mut Option<AttemptScope>, body: impl FnOnce() -> R) -> R {
    match scope {
        Some(scope) => scope.enter(body),
        None => body(),
    }
}

/// A synchronous call, made anew for each attempt.
pub(crate) struct LeafSync<'a, F> {
    source: &'a Source<'a, F>,
}

impl<'a, F> LeafSync<'a, F> {
    #[inline]
    pub(crate) fn new(source: &'a Source<'a, F>) -> Self {
        Self { source }
    }
}

impl<F> Clone for LeafSync<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for LeafSync<'_, F> {}

impl<T, E, F: Fn(Call) -> Result<T, E>> NextSync<T, E> for LeafSync<'_, F> {
    #[inline]
    fn call(self, mut call: Call) -> Done<T, E> {
        if let Err(late) = self.source.check(&mut call) {
            return Done::err(late);
        }
        within(&mut call.scope(), || Done::new(self.source.make(call).map_err(Error::Inner)))
    }
}
