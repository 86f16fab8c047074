//! Protected calls, synchronous and asynchronous.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use steadfast_base::{FailureKind, Instant, Outlined};

use crate::machine::Ticket;
use crate::outcome::{Classify, ErrorsFail, Outcome};
use crate::rejection::{CallError, Rejection};

use super::shortcut::Shortcut;
use super::{CircuitBreaker, Inner};

/// A call under way; dropped without a result it was cancelled or it panicked.
struct Running<'a> {
    inner: &'a Inner,
    /// Present until the result is known.
    ticket: Option<Ticket>,
}

impl<'a> Running<'a> {
    #[inline]
    fn admit(inner: &'a Inner) -> Result<Self, Rejection> {
        inner.admit().map(|ticket| Self { inner, ticket: Some(ticket) })
    }

    #[inline]
    fn finish(mut self, outcome: Outcome, ended: Option<Instant>) {
        if let Some(ticket) = self.ticket.take() {
            self.inner.finish(ticket, outcome, ended);
        }
    }

    /// Waits for a call that was not ready at once; the error is the time-out after which it was not.
    async fn wait<F: Future>(&mut self, call: Pin<&mut F>) -> Result<F::Output, Duration> {
        let started = self.start_if_unknown();
        match self.inner.gate.call_timeout() {
            None => Ok(call.await),
            Some(limit) => {
                let timeout = self.inner.family.time.timeout_at(started + limit, call);
                timeout.await.map_err(|_elapsed| limit)
            }
        }
    }

    /// The start of the call; now, if it was not timed so far.
    fn start_if_unknown(&mut self) -> Instant {
        let known = self.ticket.as_ref().and_then(Ticket::started);
        let started = known.unwrap_or_else(|| self.inner.now());
        self.ticket = self.ticket.take().map(|ticket| ticket.started_at(started));
        started
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.inner.abandon(ticket);
        }
    }
}

impl CircuitBreaker {
    /// Makes a call unless the breaker rejects it; an `Err` is a failure.
    ///
    /// A panic of the call counts as a failure and goes on. A synchronous call cannot be timed out;
    /// one that takes longer than `slow_call` counts as slow.
    ///
    /// # Errors
    ///
    /// [`CallError::Rejected`] if the call was not made, [`CallError::Inner`] with the call's own error.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CallError, CircuitBreaker, Config};
    ///
    /// let breaker = CircuitBreaker::new("parser", Config::default(), Time::system())?;
    /// let parsed = breaker.call(|| "12".parse::<u8>());
    /// assert_eq!(parsed, Ok(12));
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    #[inline]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_with(&ErrorsFail, call)
    }

    /// Like [`call`](Self::call), with a say in what a result means.
    ///
    /// # Errors
    ///
    /// Fails as [`call`](Self::call) does; what a result means to the breaker does not change it.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config, Outcome};
    ///
    /// let breaker = CircuitBreaker::new("api", Config::default(), Time::system())?;
    /// let by_status = |result: &Result<u16, ()>| match result {
    ///     Ok(500..) | Err(()) => Outcome::error(),
    ///     Ok(400..) => Outcome::Ignored,
    ///     Ok(_) => Outcome::Success,
    /// };
    /// assert_eq!(breaker.call_with(&by_status, || Ok(503)), Ok(503));
    /// assert_eq!(breaker.metrics().window.failed, 1);
    /// # Ok::<(), steadfast_breaker::ConfigError>(())
    /// ```
    #[inline]
    pub fn call_with<T, E>(
        &self,
        classify: &impl Classify<T, E>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let running = Running::admit(&self.inner)?;
        let result = call();
        let outcome = classify.classify(&result);
        running.finish(outcome, classify.ended());
        result.map_err(CallError::Inner)
    }

    /// Makes an asynchronous call unless the breaker rejects it; an `Err` is a failure.
    ///
    /// The future is made and polled only if the call is admitted, in place, without a box. With
    /// `call_timeout` set it is dropped after that time and counts as a failure of kind `Timeout`; a
    /// timer is registered only if the first poll is pending.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and [`CallError::TimedOut`] if the call took longer than `call_timeout`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future drops the call. What that counts as is the
    /// [drop rule](crate::OnDrop) of the configuration: by default nothing, or a slow failure if the
    /// call had taken `slow_call` or longer.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    /// use steadfast_breaker::{CircuitBreaker, Config};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let breaker = CircuitBreaker::new("inventory", Config::default(), Time::system())?;
    /// let stock = breaker.call_async(|| async { Ok::<_, std::io::Error>(7) }).await?;
    /// assert_eq!(stock, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        self.call_async_with(&ErrorsFail, call)
    }

    /// Like [`call_async`](Self::call_async), with a say in what a result means.
    ///
    /// # Errors
    ///
    /// Fails as [`call_async`](Self::call_async) does.
    ///
    /// # Cancel safety
    ///
    /// As [`call_async`](Self::call_async).
    #[inline]
    pub fn call_async_with<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        classify: &impl Classify<T, E>,
        call: impl FnOnce() -> F,
    ) -> impl Future<Output = Result<T, CallError<E>>> {
        let turn_away = || self.inner.turn_away().map(|rejection| Err(rejection.into()));
        Shortcut::new(turn_away, self.call_in_turn(classify, call))
    }

    /// Asks for a call and makes it.
    async fn call_in_turn<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        classify: &impl Classify<T, E>,
        call: impl FnOnce() -> F,
    ) -> Result<T, CallError<E>> {
        let mut running = Running::admit(&self.inner)?;
        let mut call = pin!(call());
        let first = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        let result = match first {
            // Taken apart and put together again: moved as a whole it would be read at once after it was
            // written in parts, and the processor would wait.
            Poll::Ready(Ok(value)) => Ok(value),
            Poll::Ready(Err(error)) => Err(error),
            // A call that is ready at once needs neither a clock nor a timer.
            Poll::Pending => match Outlined::new(running.wait(call)).await {
                Ok(result) => result,
                Err(limit) => {
                    running.finish(Outcome::failure(FailureKind::Timeout), None);
                    return Err(CallError::TimedOut(limit));
                }
            },
        };
        let outcome = classify.classify(&result);
        running.finish(outcome, classify.ended());
        result.map_err(CallError::Inner)
    }
}
