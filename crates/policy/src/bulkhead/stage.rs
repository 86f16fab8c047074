//! The bulkhead as part of a pipeline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use steadfast_base::Instant;

use crate::names;
use crate::pipeline::{Call, Done, Environment, Later, Layer, Next, NextSync, Profile, Stage};
use crate::rejection::Rejection;
use crate::waiting::block_on;

use super::acquire::Acquire;
use super::permit::BulkheadPermit;
use super::{Bulkhead, BulkheadConfig};

impl Layer for BulkheadConfig {
    type Stage = Bulkhead;

    fn profile(&self) -> Profile {
        Profile::new(names::BULKHEAD).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> Bulkhead {
        Bulkhead::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// A bulkhead that is shared with other pipelines, or controlled from outside.
impl Layer for Bulkhead {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::BULKHEAD)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for Bulkhead {
    #[inline]
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>> {
        let next = Later::new(move |call| next.run(call));
        BulkheadRun { bulkhead: self, call, next, wait: None, permit: None }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.place_at_once() {
            Ok(Some(permit)) => permit,
            Ok(None) => match block_on(self.acquire_until(call.deadline())) {
                Ok(permit) => {
                    call = call.after_wait();
                    permit
                }
                Err(rejection) => return Done::err(rejection),
            },
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.call(call);
        end(permit, &done);
        done
    }
}

pin_project! {
    /// A run in a place of its own.
    struct BulkheadRun<'a, M, F> {
        bulkhead: &'a Bulkhead,
        call: Call,
        #[pin]
        next: Later<M, F>,
        wait: Option<Acquire<'a>>,
        // While the call is under way; given back after the call itself was dropped.
        permit: Option<BulkheadPermit<'a>>,
    }
}

impl<T, E, M, F> Future for BulkheadRun<'_, M, F>
where
    M: Fn(Call) -> F,
    F: Future<Output = Done<T, E>>,
{
    type Output = Done<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done<T, E>> {
        let mut this = self.project();
        if this.permit.is_none() {
            let bulkhead = *this.bulkhead;
            let at_once = if this.wait.is_some() { Ok(None) } else { bulkhead.place_at_once() };
            let permit = match at_once {
                Ok(Some(permit)) => permit,
                Ok(None) => match ready!(wait(this.wait, bulkhead, this.call.deadline(), cx)) {
                    Ok(permit) => {
                        *this.call = this.call.after_wait();
                        permit
                    }
                    Err(rejection) => return Poll::Ready(Done::err(rejection)),
                },
                Err(rejection) => return Poll::Ready(Done::err(rejection)),
            };
            *this.permit = Some(permit);
            this.next.as_mut().start(*this.call);
        }
        let done = ready!(this.next.as_mut().poll(cx));
        this.next.clear();
        let permit = this.permit.take();
        match done {
            // A success is moved as one: as a whole it would be read at once after it was written in
            // parts, and the processor would wait.
            Done { result: Ok(value), ended } => {
                if let Some(permit) = permit {
                    permit.succeed();
                }
                Poll::Ready(Done { result: Ok(value), ended })
            }
            done => {
                if let Some(permit) = permit {
                    end(permit, &done);
                }
                Poll::Ready(done)
            }
        }
    }
}

/// Waits for a place.
#[cold]
#[inline(never)]
fn wait<'a>(
    wait: &mut Option<Acquire<'a>>,
    bulkhead: &'a Bulkhead,
    deadline: Option<Instant>,
    cx: &mut Context<'_>,
) -> Poll<Result<BulkheadPermit<'a>, Rejection>> {
    let acquire = wait.get_or_insert_with(|| bulkhead.acquire_until(deadline));
    let place = ready!(Pin::new(acquire).poll(cx));
    *wait = None;
    Poll::Ready(place)
}

/// Ends a permit by the result; a call that was rejected further in, or not started for want of time, says
/// nothing about the callee.
#[inline]
fn end<T, E>(permit: BulkheadPermit<'_>, done: &Done<T, E>) {
    match &done.result {
        Ok(_) => permit.succeed(),
        Err(error) if error.was_made() => permit.fail(),
        Err(_) => drop(permit),
    }
}
