//! Time by the tokio runtime: its timer wheel and, in tests, its clock, which may be paused.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::Instant as TokioInstant;

#[cfg(feature = "test-util")]
use super::Timestamp;
use super::thread::ThreadTimer;
use super::{Clock, Instant, Sleep, SystemClock, Timer};

/// The machine's clock read through tokio, so that a paused runtime and its timers agree.
#[cfg(feature = "test-util")]
#[derive(Clone, Copy, Debug)]
pub(super) struct TokioClock {
    system: SystemClock,
}

/// Only tests can pause a runtime: without them there is but the machine's clock.
#[cfg(not(feature = "test-util"))]
pub(super) type TokioClock = SystemClock;

/// The clock that waits are measured by.
pub(super) fn clock(system: SystemClock) -> TokioClock {
    #[cfg(feature = "test-util")]
    return TokioClock { system };
    #[cfg(not(feature = "test-util"))]
    system
}

#[cfg(feature = "test-util")]
impl Clock for TokioClock {
    fn now(&self) -> Instant {
        let now = TokioInstant::now().into_std();
        let since_origin = now.saturating_duration_since(self.system.origin());
        Instant::from_nanos(u64::try_from(since_origin.as_nanos()).unwrap_or(u64::MAX))
    }

    fn timestamp(&self) -> Timestamp {
        self.system.timestamp()
    }
}

/// Sleeps on the time driver of the runtime it is called in, else on a thread.
#[derive(Debug)]
pub(super) struct TokioTimer {
    clock: TokioClock,
    outside: ThreadTimer,
}

impl TokioTimer {
    pub(super) fn new(system: SystemClock) -> Self {
        Self { clock: clock(system), outside: ThreadTimer::new(system) }
    }
}

impl Timer for TokioTimer {
    fn sleep_until(&self, at: Instant) -> Sleep {
        if Handle::try_current().is_err() {
            return self.outside.sleep_until(at);
        }
        match TokioSleep::new(self.clock, at) {
            Some(sleep) => Sleep::tokio(at, sleep),
            // Beyond what the platform can express: a wait that no run of the program sees end.
            None => Sleep::from_future(at, std::future::pending()),
        }
    }
}

/// How often a wait that tokio ended is taken up again. Once is enough for clocks that drift apart;
/// a runtime whose time is paused, which our clock does not follow, would never be done.
const RESUMED_MAX: u8 = 3;

/// A wait on the time driver that ends by our clock, which may drift from tokio's.
pub(super) struct TokioSleep {
    clock: TokioClock,
    at: Instant,
    sleep: Pin<Box<tokio::time::Sleep>>,
    resumed: u8,
}

impl TokioSleep {
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps on tokio")]
    fn new(clock: TokioClock, at: Instant) -> Option<Self> {
        // tokio rounds deadlines up to its next millisecond tick.
        let deadline = TokioInstant::now().checked_add(at - clock.now())?;
        let sleep = Box::pin(tokio::time::sleep_until(deadline));
        Some(Self { clock, at, sleep, resumed: 0 })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let left = self.at - self.clock.now();
            if left.is_zero() || self.resumed == RESUMED_MAX {
                return Poll::Ready(());
            }
            self.resumed += 1;
            self.sleep.as_mut().reset(TokioInstant::now() + left);
        }
    }
}
