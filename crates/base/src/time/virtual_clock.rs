//! Time for tests: it stands still until the test moves it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::queue::{Key, TimerQueue};
use super::{Clock, Instant, Sleep, Time, Timer, Timestamp};

/// Where the wall clock of [`VirtualClock::new`] starts: 2020-01-01T00:00:00Z, a date that is easy
/// to tell from both "never set" and "now".
const DEFAULT_START: Timestamp = Timestamp::from_unix_nanos(1_577_836_800_000_000_000);

/// A clock and timer that only the test moves.
///
/// A clone is another handle to the same clock. Waits fire in the order of their deadlines, those
/// with equal deadlines in the order in which they were made (`sleep_until` registers, not the
/// first poll). While a wait fires, [`now`](Clock::now) reads exactly its deadline, however far the
/// clock is being advanced. Dropped waits are forgotten at once.
///
/// Firing a wait means waking its task, and a task runs only when its executor polls it. `advance`
/// goes from deadline to deadline without leaving room for an executor in between: a wait
/// registered by a waker that runs its task on the spot and due within the span still fires, while
/// one registered by a task that runs later counts from the end of the span. Where tasks chain
/// waits, use [`advance_with`](VirtualClock::advance_with), or step with
/// [`advance_to_next`](VirtualClock::advance_to_next) and run the executor between steps.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::{Clock, Instant, VirtualClock};
///
/// let clock = VirtualClock::new();
/// let sleep = clock.time().sleep(Duration::from_secs(60));
/// assert_eq!(clock.next_wakeup(), Some(Instant::ZERO + Duration::from_secs(60)));
/// assert!(clock.advance_to_next());
/// assert_eq!(clock.now(), sleep.deadline());
/// assert_eq!(clock.pending(), 0);
/// ```
#[derive(Clone)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

struct State {
    now: Instant,
    /// The wall clock as it was set, and when that was.
    wall: (Timestamp, Instant),
    queue: TimerQueue,
}

impl VirtualClock {
    /// A clock at [`Instant::ZERO`] whose wall clock reads 2020-01-01T00:00:00Z.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, VirtualClock};
    ///
    /// assert_eq!(VirtualClock::new().timestamp().to_string(), "2020-01-01T00:00:00Z");
    /// ```
    #[expect(clippy::new_without_default, reason = "each call makes a clock of its own")]
    pub fn new() -> Self {
        Self::starting_at(DEFAULT_START)
    }

    /// A clock at [`Instant::ZERO`] whose wall clock reads `start`.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, Timestamp, VirtualClock};
    ///
    /// let start = Timestamp::from_unix_nanos(5);
    /// assert_eq!(VirtualClock::starting_at(start).timestamp(), start);
    /// ```
    pub fn starting_at(start: Timestamp) -> Self {
        let wall = (start, Instant::ZERO);
        let state = State { now: Instant::ZERO, wall, queue: TimerQueue::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// This clock as the pair of clock and timer that components take.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::{Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// let time = clock.time();
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(time.now(), Instant::from_nanos(1_000_000_000));
    /// ```
    pub fn time(&self) -> Time {
        Time::new(Arc::new(self.clone()), Arc::new(self.clone()))
    }

    /// Moves time on by `duration`, firing every wait that falls due on the way.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::{Clock, Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// clock.advance(Duration::from_millis(3));
    /// assert_eq!(clock.now(), Instant::from_nanos(3_000_000));
    /// ```
    pub fn advance(&self, duration: Duration) {
        self.advance_to(self.now() + duration);
    }

    /// Moves time on to `at`, firing every wait that falls due on the way; never moves it back.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// clock.advance_to(Instant::from_nanos(10));
    /// clock.advance_to(Instant::from_nanos(4));
    /// assert_eq!(clock.now(), Instant::from_nanos(10));
    /// ```
    pub fn advance_to(&self, at: Instant) {
        while self.fire_next(at) {}
        self.lock().move_to(at);
    }

    /// Like [`advance`](VirtualClock::advance), but runs `settle` after each distinct deadline.
    ///
    /// `settle` is the place to run the executor until no task is ready, so that waits made by woken
    /// tasks within the span fire at their own time. It also runs once before the first step and
    /// once at the end of the span.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::VirtualClock;
    ///
    /// let clock = VirtualClock::new();
    /// let time = clock.time();
    /// let mut ticks = 0;
    /// let mut tick = time.sleep(Duration::from_secs(1));
    /// clock.advance_with(Duration::from_secs(10), || {
    ///     // A task that sleeps a second, over and over.
    ///     if time.now() >= tick.deadline() {
    ///         ticks += 1;
    ///         tick = time.sleep(Duration::from_secs(1));
    ///     }
    /// });
    /// assert_eq!(ticks, 10);
    /// ```
    pub fn advance_with(&self, duration: Duration, mut settle: impl FnMut()) {
        let end = self.now() + duration;
        settle();
        while let Some(at) = self.next_wakeup().filter(|at| *at <= end) {
            self.advance_to(at);
            settle();
        }
        self.advance_to(end);
        settle();
    }

    /// When the next wait is due, if any is pending.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// assert_eq!(clock.next_wakeup(), None);
    /// let at = Instant::from_nanos(7);
    /// let _sleep = clock.time().sleep_until(at);
    /// assert_eq!(clock.next_wakeup(), Some(at));
    /// ```
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.lock().queue.next_deadline()
    }

    /// Moves time to the next deadline and fires all waits due then; false if none is pending.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Clock, Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// assert!(!clock.advance_to_next());
    /// let _sleep = clock.time().sleep_until(Instant::from_nanos(7));
    /// assert!(clock.advance_to_next());
    /// assert_eq!(clock.now(), Instant::from_nanos(7));
    /// ```
    pub fn advance_to_next(&self) -> bool {
        let next = self.next_wakeup();
        if let Some(at) = next {
            self.advance_to(at);
        }
        next.is_some()
    }

    /// How many waits are pending: made, neither fired nor dropped.
    ///
    /// # Example
    ///
    /// ```
    /// use steadfast_base::{Instant, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// let sleep = clock.time().sleep_until(Instant::from_nanos(7));
    /// assert_eq!(clock.pending(), 1);
    /// drop(sleep);
    /// assert_eq!(clock.pending(), 0);
    /// ```
    pub fn pending(&self) -> usize {
        self.lock().queue.len()
    }

    /// Steps the wall clock to `wall`, forwards or backwards, as an operator or NTP might.
    ///
    /// The monotonic clock and all waits are unaffected.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use steadfast_base::{Clock, Timestamp, VirtualClock};
    ///
    /// let clock = VirtualClock::new();
    /// clock.set_timestamp(Timestamp::from_unix_nanos(100));
    /// clock.advance(Duration::from_nanos(5));
    /// assert_eq!(clock.timestamp(), Timestamp::from_unix_nanos(105));
    /// ```
    pub fn set_timestamp(&self, wall: Timestamp) {
        let mut state = self.lock();
        state.wall = (wall, state.now);
    }

    /// Fires the first wait due at `end` or before, with the clock at its deadline.
    fn fire_next(&self, end: Instant) -> bool {
        let mut state = self.lock();
        let Some((at, waker)) = state.queue.pop_due(end) else { return false };
        state.move_to(at);
        drop(state);
        // One at a time and outside of the lock: a waker may poll its task here and now, which may
        // make or drop waits, and if it panics the others are still in the queue.
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Locks the state; it is whole between any two statements, so a poisoned lock is taken over.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn move_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn timestamp(&self) -> Timestamp {
        let state = self.lock();
        let (set_to, set_at) = state.wall;
        set_to + (state.now - set_at)
    }
}

impl Timer for VirtualClock {
    fn sleep_until(&self, at: Instant) -> Sleep {
        let mut state = self.lock();
        if at <= state.now {
            return Sleep::over(at);
        }
        let key = state.queue.insert(at, None);
        drop(state);
        Sleep::virtual_time(at, VirtualSleep { clock: self.clone(), key })
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("VirtualClock")
            .field("now", &state.now)
            .field("pending", &state.queue.len())
            .finish_non_exhaustive()
    }
}

/// One wait on a [`VirtualClock`]: in the queue while pending, gone from it once fired.
pub(super) struct VirtualSleep {
    clock: VirtualClock,
    key: Key,
}

impl VirtualSleep {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Cloning and dropping a waker is foreign code, so both happen outside of the lock.
        let waker: Waker = cx.waker().clone();
        let replaced = self.clock.lock().queue.set_waker(self.key, waker);
        match replaced {
            Ok(_former) => Poll::Pending,
            Err(_unused) => Poll::Ready(()),
        }
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        let waker = self.clock.lock().queue.remove(self.key);
        drop(waker);
    }
}
