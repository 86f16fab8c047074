//! Emergency mode: while most of the work fails, the most important part of it gets through.

mod config;
mod core;
mod mode;
mod shares;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use steadfast_base::{
    ConfigError, Event, NullSink, Priority, Recoverable, Recovery, Sink, Time, Value,
};

use crate::names;

pub use self::config::EmergencyConfig;

use self::core::{Change, Core};

/// Lets the most important calls through while most fail, and sheds the rest; a clone is another handle to the
/// same.
///
/// Each second is judged by the share of its calls that succeeded. After `enter_after` of bad seconds emergency
/// mode is entered: from then on as many calls a second are let in as succeeded, the most important first, and
/// those of the lowest priority are shed first. What is let in grows while nothing more fails by it, and shrinks
/// to what succeeded when it does. Calls that are shed count as not successful, so that emergency mode is left
/// when nearly all that is asked for succeeds, for `leave_after`. Between two entries, and between two exits, there
/// are `cycle_min` at least.
///
/// Defaults are those of [`EmergencyConfig`].
///
/// # Guarantees
///
/// - The calls of the most important priority that there is are never shed. While their number stays within what
///   the callee manages, they are hurt only by the attempts to let more in: one or two seconds in nine, by a
///   few of a hundred calls.
/// - A call is shed only while all calls of lower priority that came lately are shed too, but for one priority of
///   which a part is let in, evenly.
///
/// Not guaranteed: that the callee knows priorities. Calls that were let in fail as it pleases.
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`EMERGENCY_ENTERED`](names::EMERGENCY_ENTERED) | it was entered | `success`, `capacity` |
/// | [`EMERGENCY_LEFT`](names::EMERGENCY_LEFT) | it was left | `after` |
///
/// # Example
///
/// ```
/// use steadfast_base::{Priority, Time};
/// use steadfast_cascade::{EmergencyConfig, EmergencyMode};
///
/// let mode = EmergencyMode::new(EmergencyConfig::default(), Time::system())?;
/// mode.try_acquire(Priority::Low)?.succeeded();
/// assert!(!mode.is_on());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Sources: "Handling Overload" in Google's SRE book; "Overload Control for Scaling `WeChat` Microservices", 2018.
#[derive(Clone)]
pub struct EmergencyMode {
    inner: Arc<Inner>,
}

struct Inner {
    time: Time,
    sink: Arc<dyn Sink>,
    core: Mutex<Core>,
}

/// The figures of an emergency mode at one moment; priorities in the order of [`Priority::ALL`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EmergencyStatistics {
    /// Whether it is on.
    pub is_on: bool,
    /// For how long, if it is.
    pub since: Option<Duration>,
    /// Calls a second that are let in, if it is.
    pub capacity: Option<f64>,
    /// Calls that were let in, by priority.
    pub admitted_total: [u64; 5],
    /// Calls that were shed, by priority.
    pub shed_total: [u64; 5],
}

/// The call was shed for more important ones.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmergencyShed {
    /// The priority of the call.
    pub priority: Priority,
    /// When to come back at the earliest: what is let in changes by the second.
    pub retry_after: Duration,
}

impl fmt::Display for EmergencyShed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, retry_after } = self;
        write!(
            f,
            "shed in emergency mode, as its priority is {priority:?}; retry after {retry_after:?}"
        )
    }
}

impl Error for EmergencyShed {}

impl Recoverable for EmergencyShed {
    /// After a second, when it may be let in.
    fn recovery(&self) -> Recovery {
        Recovery::RetryAfter(self.retry_after)
    }
}

impl EmergencyMode {
    /// An emergency mode that tells nobody.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`EmergencyConfig::validate`] finds.
    pub fn new(config: EmergencyConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_sink(config, time, Arc::new(NullSink))
    }

    /// An emergency mode that tells when it is entered and left.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`EmergencyConfig::validate`] finds.
    pub fn with_sink(
        config: EmergencyConfig,
        time: Time,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let core = Mutex::new(Core::new(config, time.now()));
        Ok(Self { inner: Arc::new(Inner { time, sink, core }) })
    }

    /// Asks to make a call. Say of the permit how it ended.
    ///
    /// # Errors
    ///
    /// [`EmergencyShed`] in emergency mode, if more important calls need the room.
    pub fn try_acquire(&self, priority: Priority) -> Result<EmergencyPermit, EmergencyShed> {
        if self.inner.step(|core| core.admit(priority)) {
            return Ok(EmergencyPermit { inner: Some(Arc::clone(&self.inner)) });
        }
        Err(EmergencyShed { priority, retry_after: Duration::from_secs(1) })
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.inner.step(|core| core.mode.is_on)
    }

    /// All figures at one moment.
    pub fn statistics(&self) -> EmergencyStatistics {
        let now = self.inner.time.now();
        self.inner.step(|core| EmergencyStatistics {
            is_on: core.mode.is_on,
            since: core.mode.entered.filter(|_| core.mode.is_on).map(|at| now - at),
            capacity: core.mode.is_on.then_some(core.shares.capacity),
            admitted_total: core.admitted_total,
            shed_total: core.shed_total,
        })
    }

    /// The settings in force.
    pub fn config(&self) -> EmergencyConfig {
        self.inner.step(|core| core.config)
    }

    /// Changes the settings; whether it is on stays as it is.
    ///
    /// # Errors
    ///
    /// Fails, changing nothing, with every fault that [`EmergencyConfig::validate`] finds.
    pub fn reconfigure(&self, config: EmergencyConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.inner.step(|core| core.config = config);
        Ok(())
    }
}

impl Inner {
    /// Judges the seconds that have passed, then acts; no foreign code runs under the lock.
    fn step<R>(&self, act: impl FnOnce(&mut Core) -> R) -> R {
        let now = self.time.now();
        let mut core = self.lock();
        let change = core.advance(now);
        let result = act(&mut core);
        drop(core);
        if let Some(change) = change {
            self.tell(change);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        if !self.sink.enabled() {
            return;
        }
        let at = self.time.timestamp();
        match change {
            Change::Entered { success, capacity } => {
                let fields = [
                    (names::SUCCESS, Value::F64(success)),
                    (names::CAPACITY, Value::F64(capacity)),
                ];
                self.sink.emit(&Event::new(names::EMERGENCY_ENTERED, at, &fields));
            }
            Change::Left { after } => {
                let fields = [(names::AFTER, Value::Duration(after))];
                self.sink.emit(&Event::new(names::EMERGENCY_LEFT, at, &fields));
            }
        }
    }
}

impl fmt::Debug for EmergencyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.inner.lock();
        f.debug_struct("EmergencyMode")
            .field("config", &core.config)
            .field("is_on", &core.mode.is_on)
            .finish_non_exhaustive()
    }
}

/// A call that may be made; say how it ended.
///
/// Dropped without a word it counts for nothing; dropped by a panic it failed.
#[must_use = "a permit that is dropped counts for nothing"]
pub struct EmergencyPermit {
    /// Taken once it is known how the call ended.
    inner: Option<Arc<Inner>>,
}

impl EmergencyPermit {
    /// The call was answered as it should be.
    pub fn succeeded(mut self) {
        self.finish(true);
    }

    /// It was not, or too late.
    pub fn failed(mut self) {
        self.finish(false);
    }

    fn finish(&mut self, succeeded: bool) {
        if let Some(inner) = self.inner.take() {
            inner.step(|core| core.finish(succeeded));
        }
    }
}

impl Drop for EmergencyPermit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.finish(false);
        }
    }
}

impl fmt::Debug for EmergencyPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmergencyPermit").finish_non_exhaustive()
    }
}
