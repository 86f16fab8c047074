//! Waiting for a place that may go to somebody more important.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use steadfast_base::{CallContext, Instant, Priority, Sleep, context};

use crate::bulkhead::desk::Ticket;
use crate::rejection::Rejection;
use crate::waiting::block_on;

use super::queue::Offered;
use super::{Inner, LoadShedder, Verdict};

impl LoadShedder {
    /// Asks for a place, without waiting.
    ///
    /// # Errors
    ///
    /// Rejects if all places are taken or somebody waits for one.
    pub fn try_acquire(&self) -> Result<ShedPermit<'_>, Rejection> {
        if self.inner.lock().take() {
            return Ok(ShedPermit { owner: Owner::Borrowed(&self.inner) });
        }
        self.inner.lock().count_shed(Priority::default());
        Err(self.inner.reject())
    }

    /// Waits for a place, at most `max_wait_duration` and until the current context's deadline.
    ///
    /// # Errors
    ///
    /// Rejects if the call is shed, see [`LoadShedder`], or its wait is over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the queue; a place given to it meanwhile goes to the next.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Priority, Time};
    /// use steadfast_policy::{LoadShedder, ShedConfig};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let shedder = LoadShedder::new(ShedConfig::new(8), Time::system())?;
    /// let permit = shedder.acquire(Priority::High).await?;
    /// # drop(permit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(
        &self,
        priority: Priority,
    ) -> impl Future<Output = Result<ShedPermit<'_>, Rejection>> {
        self.acquire_until(priority, deadline_of_context())
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
        priority: Priority,
    ) -> impl Future<Output = Result<ShedPermit<'static>, Rejection>> + use<> {
        let owner = Some(Owner::Shared(Arc::clone(&self.inner)));
        Acquire { owner, priority, deadline: deadline_of_context(), wait: None }
    }

    /// As [`acquire`](Self::acquire), on this thread, which is parked while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking(&self, priority: Priority) -> Result<ShedPermit<'_>, Rejection> {
        block_on(self.acquire(priority))
    }

    pub(super) fn acquire_until(
        &self,
        priority: Priority,
        deadline: Option<Instant>,
    ) -> Acquire<'_> {
        Acquire { owner: Some(Owner::Borrowed(&self.inner)), priority, deadline, wait: None }
    }

    /// A place that is free now; finding none sheds nobody.
    pub(super) fn free_place(&self) -> Option<ShedPermit<'_>> {
        let taken = self.inner.lock().take();
        taken.then(|| ShedPermit { owner: Owner::Borrowed(&self.inner) })
    }
}

fn deadline_of_context() -> Option<Instant> {
    context::current_ref(|call| call.and_then(CallContext::deadline))
}

/// A place of a load shedder; dropping it gives the place to the next.
#[must_use = "dropping a permit at once gives the place back"]
pub struct ShedPermit<'a> {
    owner: Owner<'a>,
}

impl Drop for ShedPermit<'_> {
    fn drop(&mut self) {
        self.owner.give_back();
    }
}

impl fmt::Debug for ShedPermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedPermit").finish_non_exhaustive()
    }
}

enum Owner<'a> {
    Borrowed(&'a Inner),
    Shared(Arc<Inner>),
}

impl Deref for Owner<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        match self {
            Self::Borrowed(inner) => inner,
            Self::Shared(inner) => inner,
        }
    }
}

/// What came of asking.
enum Joined {
    Taken,
    Waiting(Ticket, Instant),
    Refused,
}

impl Inner {
    fn join(&self, waker: &Waker, priority: Priority, deadline: Option<Instant>) -> Joined {
        let (waker, mut joined) = (waker.clone(), Joined::Refused);
        self.step(|state, now| {
            if state.take() {
                joined = Joined::Taken;
                return Vec::new();
            }
            let until = now + state.config.max_wait_duration;
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            if until <= now {
                state.count_shed(priority);
                return vec![waker];
            }
            let ticket = state.desk.join(waker);
            let calls_max = state.config.queue_calls_max as usize;
            let waker = match state.queue.offer((ticket, priority), (now, until), calls_max) {
                Offered::Queued => None,
                Offered::QueuedInsteadOf(evicted) => state.desk.decide(evicted, Verdict::Shed),
                Offered::Refused => {
                    state.count_shed(priority);
                    return state.desk.leave(ticket).1.into_iter().collect();
                }
            };
            joined = Joined::Waiting(ticket, until);
            waker.into_iter().collect()
        });
        joined
    }

    /// The verdict on a waiter, if there is one.
    fn verdict(&self, ticket: Ticket, waker: &Waker) -> Option<Verdict> {
        let waker = waker.clone();
        // The waker that is not needed any more is dropped behind the lock.
        let fetched = self.lock().desk.fetch(ticket, waker);
        fetched.ok().map(|(verdict, _waker)| verdict)
    }

    /// Ends a wait; the verdict, if there was one.
    fn leave(&self, ticket: Ticket, priority: Priority) -> Option<Verdict> {
        let mut state = self.lock();
        let (verdict, waker) = state.desk.leave(ticket);
        state.queue.remove(ticket, priority);
        drop(state);
        drop(waker);
        verdict
    }

    fn shed(&self, priority: Priority) -> Rejection {
        self.lock().count_shed(priority);
        self.reject()
    }

    fn give_back(&self) {
        self.step(|state, now| {
            state.running -= 1;
            state.serve(now)
        });
    }
}

/// A wait for a place.
#[must_use = "a wait for a place does nothing unless awaited"]
pub(super) struct Acquire<'a> {
    /// Present until the place is given or refused.
    owner: Option<Owner<'a>>,
    priority: Priority,
    deadline: Option<Instant>,
    wait: Option<(Ticket, Sleep)>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<ShedPermit<'a>, Rejection>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let owner = this.owner.as_ref().expect("a future is not polled after it was ready");
        let mut verdict = match &mut this.wait {
            Some((ticket, _)) => owner.verdict(*ticket, cx.waker()),
            None => match owner.join(cx.waker(), this.priority, this.deadline) {
                Joined::Taken => Some(Verdict::LetIn),
                Joined::Refused => return Poll::Ready(Err(owner.reject())),
                Joined::Waiting(ticket, until) => {
                    this.wait = Some((ticket, owner.time.sleep_until(until)));
                    None
                }
            },
        };
        if let (None, Some((ticket, sleep))) = (verdict, &mut this.wait) {
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            verdict = owner.leave(*ticket, this.priority);
        }
        this.wait = None;
        Poll::Ready(match this.owner.take() {
            Some(owner) if verdict == Some(Verdict::LetIn) => Ok(ShedPermit { owner }),
            Some(owner) => Err(owner.shed(this.priority)),
            None => unreachable!("the owner was there above"),
        })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if let (Some(owner), Some((ticket, _))) = (self.owner.take(), self.wait.take())
            && owner.leave(ticket, self.priority) == Some(Verdict::LetIn)
        {
            drop(ShedPermit { owner });
        }
    }
}
