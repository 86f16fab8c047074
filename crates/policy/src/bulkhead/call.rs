//! An asynchronous call in a place of its own.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::error::Error;
use crate::rejection::Rejection;

use super::Bulkhead;
use super::acquire::{Acquire, deadline_of_context};
use super::permit::BulkheadPermit;

/// How far a call has come.
enum Progress<'a, M> {
    New(M),
    Waiting(M, Acquire<'a>),
    /// With the place, while the call is not polled.
    Running(Option<BulkheadPermit<'a>>),
}

pin_project! {
    /// A call that is turned away, or takes a place, at its first poll.
    pub(super) struct CallRun<'a, M, F> {
        bulkhead: &'a Bulkhead,
        #[pin]
        made: Option<F>,
        // Holds the place, which is given back after the call itself was dropped.
        progress: Progress<'a, M>,
    }
}

impl<'a, M, F> CallRun<'a, M, F> {
    #[inline]
    pub(super) fn new(bulkhead: &'a Bulkhead, make: M) -> Self {
        Self { bulkhead, made: None, progress: Progress::New(make) }
    }
}

impl<T, E, M, F> CallRun<'_, M, F>
where
    M: FnOnce() -> F,
    F: Future<Output = Result<T, E>>,
{
    /// Takes a place, or waits for one, and makes the call.
    #[inline(never)]
    fn poll_in_turn(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Error<E>>> {
        let mut this = self.project();
        let (make, place) = match mem::replace(this.progress, Progress::Running(None)) {
            Progress::New(make) => match this.bulkhead.place_at_once() {
                Ok(Some(permit)) => (Some(make), Ok(permit)),
                Ok(None) => ready!(wait(this.bulkhead, this.progress, make, None, cx)),
                Err(rejection) => (None, Err(rejection)),
            },
            Progress::Waiting(make, acquire) => {
                ready!(wait(this.bulkhead, this.progress, make, Some(acquire), cx))
            }
            Progress::Running(permit) => {
                (None, Ok(permit.expect("a future is not polled after it was ready")))
            }
        };
        let permit = match place {
            Ok(permit) => permit,
            Err(rejection) => return Poll::Ready(Err(Error::Rejected(rejection))),
        };
        if let Some(make) = make {
            this.made.set(Some(make()));
        }
        let made = this.made.as_mut().as_pin_mut();
        let polled = made.expect("it is polled until it has ended").poll(cx);
        if polled.is_ready() {
            // Before its place is given back.
            this.made.set(None);
        }
        match polled {
            Poll::Ready(Ok(value)) => {
                permit.succeed();
                Poll::Ready(Ok(value))
            }
            Poll::Ready(Err(error)) => {
                permit.fail();
                Poll::Ready(Err(Error::Inner(error)))
            }
            Poll::Pending => {
                *this.progress = Progress::Running(Some(permit));
                Poll::Pending
            }
        }
    }
}

impl<T, E, M, F> Future for CallRun<'_, M, F>
where
    M: FnOnce() -> F,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.progress, Progress::New(_))
            && let Some(rejection) = self.bulkhead.inner.turn_away()
        {
            return Poll::Ready(Err(Error::Rejected(rejection)));
        }
        self.poll_in_turn(cx)
    }
}

type Place<'a> = Result<BulkheadPermit<'a>, Rejection>;

/// Waits for a place, from now on or further.
#[cold]
#[inline(never)]
fn wait<'a, M>(
    bulkhead: &'a Bulkhead,
    progress: &mut Progress<'a, M>,
    make: M,
    acquire: Option<Acquire<'a>>,
    cx: &mut Context<'_>,
) -> Poll<(Option<M>, Place<'a>)> {
    let new = || bulkhead.acquire_until(deadline_of_context());
    let mut acquire = acquire.unwrap_or_else(new);
    match Pin::new(&mut acquire).poll(cx) {
        Poll::Ready(place) => Poll::Ready((Some(make), place)),
        Poll::Pending => {
            *progress = Progress::Waiting(make, acquire);
            Poll::Pending
        }
    }
}
