//! Waiting for time: the `Timer` trait and the future it hands out.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Instant;
use super::thread::ThreadSleep;
#[cfg(feature = "tokio")]
use super::tokio_driver::TokioSleep;
#[cfg(feature = "test-util")]
use super::virtual_clock::VirtualSleep;

/// Something that can wait until an instant of its clock.
///
/// Implementations never end a wait early, keep nothing for a [`Sleep`] that was dropped, and
/// accept a deadline in the past (ready at the first poll).
///
/// # Example
///
/// ```
/// use steadfast_base::{Instant, Time, Timer};
///
/// let time = Time::system();
/// let timer: &dyn Timer = &**time.timer();
/// assert_eq!(timer.sleep_until(Instant::MAX).deadline(), Instant::MAX);
/// ```
pub trait Timer: Send + Sync + fmt::Debug {
    /// A future that is ready once the clock reads `at` or later.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Sleep`] cancels the wait and frees its timer entry; nothing is lost.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Time};
    ///
    /// let time = Time::system();
    /// let sleep = time.timer().sleep_until(Instant::ZERO);
    /// assert_eq!(sleep.deadline(), Instant::ZERO);
    /// ```
    fn sleep_until(&self, at: Instant) -> Sleep;
}

/// Waits until an instant; made by [`Time::sleep`](super::Time::sleep) and by every [`Timer`].
///
/// It may be polled with changing wakers (the last one is woken) and again after it was ready (it
/// stays ready). The tokio timer costs one allocation per wait, the others none.
///
/// # Cancel safety
///
/// Dropping it cancels the wait and frees its timer entry. A wait can be taken up again by sleeping
/// until the same [`deadline`](Sleep::deadline).
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
///
/// let time = Time::system();
/// let before = time.now();
/// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// runtime.block_on(time.sleep(Duration::from_millis(2)));
/// assert!(time.now() - before >= Duration::from_millis(2));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "a Sleep waits only while it is awaited"]
pub struct Sleep {
    at: Instant,
    wait: Wait,
}

/// The kinds of wait, as an enum so that the common ones need no box of their own.
enum Wait {
    /// Over, or due when it was made.
    Over,
    Thread(ThreadSleep),
    #[cfg(feature = "tokio")]
    Tokio(TokioSleep),
    #[cfg(feature = "test-util")]
    Virtual(VirtualSleep),
    Other(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Sleep {
    /// Wraps the wait of a timer of your own; `at` is only reported by
    /// [`deadline`](Sleep::deadline).
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as the wrapped future, which is dropped once it is ready.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Sleep};
    ///
    /// let never = Sleep::from_future(Instant::MAX, std::future::pending());
    /// assert_eq!(never.deadline(), Instant::MAX);
    /// ```
    pub fn from_future(at: Instant, future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { at, wait: Wait::Other(Box::pin(future)) }
    }

    /// The instant this wait ends at.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Time};
    ///
    /// assert_eq!(Time::system().sleep_until(Instant::MAX).deadline(), Instant::MAX);
    /// ```
    pub fn deadline(&self) -> Instant {
        self.at
    }

    pub(super) fn thread(at: Instant, sleep: ThreadSleep) -> Self {
        Self { at, wait: Wait::Thread(sleep) }
    }

    #[cfg(feature = "tokio")]
    pub(super) fn tokio(at: Instant, sleep: TokioSleep) -> Self {
        Self { at, wait: Wait::Tokio(sleep) }
    }

    #[cfg(feature = "test-util")]
    pub(super) fn over(at: Instant) -> Self {
        Self { at, wait: Wait::Over }
    }

    #[cfg(feature = "test-util")]
    pub(super) fn virtual_time(at: Instant, sleep: VirtualSleep) -> Self {
        Self { at, wait: Wait::Virtual(sleep) }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = match &mut self.wait {
            Wait::Over => Poll::Ready(()),
            Wait::Thread(sleep) => sleep.poll(cx),
            #[cfg(feature = "tokio")]
            Wait::Tokio(sleep) => sleep.poll(cx),
            #[cfg(feature = "test-util")]
            Wait::Virtual(sleep) => sleep.poll(cx),
            Wait::Other(future) => future.as_mut().poll(cx),
        };
        if polled.is_ready() {
            // Frees the timer entry now, not when the owner gets round to dropping the future.
            self.wait = Wait::Over;
        }
        polled
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = matches!(self.wait, Wait::Over);
        f.debug_struct("Sleep").field("at", &self.at).field("over", &over).finish()
    }
}
