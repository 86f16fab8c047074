//! Reading the time: the `Clock` trait and the machine's clock.

use std::fmt::Debug;
#[cfg(all(feature = "tokio", feature = "test-util"))]
use std::time::Instant as StdInstant;
use std::time::SystemTime;

use super::{Instant, Timestamp, machine};

/// A source of monotonic and wall-clock time.
///
/// Implementations must never let [`now`](Clock::now) go backwards and must not block; readings are
/// taken on hot paths.
///
/// # Example
///
/// ```
/// use steadfast_base::{Clock, SystemClock};
///
/// let clock: &dyn Clock = &SystemClock::new();
/// let earlier = clock.now();
/// assert!(clock.now() >= earlier);
/// ```
pub trait Clock: Send + Sync + Debug {
    /// The current instant; never less than an earlier reading of any thread.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, Instant, SystemClock};
    ///
    /// assert!(SystemClock::new().now() >= Instant::ZERO);
    /// ```
    fn now(&self) -> Instant;

    /// The current instant, quicker, for spans that begin and end on one thread.
    ///
    /// The processor may take this reading before the last few things that this thread did and saw:
    /// it may be up to a microsecond less than a time that another thread told of. By default the
    /// same as [`now`](Clock::now).
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, SystemClock};
    ///
    /// let clock = SystemClock::new();
    /// let started = clock.now_relaxed();
    /// let took = clock.now_relaxed() - started;
    /// assert!(took.as_secs() < 3_600);
    /// ```
    fn now_relaxed(&self) -> Instant {
        self.now()
    }

    /// The instant of the machine's last tick, quicker still, to see that something is far ahead.
    ///
    /// Behind [`now`](Clock::now) by at most a tick (1 to 10 ms) while the machine gets to run, and
    /// ahead of it by less than a millisecond. Not ordered with other readings. By default the same as
    /// [`now_relaxed`](Clock::now_relaxed).
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::{Clock, SystemClock};
    ///
    /// let clock = SystemClock::new();
    /// let deadline = clock.now() + Duration::from_secs(60);
    /// assert!(deadline - clock.now_coarse() > Duration::from_secs(1), "far ahead");
    /// ```
    fn now_coarse(&self) -> Instant {
        self.now_relaxed()
    }

    /// The current wall-clock time, which may step in either direction.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, SystemClock, Timestamp};
    ///
    /// assert!(SystemClock::new().timestamp() > Timestamp::UNIX_EPOCH);
    /// ```
    fn timestamp(&self) -> Timestamp;
}

/// The machine's clock; its origin is the moment of construction.
///
/// On x86-64 Linux, where the kernel makes its own clock from the processor's time-stamp counter,
/// readings come straight from that counter once its rate is known: 100 ms after the first clock of
/// the process was made. Until then, and everywhere else, they are `std::time::Instant`'s. The rate
/// is good to some millionths and fixed from then on, so over hours the two clocks drift apart by
/// milliseconds; the timers of this crate look at this one before they end a wait. Suspending the
/// machine to memory may reset the counter; services are not meant to run on machines that sleep.
///
/// # Example
///
/// ```
/// use steadfast_base::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// assert!(clock.now() <= clock.now());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    /// Nanoseconds from the start of all readings to the origin.
    origin: u64,
}

impl SystemClock {
    /// A clock that reads [`Instant::ZERO`] now.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::SystemClock;
    ///
    /// let clock = SystemClock::new();
    /// let copy = clock;
    /// # let _ = (clock, copy);
    /// ```
    #[expect(clippy::new_without_default, reason = "a clock with an origin has no neutral value")]
    pub fn new() -> Self {
        Self { origin: machine::nanos() }
    }

    /// About the moment that [`Instant::ZERO`] stands for, on the system's clock.
    #[cfg(all(feature = "tokio", feature = "test-util"))]
    pub(super) fn origin(self) -> StdInstant {
        machine::start() + std::time::Duration::from_nanos(self.origin)
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant::from_nanos(machine::nanos().saturating_sub(self.origin))
    }

    #[inline]
    fn now_relaxed(&self) -> Instant {
        Instant::from_nanos(machine::nanos_relaxed().saturating_sub(self.origin))
    }

    /// On Linux the kernel's coarse clock; elsewhere the current instant.
    #[inline]
    fn now_coarse(&self) -> Instant {
        Instant::from_nanos(machine::nanos_coarse().saturating_sub(self.origin))
    }

    /// A machine clock set before 1970 reads as [`Timestamp::UNIX_EPOCH`].
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn timestamp(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since_epoch.map_or(0, |elapsed| elapsed.as_nanos());
        Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
