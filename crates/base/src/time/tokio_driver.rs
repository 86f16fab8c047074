//! Time by the tokio runtime: its clock, which tests may pause, and its timer wheel.

use tokio::runtime::Handle;
use tokio::time::Instant as TokioInstant;

use super::thread::ThreadTimer;
use super::{Clock, Instant, Sleep, SystemClock, Timer, Timestamp};

/// The machine's clock read through tokio, so that a paused runtime and its timers agree.
#[derive(Debug)]
pub(super) struct TokioClock {
    system: SystemClock,
}

impl TokioClock {
    pub(super) fn new(system: SystemClock) -> Self {
        Self { system }
    }
}

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
    system: SystemClock,
    outside: ThreadTimer,
}

impl TokioTimer {
    pub(super) fn new(system: SystemClock) -> Self {
        Self { system, outside: ThreadTimer::new(system) }
    }
}

impl Timer for TokioTimer {
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps on tokio")]
    fn sleep_until(&self, at: Instant) -> Sleep {
        if Handle::try_current().is_err() {
            return self.outside.sleep_until(at);
        }
        let since_origin = at.saturating_duration_since(Instant::ZERO);
        match self.system.origin().checked_add(since_origin) {
            // tokio rounds deadlines up to its next millisecond tick, so this is never early.
            Some(deadline) => {
                Sleep::tokio(at, tokio::time::sleep_until(TokioInstant::from_std(deadline)))
            }
            // Beyond what the platform can express: a wait that no run of the program sees end.
            None => Sleep::from_future(at, std::future::pending()),
        }
    }
}
