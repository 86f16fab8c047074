//! Asking for a place: at once, on this thread, or asynchronously.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use steadfast_base::{CallContext, Instant, Sleep, context};

use crate::error::Error;
use crate::rejection::{Reason, Rejection};
use crate::waiting::block_on;

use super::call::CallRun;
use super::desk::Ticket;
use super::permit::{BulkheadPermit, Owner};
use super::{Bulkhead, Entry, Joined};

impl Bulkhead {
    /// Asks for a place, without waiting.
    ///
    /// # Errors
    ///
    /// Rejects if all places are taken or somebody waits for one.
    #[inline]
    pub fn try_acquire(&self) -> Result<BulkheadPermit<'_>, Rejection> {
        self.inner.take()?;
        Ok(BulkheadPermit::new(Owner::Borrowed(&self.inner)))
    }

    /// Asks for a place, without waiting, with a permit that may outlive this handle.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(&self) -> Result<BulkheadPermit<'static>, Rejection> {
        self.inner.take()?;
        Ok(BulkheadPermit::new(Owner::Shared(Arc::clone(&self.inner))))
    }

    /// Asks for a place, waiting at most `max_wait_duration` and until the current context's deadline.
    ///
    /// # Errors
    ///
    /// Rejects if nobody may wait, the queue is full, or the wait is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue; a place given to it meanwhile goes to the next.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_policy::{Bulkhead, BulkheadConfig};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let config = BulkheadConfig::new(1).with_wait(Duration::from_millis(2), 10);
    /// let bulkhead = Bulkhead::new(config, Time::system())?;
    /// let permit = bulkhead.acquire().await?;
    /// assert!(bulkhead.acquire().await.is_err());
    /// # drop(permit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(&self) -> impl Future<Output = Result<BulkheadPermit<'_>, Rejection>> {
        self.acquire_until(deadline_of_context())
    }

    /// As [`acquire`](Self::acquire), with a permit that may outlive this handle.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(
        &self,
    ) -> impl Future<Output = Result<BulkheadPermit<'static>, Rejection>> + use<> {
        Acquire::new(Owner::Shared(Arc::clone(&self.inner)), deadline_of_context())
    }

    /// As [`acquire`](Self::acquire), on this thread, which is parked while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking(&self) -> Result<BulkheadPermit<'_>, Rejection> {
        match self.place_at_once()? {
            Some(permit) => Ok(permit),
            None => block_on(self.acquire()),
        }
    }

    /// Makes a call in a place of its own, waiting for it on this thread; an `Err` is a failure.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the call was not made, [`Error::Inner`] with the call's own error.
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        let permit = self.acquire_blocking()?;
        let result = call();
        permit.end(result.is_ok());
        result.map_err(Error::Inner)
    }

    /// Makes an asynchronous call in a place of its own; an `Err` is a failure.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue, or drops the call and gives its place back.
    #[inline]
    pub fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, Error<E>>> {
        CallRun::new(self, call)
    }

    pub(super) fn acquire_until(&self, deadline: Option<Instant>) -> Acquire<'_> {
        Acquire::new(Owner::Borrowed(&self.inner), deadline)
    }

    /// A place that is free now, or a rejection if nobody may wait for one; `None` if the queue has
    /// to decide. Reads no clock and takes no lock.
    #[inline]
    pub(super) fn place_at_once(&self) -> Result<Option<BulkheadPermit<'_>>, Rejection> {
        match self.inner.enter() {
            Entry::Taken => Ok(Some(BulkheadPermit::new(Owner::Borrowed(&self.inner)))),
            Entry::Full => Err(self.inner.reject(Reason::Full)),
            Entry::Queue => Ok(None),
        }
    }
}

impl BulkheadPermit<'_> {
    #[inline]
    pub(super) fn end(self, well: bool) {
        if well { self.succeed() } else { self.fail() }
    }
}

pub(super) fn deadline_of_context() -> Option<Instant> {
    context::current_ref(|call| call.and_then(CallContext::deadline))
}

/// A wait for a place.
#[must_use = "a wait for a place does nothing unless awaited"]
pub(super) struct Acquire<'a> {
    /// Present until the place is given or refused.
    owner: Option<Owner<'a>>,
    deadline: Option<Instant>,
    wait: Option<Wait>,
}

struct Wait {
    ticket: Ticket,
    sleep: Sleep,
}

impl<'a> Acquire<'a> {
    pub(super) fn new(owner: Owner<'a>, deadline: Option<Instant>) -> Self {
        Self { owner: Some(owner), deadline, wait: None }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<BulkheadPermit<'a>, Rejection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let owner = this.owner.as_ref().expect("a future is not polled after it was ready");
        let mut taken = match &mut this.wait {
            Some(wait) => owner.is_let_in(wait.ticket, cx.waker()),
            None => match owner.join(cx.waker(), this.deadline) {
                Joined::Taken => true,
                Joined::Rejected(rejection) => return Poll::Ready(Err(rejection)),
                Joined::Waiting(ticket, until) => {
                    let sleep = owner.time.sleep_until(until);
                    this.wait = Some(Wait { ticket, sleep });
                    false
                }
            },
        };
        if let (false, Some(wait)) = (taken, &mut this.wait) {
            if Pin::new(&mut wait.sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            taken = owner.leave(wait.ticket);
        }
        this.wait = None;
        Poll::Ready(match this.owner.take() {
            Some(owner) if taken => Ok(BulkheadPermit::new(owner)),
            Some(owner) => Err(owner.reject(Reason::WaitOver)),
            None => unreachable!("the owner was there above"),
        })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if let (Some(owner), Some(wait)) = (self.owner.take(), self.wait.take())
            && owner.leave(wait.ticket)
        {
            drop(BulkheadPermit::new(owner));
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("waiting", &self.wait.is_some()).finish_non_exhaustive()
    }
}
