//! A future with a deadline.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Instant, Sleep, Timer};

pin_project! {
    /// Runs a future until a deadline; made by [`Time::timeout`](super::Time::timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future inside: it is as cancel safe as that one.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::{Elapsed, Time};
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let time = Time::system();
    /// let quick = time.timeout(Duration::from_secs(5), async { 1 });
    /// assert_eq!(runtime.block_on(quick), Ok(1));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use = "a Timeout does nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        timer: Arc<dyn Timer>,
        at: Instant,
        sleep: Option<Sleep>,
    }
}

impl<F> Timeout<F> {
    pub(super) fn new(timer: Arc<dyn Timer>, at: Instant, future: F) -> Self {
        Self { future, timer, at, sleep: None }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let sleep = this.sleep.get_or_insert_with(|| this.timer.sleep_until(*this.at));
        Pin::new(sleep).poll(cx).map(|()| Err(Elapsed { at: *this.at }))
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("at", &self.at).finish_non_exhaustive()
    }
}

/// The deadline of a [`Timeout`] passed before its future was ready.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::{Elapsed, Time};
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let time = Time::system();
/// let limited = time.timeout(Duration::ZERO, std::future::pending::<()>());
/// let elapsed: Elapsed = runtime.block_on(limited).unwrap_err();
/// assert_eq!(elapsed.to_string(), "deadline has elapsed");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    at: Instant,
}

impl Elapsed {
    /// The deadline that passed.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Time};
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let time = Time::system();
    /// let limited = time.timeout_at(Instant::ZERO, std::future::pending::<()>());
    /// assert_eq!(runtime.block_on(limited).unwrap_err().deadline(), Instant::ZERO);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn deadline(&self) -> Instant {
        self.at
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}
