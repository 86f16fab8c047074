//! Reading the time: the `Clock` trait and the machine's clock.

use std::fmt::Debug;
use std::time::{Instant as StdInstant, SystemTime};

use super::{Instant, Timestamp};

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
    /// The current instant; never less than an earlier reading.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, Instant, SystemClock};
    ///
    /// assert!(SystemClock::new().now() >= Instant::ZERO);
    /// ```
    fn now(&self) -> Instant;

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
    origin: StdInstant,
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
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    #[expect(clippy::new_without_default, reason = "a clock with an origin has no neutral value")]
    pub fn new() -> Self {
        Self { origin: StdInstant::now() }
    }

    /// The moment that [`Instant::ZERO`] stands for.
    #[cfg(feature = "tokio")]
    pub(super) fn origin(&self) -> StdInstant {
        self.origin
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since_origin = self.origin.elapsed();
        Instant::from_nanos(u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A machine clock set before 1970 reads as [`Timestamp::UNIX_EPOCH`].
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn timestamp(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since_epoch.map_or(0, |elapsed| elapsed.as_nanos());
        Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
