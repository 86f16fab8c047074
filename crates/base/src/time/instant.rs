//! A point on the monotonic clock, constructible so that virtual time can make one.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on one clock's monotonic scale, in nanoseconds since its origin.
///
/// Unlike `std::time::Instant` it can be built from a number, so that a virtual clock, a recorded
/// run and a table test all speak the same type. It covers 584 years; arithmetic saturates at the
/// ends instead of panicking. Instants of different clocks, or of different processes, are not
/// comparable.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
///
/// let start = Instant::ZERO;
/// let later = start + Duration::from_millis(250);
/// assert_eq!(later - start, Duration::from_millis(250));
/// assert_eq!(start - later, Duration::ZERO);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_base::Instant::ZERO.as_nanos(), 0);
    /// ```
    pub const ZERO: Self = Self(0);

    /// The last instant there is; a deadline of `MAX` never comes.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Instant;
    ///
    /// assert_eq!(Instant::ZERO + Duration::MAX, Instant::MAX);
    /// ```
    pub const MAX: Self = Self(u64::MAX);

    /// The instant this many nanoseconds after the clock's origin.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Instant;
    ///
    /// assert_eq!(Instant::from_nanos(5).as_nanos(), 5);
    /// ```
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's origin.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::Instant;
    ///
    /// assert_eq!(Instant::from_nanos(5).as_nanos(), 5);
    /// ```
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is in fact later.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Instant;
    ///
    /// let (early, late) = (Instant::from_nanos(3), Instant::from_nanos(10));
    /// assert_eq!(late.saturating_duration_since(early), Duration::from_nanos(7));
    /// assert_eq!(early.saturating_duration_since(late), Duration::ZERO);
    /// ```
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The instant `duration` later, or `None` past [`Instant::MAX`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::Instant;
    ///
    /// assert!(Instant::ZERO.checked_add(Duration::from_secs(1)).is_some());
    /// assert!(Instant::MAX.checked_add(Duration::from_secs(1)).is_none());
    /// ```
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        u64::try_from(duration.as_nanos())
            .ok()
            .and_then(|nanos| self.0.checked_add(nanos))
            .map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// The instant `duration` later, at most [`Instant::MAX`].
    fn add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Time since `earlier`; zero if `earlier` is in fact later.
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// The instant `duration` earlier, at least [`Instant::ZERO`].
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({:?})", Duration::from_nanos(self.0))
    }
}
