//! Retries as futures: the loop of attempts and waits, and a short way for calls that need no second.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::context::{self, AttemptScope};
use steadfast_base::{RetryMark, Sleep, Time};

use crate::error::{Error, TimedOut};
use crate::events::Events;
use crate::pipeline::{Call, Done, Later, check, within};
use crate::retry::condition::Condition;
use crate::retry::stage::Retrier;
use crate::retry::step::Attempts;

/// What makes and polls one attempt after the other.
pub(super) trait Attempt<T, E> {
    fn start(self: Pin<&mut Self>, call: Call, time: &Time, events: &Events);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>>;

    /// Drops what the attempt left behind.
    fn clear(self: Pin<&mut Self>);
}

impl<T, E, M, F> Attempt<T, E> for Later<M, F>
where
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    #[inline]
    fn start(self: Pin<&mut Self>, call: Call, _time: &Time, _events: &Events) {
        Later::start(self, call);
    }

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        Later::poll(self, cx)
    }

    #[inline]
    fn clear(self: Pin<&mut Self>) {
        Later::clear(self);
    }
}

/// How far a run with retries has come.
enum Progress {
    /// Not begun; the call is that of the context.
    Unasked,
    /// Not begun.
    New(Call),
    /// Another retry around this one makes the attempts.
    Forbidden,
    Attempting(Call, Attempts),
    Waiting(Call, Attempts, Sleep),
}

pin_project! {
    /// A run that makes attempts and waits between them.
    pub(super) struct RetryRun<'a, C, N> {
        retrier: &'a Retrier<C>,
        progress: Progress,
        #[pin]
        next: N,
    }
}

impl<'a, C, N> RetryRun<'a, C, N> {
    #[inline]
    pub(super) fn new(retrier: &'a Retrier<C>, call: Call, next: N) -> Self {
        Self { retrier, progress: Progress::New(call), next }
    }

    /// Takes in what an attempt came to; gives it back if it was the last one.
    #[cold]
    #[inline(never)]
    fn end<T, E>(
        self: Pin<&mut Self>,
        attempt: Call,
        mut attempts: Attempts,
        mut done: Done<T, E>,
    ) -> Option<Done<T, E>>
    where
        C: Condition<T, E>,
        N: Attempt<T, E>,
    {
        let this = self.project();
        let retrier = *this.retrier;
        let Some(at) = retrier.ended(&mut attempts, attempt.deadline(), &mut done) else {
            return Some(done);
        };
        // What the attempt left behind does not outlive it.
        this.next.clear();
        drop(done);
        *this.progress = Progress::Waiting(attempt, attempts, retrier.time().sleep_until(at));
        None
    }
}

impl<C, N> RetryRun<'_, C, N> {
    #[inline]
    fn poll_done<T, E>(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>>
    where
        C: Condition<T, E>,
        N: Attempt<T, E>,
    {
        loop {
            let mut this = self.as_mut().project();
            let (time, events) = (this.retrier.time(), this.retrier.events());
            match this.progress {
                Progress::New(_) | Progress::Unasked => {
                    let call = match this.progress {
                        Progress::New(call) => *call,
                        _ => Call::from_context(),
                    };
                    if call.retry() == RetryMark::Forbidden {
                        this.next.as_mut().start(call, time, events);
                        *this.progress = Progress::Forbidden;
                    } else {
                        let first = this.retrier.first(call);
                        this.next.as_mut().start(first, time, events);
                        *this.progress = Progress::Attempting(first, Attempts::first());
                    }
                }
                Progress::Waiting(attempt, attempts, sleep) => {
                    ready!(Pin::new(sleep).poll(cx));
                    let (attempt, attempts) = (attempt.as_attempt(attempts.made()), *attempts);
                    this.next.as_mut().start(attempt, time, events);
                    *this.progress = Progress::Attempting(attempt, attempts);
                }
                Progress::Forbidden | Progress::Attempting(..) => {}
            }
            let mut done = ready!(this.next.as_mut().poll(cx));
            let &mut Progress::Attempting(attempt, attempts) = this.progress else {
                return Poll::Ready(done);
            };
            if attempts.made() == 1 {
                done = match this.retrier.accept_first(done) {
                    Ok(accepted) => return Poll::Ready(accepted),
                    Err(done) => done,
                };
            }
            if let Some(done) = self.as_mut().end(attempt, attempts, done) {
                return Poll::Ready(done);
            }
        }
    }
}

/// A run in a pipeline.
impl<T, E, C, M, F> Future for RetryRun<'_, C, Later<M, F>>
where
    C: Condition<T, E>,
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        self.poll_done(cx)
    }
}

pin_project! {
    /// The protected call itself, without other policies between the retry and it.
    pub(super) struct Own<F, Fut> {
        make: F,
        #[pin]
        made: Option<Fut>,
        // An attempt that has begun, with its context, or began too late.
        begun: Option<Result<(Call, Option<AttemptScope>), TimedOut>>,
    }
}

impl<F: Fn(Call) -> Fut, Fut: Future> Own<F, Fut> {
    /// Polls the attempt's own code, which is made if it is not there yet and dropped when it has ended:
    /// to be called inside of its context.
    #[expect(
        clippy::inline_always,
        reason = "the first poll is built into the caller, and all others are apart from it"
    )]
    #[inline(always)]
    fn poll_made(
        mut made: Pin<&mut Option<Fut>>,
        make: &F,
        attempt: Call,
        cx: &mut Context<'_>,
    ) -> Poll<Fut::Output> {
        if made.is_none() {
            made.set(Some(make(attempt)));
        }
        let under_way = made.as_mut().as_pin_mut();
        let output = ready!(under_way.expect("it was made just now").poll(cx));
        made.set(None);
        Poll::Ready(output)
    }
}

impl<T, E, F, Fut> Attempt<T, E> for Own<F, Fut>
where
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    fn start(self: Pin<&mut Self>, mut call: Call, time: &Time, events: &Events) {
        let in_time = check(&mut call, time, events);
        *self.project().begun = Some(in_time.map(|()| (call, call.scope())));
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let this = self.project();
        let begun = this.begun.as_mut().expect("an attempt is started before its poll");
        let (attempt, scope) = match begun {
            Ok(begun) => begun,
            Err(late) => return Poll::Ready(Done::err(*late)),
        };
        let polled = within(scope, || Self::poll_made(this.made, this.make, *attempt, cx));
        polled.map(|result| Done::new(result.map_err(Error::Inner)))
    }

    fn clear(self: Pin<&mut Self>) {
        *self.project().begun = None;
    }
}

pin_project! {
    /// A call by a retry alone.
    pub(super) struct CallRun<'a, C, F, Fut> {
        #[pin]
        run: RetryRun<'a, C, Own<F, Fut>>,
    }
}

impl<'a, C, F, Fut> CallRun<'a, C, F, Fut> {
    #[inline]
    pub(super) fn new(retrier: &'a Retrier<C>, make: F) -> Self {
        let next = Own { make, made: None, begun: None };
        Self { run: RetryRun { retrier, progress: Progress::Unasked, next } }
    }
}

impl<T, E, C, F, Fut> Future for CallRun<'_, C, F, Fut>
where
    C: Condition<T, E>,
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let this = run.as_mut().project();
        let is_new = matches!(this.progress, Progress::Unasked);
        if !is_new || context::is_set() || !this.retrier.is_plain() {
            return poll_apart(run, cx);
        }
        // All of the first attempt is known beforehand; it is kept only if it is polled again.
        let attempt = Call::new().as_attempt(1);
        let mut scope = attempt.scope();
        let next = this.next.project();
        match within(&mut scope, || Own::poll_made(next.made, next.make, attempt, cx)) {
            Poll::Ready(Ok(value)) if this.retrier.accepts::<T, E>(&value) => {
                Poll::Ready(Ok(value))
            }
            Poll::Ready(result) => {
                let done = Done::new(result.map_err(Error::Inner));
                match run.as_mut().end(attempt, Attempts::first(), done) {
                    Some(done) => Poll::Ready(done.result),
                    None => poll_apart(run, cx),
                }
            }
            Poll::Pending => {
                *next.begun = Some(Ok((attempt, scope)));
                *this.progress = Progress::Attempting(attempt, Attempts::first());
                Poll::Pending
            }
        }
    }
}

/// Polls what is not ready at once.
#[inline(never)]
fn poll_apart<T, E, C, F, Fut>(
    run: Pin<&mut RetryRun<'_, C, Own<F, Fut>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, Error<E>>>
where
    C: Condition<T, E>,
    F: Fn(Call) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    run.poll_done(cx).map(|done| done.result)
}
