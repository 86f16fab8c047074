//! Asking for turns: at once, booked, or waited for.

use std::sync::atomic::Ordering;

use steadfast_base::{CallContext, Instant, context};

use crate::error::Error;
use crate::names;
use crate::rejection::{Reason, Rejection};
use crate::waiting::block_on;

use super::gcra::nanos;
use super::{Inner, RateLimiter, Reservation};

impl RateLimiter {
    /// Asks for one call now.
    ///
    /// # Errors
    ///
    /// Rejects, with the time to come back, if no call may run now. Above a second that time may be a
    /// tick of the machine (1 to 10 ms) too long.
    #[inline]
    pub fn try_acquire(&self) -> Result<(), Rejection> {
        let inner = &*self.inner;
        if inner.rare.load(Ordering::Relaxed) != 0 {
            return inner.take_rarely(None);
        }
        let now = inner.time.now_relaxed();
        if inner.takes(now) { Ok(()) } else { inner.take_rarely(Some(now)) }
    }

    /// Asks for one call at `now`, a reading of the limiter's clock.
    ///
    /// # Errors
    ///
    /// Rejects, with the time to come back, if no call may run at `now`.
    #[inline]
    pub fn try_acquire_at(&self, now: Instant) -> Result<(), Rejection> {
        let inner = &*self.inner;
        let plain = inner.rare.load(Ordering::Relaxed) == 0;
        if plain && inner.takes(now) { Ok(()) } else { inner.take_rarely(Some(now)) }
    }

    /// Asks for several calls now: all of them or none.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire); without a time to come back if there are never so many
    /// calls at once (`calls` above the burst, or above the limit of a fixed window).
    pub fn try_acquire_many(&self, calls: u32) -> Result<(), Rejection> {
        self.possible(calls)?;
        self.inner.book(self.inner.time.now_relaxed(), calls, 0).map(drop)
    }

    /// Books `calls` calls, now or at most `max_wait_duration` ahead; the caller waits by itself.
    ///
    /// # Errors
    ///
    /// Rejects, booking nothing, if the turn would come later than that.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_policy::{RateLimiter, RateLimiterConfig};
    ///
    /// let hour = Duration::from_hours(1);
    /// let limiter = RateLimiter::new(RateLimiterConfig::per(1, hour).with_wait(hour), Time::system())?;
    /// assert_eq!(limiter.reserve(1)?.wait, Duration::ZERO);
    /// assert!(limiter.reserve(1)?.wait <= hour);
    /// assert_eq!(limiter.available(), -1);
    /// assert!(limiter.reserve(1).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve(&self, calls: u32) -> Result<Reservation, Rejection> {
        self.possible(calls)?;
        let wait_max = self.inner.wait_max.load(Ordering::Relaxed);
        self.inner.book(self.inner.time.now_relaxed(), calls, wait_max)
    }

    /// Gives a booking up; its turn is free again if nothing was booked since.
    pub fn cancel(&self, reservation: Reservation) {
        self.inner.take_back(reservation);
    }

    /// Waits for the turn of one call, at most `max_wait_duration` and until the context's deadline.
    ///
    /// # Errors
    ///
    /// Rejects at once if the turn would come later than that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the booking up, see [`cancel`](Self::cancel).
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    /// use steadfast_policy::{RateLimiter, RateLimiterConfig};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let config = RateLimiterConfig::per(1, Duration::from_millis(2));
    /// let limiter = RateLimiter::new(config.with_wait(Duration::from_secs(1)), Time::system())?;
    /// for _ in 0..3 {
    ///     limiter.acquire().await?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn acquire(&self) -> Result<(), Rejection> {
        self.acquire_until(self.inner.time.now_relaxed(), deadline_of_context()).await.map(drop)
    }

    /// As [`acquire`](Self::acquire), on this thread, which is parked while it waits.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    pub fn acquire_blocking(&self) -> Result<(), Rejection> {
        self.acquire_blocking_until(self.inner.time.now_relaxed(), deadline_of_context()).map(drop)
    }

    /// Makes a call when its turn comes, waiting for it on this thread.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] if the call was not made, [`Error::Inner`] with the call's own error.
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, Error<E>> {
        self.acquire_blocking()?;
        call().map_err(Error::Inner)
    }

    /// Makes an asynchronous call when its turn comes.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire), and dropping the future drops the call.
    pub async fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce() -> F,
    ) -> Result<T, Error<E>> {
        self.acquire().await?;
        call().await.map_err(Error::Inner)
    }

    /// Waits for a turn; says whether time has passed since `now`.
    #[inline]
    pub(super) async fn acquire_until(
        &self,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<bool, Rejection> {
        let reservation = self.inner.book(now, 1, self.inner.wait_within(now, deadline))?;
        if reservation.wait.is_zero() {
            return Ok(false);
        }
        let booking = Booking { inner: &self.inner, reservation: Some(reservation) };
        self.inner.time.sleep_until(reservation.at).await;
        booking.keep();
        Ok(true)
    }

    pub(super) fn acquire_blocking_until(
        &self,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<bool, Rejection> {
        let reservation = self.inner.book(now, 1, self.inner.wait_within(now, deadline))?;
        if reservation.wait.is_zero() {
            return Ok(false);
        }
        block_on(self.inner.time.sleep_until(reservation.at));
        Ok(true)
    }

    /// Rejects what could never run.
    fn possible(&self, calls: u32) -> Result<(), Rejection> {
        if calls <= self.config().calls_max() {
            return Ok(());
        }
        let rejection = Rejection::new(names::RATE_LIMIT, Reason::RateLimited);
        self.inner.events.rejected(&rejection);
        Err(rejection)
    }
}

impl Inner {
    /// How long a call may wait, in nanoseconds.
    #[inline]
    fn wait_within(&self, now: Instant, deadline: Option<Instant>) -> u64 {
        let wait_max = self.wait_max.load(Ordering::Relaxed);
        deadline.map_or(wait_max, |deadline| wait_max.min(nanos(deadline - now)))
    }
}

/// A booking that is given up when its wait is.
struct Booking<'a> {
    inner: &'a Inner,
    reservation: Option<Reservation>,
}

impl Booking<'_> {
    fn keep(mut self) {
        self.reservation = None;
    }
}

impl Drop for Booking<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            self.inner.take_back(reservation);
        }
    }
}

fn deadline_of_context() -> Option<Instant> {
    context::current_ref(|call| call.and_then(CallContext::deadline))
}
