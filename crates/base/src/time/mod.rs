//! Time as an injected value: a clock that is read, a timer that is waited for, and the pair of
//! both.

mod clock;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod coarse;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
#[path = "no_coarse.rs"]
mod coarse;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod counter;
#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
#[path = "no_counter.rs"]
mod counter;
mod instant;
mod machine;
mod queue;
mod sleep;
mod thread;
mod timeout;
mod timestamp;
#[cfg(feature = "tokio")]
mod tokio_driver;
#[cfg(feature = "test-util")]
mod virtual_clock;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use self::clock::{Clock, SystemClock};
pub use self::instant::Instant;
pub use self::sleep::{Sleep, Timer};
pub use self::timeout::{Elapsed, Timeout};
pub use self::timestamp::{ParseTimestampError, Timestamp};
#[cfg(feature = "test-util")]
pub use self::virtual_clock::VirtualClock;

use self::thread::ThreadTimer;

/// The clock and the timer of one system, handed around as a pair.
///
/// Cloning is cheap (two reference counts) and every clone reads the same clock. [`Instant`]s of one
/// `Time` mean nothing to another one.
///
/// | Constructor | Clock | Timer |
/// |---|---|---|
/// | [`Time::system`] | the machine's | one thread `steadfast-timer`, started by the first wait |
/// | `Time::tokio` (feature `tokio`) | the machine's; in tests as tokio sees it | the tokio time driver |
/// | `VirtualClock::time` (feature `test-util`) | moved by the test | fired by the test |
/// | [`Time::new`] | yours | yours |
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
///
/// let time = Time::system();
/// let earlier = time.now();
/// assert!(time.now() >= earlier);
/// ```
#[derive(Clone, Debug)]
pub struct Time {
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    /// The same clock, if it is the machine's: read in place, without a detour.
    system: Option<SystemClock>,
}

impl Time {
    /// Pairs a clock with a timer that sleeps by that clock.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::{Instant, Sleep, SystemClock, Time, Timer};
    ///
    /// /// A timer for a program that never waits.
    /// #[derive(Debug)]
    /// struct Never;
    ///
    /// impl Timer for Never {
    ///     fn sleep_until(&self, at: Instant) -> Sleep {
    ///         Sleep::from_future(at, std::future::pending())
    ///     }
    /// }
    ///
    /// let time = Time::new(Arc::new(SystemClock::new()), Arc::new(Never));
    /// assert!(time.now() < Instant::MAX);
    /// ```
    pub fn new(clock: Arc<dyn Clock>, timer: Arc<dyn Timer>) -> Self {
        Self { clock, timer, system: None }
    }

    /// The machine's clock and a timer thread of its own; needs no async runtime.
    ///
    /// The thread (named `steadfast-timer`) starts with the first wait that is not yet over, sleeps
    /// while nothing is due, and ends when the last clone of this value and the last [`Sleep`] made
    /// from it are dropped. If the machine cannot start a thread, waits still end on time but poll
    /// in a busy loop until a thread can be had. A waker that panics does not stop the timer.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    ///
    /// let time = Time::system();
    /// assert!(time.timestamp().as_unix_nanos() > 0);
    /// ```
    pub fn system() -> Self {
        let clock = SystemClock::new();
        let time = Self::new(Arc::new(clock), Arc::new(ThreadTimer::new(clock)));
        Self { system: Some(clock), ..time }
    }

    /// The machine's clock and the tokio time driver.
    ///
    /// Waits never end early. They end about 1 ms after their deadline, at most 2 ms plus the time
    /// the scheduler takes: tokio's timer wheel and its poller each round up to a millisecond. The
    /// thread of [`Time::system`] is finer, about 0.1 ms, at the price of a switch of threads.
    ///
    /// A wait begun outside of a tokio runtime falls back to such a thread, so blocking callers can
    /// use the same value. Where tokio's own time is paused (`tokio::time::pause`), which only tests
    /// can do, [`now`](Time::now) follows it with the feature `test-util` of this crate; without it
    /// the clock goes on and waits end when tokio says so.
    ///
    /// # Panics
    ///
    /// Waiting inside a tokio runtime that was built without `enable_time` panics in tokio.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    /// let time = Time::tokio();
    /// let before = time.now();
    /// runtime.block_on(async { time.sleep(Duration::from_millis(2)).await });
    /// assert!(time.now() - before >= Duration::from_millis(2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "tokio")]
    pub fn tokio() -> Self {
        let system = SystemClock::new();
        let clock = Arc::new(tokio_driver::clock(system));
        let time = Self::new(clock, Arc::new(tokio_driver::TokioTimer::new(system)));
        Self { system: (!cfg!(feature = "test-util")).then_some(system), ..time }
    }

    /// Reads the clock.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Time};
    ///
    /// assert!(Time::system().now() >= Instant::ZERO);
    /// ```
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.system {
            Some(system) => system.now(),
            None => self.clock.now(),
        }
    }

    /// Reads the clock, quicker, for spans that begin and end on one thread.
    ///
    /// May be up to a microsecond less than a time that another thread told of; see
    /// [`Clock::now_relaxed`].
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    ///
    /// let time = Time::system();
    /// let started = time.now_relaxed();
    /// let took = time.now_relaxed() - started;
    /// assert!(took.as_secs() < 3_600);
    /// ```
    #[inline]
    pub fn now_relaxed(&self) -> Instant {
        match &self.system {
            Some(system) => system.now_relaxed(),
            None => self.clock.now_relaxed(),
        }
    }

    /// Reads the clock as of the machine's last tick, quicker still; see [`Clock::now_coarse`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    ///
    /// let time = Time::system();
    /// assert!(time.now_coarse() < time.now() + Duration::from_millis(1));
    /// ```
    #[inline]
    pub fn now_coarse(&self) -> Instant {
        match &self.system {
            Some(system) => system.now_coarse(),
            None => self.clock.now_coarse(),
        }
    }

    /// Reads the wall clock, which may step; use it for records, never to measure.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Time, Timestamp};
    ///
    /// assert!(Time::system().timestamp() > Timestamp::UNIX_EPOCH);
    /// ```
    pub fn timestamp(&self) -> Timestamp {
        self.clock.timestamp()
    }

    /// Waits for a span of time, counted from this call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Sleep`] cancels the wait and frees its timer entry; nothing is lost.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[cfg(feature = "test-util")] {
    /// use steadfast_base::{Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// let sleep = clock.time().sleep(Duration::from_secs(3));
    /// assert_eq!(sleep.deadline(), Instant::ZERO + Duration::from_secs(3));
    /// # }
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until the clock reads `at` or later; ready at once if it already does.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Sleep`] cancels the wait and frees its timer entry; nothing is lost.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "test-util")] {
    /// use std::time::Duration;
    ///
    /// use steadfast_base::VirtualClock;
    ///
    /// let clock = VirtualClock::new();
    /// let time = clock.time();
    /// let sleep = time.sleep_until(time.now() + Duration::from_secs(3));
    /// assert_eq!(clock.pending(), 1);
    /// drop(sleep);
    /// assert_eq!(clock.pending(), 0);
    /// # }
    /// ```
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        self.timer.sleep_until(at)
    }

    /// Runs a future for at most `limit`, counted from this call.
    ///
    /// The future is polled before the clock is looked at again, so a result that is there wins
    /// over a deadline that has passed. A timer entry is made only once the future has been found
    /// pending.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when the limit passes first. The future is dropped together with the
    /// [`Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Timeout`] drops the future: it is as cancel safe as the future itself.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Time;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let time = Time::system();
    /// let limited = time.timeout(Duration::from_millis(1), std::future::pending::<()>());
    /// assert!(runtime.block_on(limited).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        Timeout::new(Arc::clone(&self.timer), self.now() + limit, future)
    }

    /// Runs a future until the clock reads `at` at the latest; see [`timeout`](Time::timeout).
    ///
    /// # Errors
    ///
    /// [`Elapsed`] when `at` is reached first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the [`Timeout`] drops the future: it is as cancel safe as the future itself.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Time;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let time = Time::system();
    /// // The deadline has passed, but the result is there: it wins.
    /// let limited = time.timeout_at(time.now(), std::future::ready(5));
    /// assert_eq!(runtime.block_on(limited), Ok(5));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn timeout_at<F: Future>(&self, at: Instant, future: F) -> Timeout<F> {
        Timeout::new(Arc::clone(&self.timer), at, future)
    }

    /// The clock of the pair.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::{IdSource, Seed, Time};
    ///
    /// let time = Time::system();
    /// let ids = IdSource::new(Arc::clone(time.clock()), Seed::new(1).stream("ids"));
    /// assert!(ids.event() < ids.event());
    /// ```
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The timer of the pair.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, Time};
    ///
    /// let time = Time::system();
    /// assert_eq!(time.timer().sleep_until(Instant::ZERO).deadline(), Instant::ZERO);
    /// ```
    pub fn timer(&self) -> &Arc<dyn Timer> {
        &self.timer
    }
}
