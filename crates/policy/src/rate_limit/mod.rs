//! The rate limiter: so many calls per period, now or booked ahead.

mod acquire;
mod config;
mod gcra;
mod stage;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use steadfast_base::{ConfigError, ConfigFault, Instant, Time};

use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::config::{RateAlgorithm, RateLimiterConfig};

use self::gcra::{Pace, Slot, nanos};
use self::window::{FixedWindow, WindowSlot};

/// Limits how many calls are made per period; a clone is another handle to the same limiter.
///
/// A call runs at once, is booked for the time when its turn comes, or is rejected with the time after
/// which the same call would not be. With [`RateAlgorithm::Gcra`] the state is one atomic number.
///
/// Guaranteed: what the algorithm says, see [`RateAlgorithm`], whatever threads and bookings do; turns
/// are given in the order of asking, and a rejected call takes nothing. Not guaranteed: that a booking
/// given up early leaves its turn to somebody else; it does so only while it is the last.
///
/// Defaults are those of [`RateLimiterConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason`, `retry_after` |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_policy::{RateLimiter, RateLimiterConfig};
///
/// let config = RateLimiterConfig::per(1, Duration::from_hours(1));
/// let limiter = RateLimiter::new(config, Time::system())?;
/// assert!(limiter.try_acquire().is_ok());
/// let rejection = limiter.try_acquire().unwrap_err();
/// assert!(rejection.retry_after > Some(Duration::from_mins(59)));
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RateLimiter {
    inner: Arc<Inner>,
}

#[repr(C)]
struct Inner {
    /// GCRA's theoretical arrival time, in nanoseconds of the clock.
    arrival: AtomicU64,
    interval: AtomicU64,
    span: AtomicU64,
    wait_max: AtomicU64,
    is_window: bool,
    /// What most limiters are not: [`WINDOW`], [`COUNTING`], [`DENIES_LONG`]. If zero, a call that may
    /// run needs nothing but the arrival time.
    rare: AtomicU8,
    events: Events,
    time: Time,
    window: Mutex<FixedWindow>,
    config: Mutex<RateLimiterConfig>,
    permitted: AtomicU64,
    rejected: AtomicU64,
}

/// Waits above this, in nanoseconds, are told by the machine's last tick: it is a hundredth of this
/// behind at most, and much quicker to read than the time.
const LONG_WAIT: u64 = 1_000_000_000;

/// The algorithm is that of fixed windows.
const WINDOW: u8 = 1;
/// Calls are counted.
const COUNTING: u8 = 2;
/// The last call asked for now was turned away for longer than [`LONG_WAIT`].
const DENIES_LONG: u8 = 4;

/// A turn that was booked; see [`RateLimiter::reserve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// How long to wait for the turn; zero if it is now.
    pub wait: Duration,
    /// When the turn is.
    pub at: Instant,
    calls: u32,
    turn: Turn,
}

/// What it takes to give a booking back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The arrival times before and after.
    Gcra(u64, u64),
    Window(WindowSlot),
}

/// The figures of a rate limiter at one moment.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_policy::{RateLimiter, RateLimiterConfig};
///
/// let config = RateLimiterConfig::per(2, Duration::from_hours(1)).counting();
/// let limiter = RateLimiter::new(config, Time::system())?;
/// limiter.try_acquire()?;
/// let statistics = limiter.statistics();
/// assert_eq!((statistics.available, statistics.permitted), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RateLimiterStatistics {
    /// Calls that may run now; negative when more are booked ahead.
    pub available: i64,
    /// Calls let through since the last reset; 0 unless `count_calls` is on.
    pub permitted: u64,
    /// Calls turned away since the last reset; 0 unless `count_calls` is on.
    pub rejected: u64,
}

impl RateLimiter {
    /// A rate limiter that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`RateLimiterConfig::validate`] finds.
    pub fn new(config: RateLimiterConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, time, Events::off())
    }

    /// A rate limiter that tells each rejection.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`RateLimiterConfig::validate`] finds.
    pub fn with_events(
        config: RateLimiterConfig,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, events))
    }

    /// A rate limiter with settings that were validated.
    fn unchecked(config: RateLimiterConfig, time: Time, events: Events) -> Self {
        let window = FixedWindow::new(&config, time.now_relaxed().as_nanos());
        let pace = Pace::of(&config);
        let inner = Inner {
            arrival: AtomicU64::new(0),
            interval: AtomicU64::new(pace.interval),
            span: AtomicU64::new(pace.span),
            wait_max: AtomicU64::new(nanos(config.max_wait_duration)),
            is_window: config.algorithm == RateAlgorithm::FixedWindow,
            rare: AtomicU8::new(0),
            events,
            time,
            window: Mutex::new(window),
            config: Mutex::new(config),
            permitted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        };
        inner.mark(WINDOW, inner.is_window);
        inner.mark(COUNTING, config.count_calls);
        Self { inner: Arc::new(inner) }
    }

    /// The settings in force.
    pub fn config(&self) -> RateLimiterConfig {
        *lock(&self.inner.config)
    }

    /// Changes the settings; what was booked stays booked.
    ///
    /// A decision made at the same moment may mix old and new settings.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`RateLimiterConfig::validate`] finds, and if the
    /// algorithm differs.
    pub fn reconfigure(&self, config: RateLimiterConfig) -> Result<(), ConfigError> {
        let inner = &*self.inner;
        let mut current = lock(&inner.config);
        let mut faults = config.faults();
        if config.algorithm != current.algorithm {
            let problem = "cannot change; make a new limiter";
            faults.push(ConfigFault::new("rate_limit.algorithm", problem));
        }
        ConfigError::check("policy", faults)?;
        *current = config;
        let pace = Pace::of(&config);
        inner.interval.store(pace.interval, Ordering::Relaxed);
        inner.span.store(pace.span, Ordering::Relaxed);
        inner.wait_max.store(nanos(config.max_wait_duration), Ordering::Relaxed);
        inner.mark(COUNTING, config.count_calls);
        lock(&inner.window).configure(&config);
        Ok(())
    }

    /// The calls that may run now; negative when more are booked ahead.
    pub fn available(&self) -> i64 {
        let (inner, now) = (&*self.inner, self.inner.time.now_relaxed().as_nanos());
        if inner.is_window {
            lock(&inner.window).available(now)
        } else {
            inner.pace().available(inner.arrival.load(Ordering::Relaxed), now)
        }
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> RateLimiterStatistics {
        RateLimiterStatistics {
            available: self.available(),
            permitted: self.inner.permitted.load(Ordering::Relaxed),
            rejected: self.inner.rejected.load(Ordering::Relaxed),
        }
    }

    /// Sets the counts to zero.
    pub fn reset_statistics(&self) {
        self.inner.permitted.store(0, Ordering::Relaxed);
        self.inner.rejected.store(0, Ordering::Relaxed);
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("config", &self.config()).finish_non_exhaustive()
    }
}

impl Inner {
    #[inline]
    fn pace(&self) -> Pace {
        Pace {
            interval: self.interval.load(Ordering::Relaxed),
            span: self.span.load(Ordering::Relaxed),
        }
    }

    /// Books a turn at most `wait_max` nanoseconds ahead.
    #[inline]
    fn book(&self, now: Instant, calls: u32, wait_max: u64) -> Result<Reservation, Rejection> {
        let booked = if self.is_window {
            self.book_window(now, calls, wait_max)
        } else {
            self.book_gcra(now, calls, wait_max)
        };
        self.count(booked.is_ok(), calls);
        booked
    }

    fn mark(&self, mark: u8, on: bool) {
        if on {
            self.rare.fetch_or(mark, Ordering::Relaxed);
        } else {
            self.rare.fetch_and(!mark, Ordering::Relaxed);
        }
    }

    #[inline]
    fn is_marked(&self, mark: u8) -> bool {
        self.rare.load(Ordering::Relaxed) & mark != 0
    }

    /// Takes a turn of one call that is now, if nothing stands in the way.
    #[inline]
    fn takes(&self, now: Instant) -> bool {
        let before = self.arrival.load(Ordering::Relaxed);
        let slot = self.pace().book(before, now.as_nanos(), 1);
        let moved = || {
            self.arrival.compare_exchange_weak(
                before,
                slot.arrival,
                Ordering::Relaxed,
                Ordering::Relaxed,
            )
        };
        slot.wait == 0 && moved().is_ok()
    }

    /// Takes a turn of one call that is now: as [`book`](Self::book), without a reservation. Reads the
    /// clock only if `now` does not say.
    #[inline(never)]
    fn take_rarely(&self, now: Option<Instant>) -> Result<(), Rejection> {
        if now.is_none()
            && self.is_marked(DENIES_LONG)
            && let Some(rejection) = self.deny_by_tick()
        {
            return Err(rejection);
        }
        let now = now.unwrap_or_else(|| self.time.now_relaxed());
        if self.is_window {
            return self.book(now, 1, 0).map(drop);
        }
        let taken = self.move_arrival(now.as_nanos(), 1, 0);
        self.count(taken.is_ok(), 1);
        let denies_long = matches!(taken, Err(wait) if wait > LONG_WAIT);
        if self.is_marked(DENIES_LONG) != denies_long {
            self.mark(DENIES_LONG, denies_long);
        }
        taken.map(drop).map_err(|wait| self.reject(wait))
    }

    /// Turns one call away if even the machine's last tick says that its turn is far ahead.
    #[inline]
    fn deny_by_tick(&self) -> Option<Rejection> {
        let arrival = self.arrival.load(Ordering::Relaxed);
        let wait = self.pace().book(arrival, self.time.now_coarse().as_nanos(), 1).wait;
        (wait > LONG_WAIT).then(|| {
            self.count(false, 1);
            self.reject(wait)
        })
    }

    #[inline]
    fn count(&self, permitted: bool, calls: u32) {
        if self.is_marked(COUNTING) {
            let counter = if permitted { &self.permitted } else { &self.rejected };
            counter.fetch_add(calls.into(), Ordering::Relaxed);
        }
    }

    #[inline]
    fn book_gcra(&self, now: Instant, calls: u32, wait_max: u64) -> Result<Reservation, Rejection> {
        match self.move_arrival(now.as_nanos(), calls, wait_max) {
            Ok((before, slot)) => {
                let turn = Turn::Gcra(before, slot.arrival);
                Ok(Reservation::new(now, slot.wait, calls, turn))
            }
            Err(excess) => Err(self.reject(excess)),
        }
    }

    /// Moves the arrival time on; gives back the one before, or how far the wait is above `wait_max`.
    #[inline]
    fn move_arrival(&self, now: u64, calls: u32, wait_max: u64) -> Result<(u64, Slot), u64> {
        let pace = self.pace();
        let mut before = self.arrival.load(Ordering::Relaxed);
        loop {
            let slot = pace.book(before, now, calls);
            if slot.wait > wait_max {
                // INV-RATE-1: who is rejected has taken nothing.
                return Err(slot.wait - wait_max);
            }
            match self.arrival.compare_exchange_weak(
                before,
                slot.arrival,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok((before, slot)),
                Err(newer) => before = newer,
            }
        }
    }

    fn book_window(
        &self,
        now: Instant,
        calls: u32,
        wait_max: u64,
    ) -> Result<Reservation, Rejection> {
        let booked = lock(&self.window).book(now.as_nanos(), calls, wait_max);
        match booked {
            Ok(slot) => Ok(Reservation::new(now, slot.wait, calls, Turn::Window(slot))),
            Err(wait) => Err(self.reject(wait - wait_max)),
        }
    }

    fn take_back(&self, reservation: Reservation) {
        match reservation.turn {
            Turn::Gcra(before, after) => {
                // Fails if somebody booked since, whose turn counts on this one.
                let _stays = self.arrival.compare_exchange(
                    after,
                    before,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                );
            }
            Turn::Window(slot) => lock(&self.window).take_back(slot, reservation.calls),
        }
    }

    #[inline]
    fn reject(&self, retry_after: u64) -> Rejection {
        let retry_after = Some(Duration::from_nanos(retry_after));
        let (policy, reason) = (names::RATE_LIMIT, Reason::RateLimited);
        let rejection = Rejection { policy, reason, state: None, retry_after };
        self.events.rejected(&rejection);
        rejection
    }
}

impl Reservation {
    #[inline]
    fn new(now: Instant, wait: u64, calls: u32, turn: Turn) -> Self {
        let wait = Duration::from_nanos(wait);
        Self { wait, at: now + wait, calls, turn }
    }
}

/// Locks what is whole between any two statements: a poisoned lock is taken over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
