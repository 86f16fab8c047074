//! The right to make one call.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use steadfast_base::{FailureKind, Instant};

use crate::machine::Ticket;
use crate::outcome::Outcome;
use crate::rejection::Rejection;

use super::{CircuitBreaker, Inner};

/// The right to make one call; give it back with what the call came to.
///
/// Dropped without a result it counts by the [drop rule](crate::OnDrop) of the configuration, and
/// dropped by a panic it counts as a failure of kind [`FailureKind::Panic`]. A permit that outlives
/// the state that gave it changes nothing but the totals.
#[must_use = "dropping a permit at once gives it back"]
pub struct Permit<'a> {
    owner: Owner<'a>,
    /// Present until the permit is given back.
    ticket: Option<Ticket>,
}

enum Owner<'a> {
    Borrowed(&'a Inner),
    Shared(Arc<Inner>),
}

impl Deref for Owner<'_> {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        match self {
            Self::Borrowed(inner) => inner,
            Self::Shared(inner) => inner,
        }
    }
}

impl CircuitBreaker {
    /// Asks for one call.
    ///
    /// # Errors
    ///
    /// Fails while the breaker is open, or half-open with all its probes under way.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{FailureKind, Time};
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let permit = breaker.acquire()?;
    /// permit.fail(FailureKind::Timeout);
    /// assert_eq!(breaker.metrics().window.failed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn acquire(&self) -> Result<Permit<'_>, Rejection> {
        let ticket = self.inner.admit_timed()?;
        Ok(Permit { owner: Owner::Borrowed(&self.inner), ticket: Some(ticket) })
    }

    /// Asks for one call that starts at `now`, a reading of the breaker's clock.
    ///
    /// For callers that read the clock anyway; with [`Permit::finish_at`] the breaker reads none.
    ///
    /// # Errors
    ///
    /// Fails as [`acquire`](Self::acquire) does.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, Outcome};
    ///
    /// let time = Time::system();
    /// let breaker = CircuitBreaker::new("mail", Config::default(), time.clone())?;
    /// let permit = breaker.acquire_at(time.now())?;
    /// permit.finish_at(Outcome::Success, time.now());
    /// assert_eq!(breaker.metrics().window.total, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn acquire_at(&self, now: Instant) -> Result<Permit<'_>, Rejection> {
        let ticket = self.inner.admit_at(now)?;
        Ok(Permit { owner: Owner::Borrowed(&self.inner), ticket: Some(ticket) })
    }

    /// Asks for one call, with a permit that may be moved to another thread or task.
    ///
    /// # Errors
    ///
    /// Fails as [`acquire`](Self::acquire) does.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("mail", Config::default(), Time::system())?;
    /// let permit = breaker.acquire_owned()?;
    /// std::thread::spawn(move || permit.succeed()).join().unwrap();
    /// assert_eq!(breaker.metrics().window.total, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_owned(&self) -> Result<Permit<'static>, Rejection> {
        let ticket = self.inner.admit_timed()?;
        let owner = Owner::Shared(Arc::clone(&self.inner));
        Ok(Permit { owner, ticket: Some(ticket) })
    }
}

impl Permit<'_> {
    /// Whether the call is a probe of a half-open breaker.
    pub fn is_probe(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_probe)
    }

    /// The epoch of the state that gave the permit.
    pub fn epoch(&self) -> u32 {
        self.ticket.as_ref().map_or(0, Ticket::epoch)
    }

    /// Gives the permit back with what the call came to.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.owner.finish(ticket, outcome, None);
        }
    }

    /// Gives the permit back at `now`, a reading of the breaker's clock.
    #[inline]
    pub fn finish_at(mut self, outcome: Outcome, now: Instant) {
        if let Some(ticket) = self.ticket.take() {
            self.owner.finish(ticket, outcome, Some(now));
        }
    }

    /// Gives the permit back; `read` reads the breaker's clock, if that is needed. For pipelines, which share
    /// their readings.
    #[doc(hidden)]
    #[inline]
    pub fn __finish_reading(mut self, outcome: Outcome, read: impl FnMut() -> Instant) {
        if let Some(ticket) = self.ticket.take() {
            self.owner.finish_reading(ticket, outcome, None, read);
        }
    }

    /// The call succeeded.
    #[inline]
    pub fn succeed(self) {
        self.finish(Outcome::Success);
    }

    /// The call failed.
    pub fn fail(self, kind: FailureKind) {
        self.finish(Outcome::failure(kind));
    }

    /// The call was not made, or its fate says nothing; records nothing.
    pub fn cancel(mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.owner.now();
            self.owner.step(|machine| machine.cancel(ticket, now));
        }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.owner.abandon(ticket);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
