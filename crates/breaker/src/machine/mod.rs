//! The breaker as a pure state machine: stepped with the time and an input, no clock, no lock.

mod control;
mod judge;
mod phase;
mod probes;
mod record;
mod ticket;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use steadfast_base::Instant;

use crate::config::{Config, ConfigError, ProbeVerdict, Recovery};
use crate::event::Event;
use crate::metrics::{Metrics, Totals};
use crate::outcome::Failure;
use crate::rejection::Rejection;
use crate::state::State;
use crate::window::{FailureTimes, ResultWindow, Slack};

use self::phase::Phase;
pub(crate) use self::probes::PROBES_MAX;
use self::probes::Probes;
pub use self::record::Recorded;
pub use self::ticket::Ticket;

/// A circuit breaker without clock, lock or listeners.
///
/// Every step takes `now`; a time earlier than one already seen counts as that one. Two runs of the
/// same steps give the same answers. [`CircuitBreaker`](crate::CircuitBreaker) is this machine shared
/// between threads; use the machine itself inside something that is single-threaded already, such as a
/// supervisor.
///
/// # Example
///
/// More than two failures in a minute open it, one probe at a time is tried after 30 s:
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Instant;
/// use steadfast_breaker::{Config, Machine, Outcome, ProbeVerdict, State};
///
/// let second = |n| Instant::ZERO + Duration::from_secs(n);
/// let mut config = Config::failure_limit(2, Duration::from_mins(1));
/// config.open_wait.initial = Duration::from_secs(30);
/// config.half_open.calls = 1;
/// config.half_open.verdict = ProbeVerdict::Successes(3);
/// let mut breaker = Machine::new(config)?;
///
/// for n in 0..3 {
///     let ticket = breaker.admit(second(n))?;
///     breaker.finish(ticket, Outcome::error(), second(n));
/// }
/// assert_eq!(breaker.state(), State::Open);
/// assert_eq!(breaker.admit(second(12)).unwrap_err().retry_after, Duration::from_secs(20));
///
/// let probe = breaker.admit(second(32))?;
/// assert!(breaker.admit(second(33)).is_err(), "one at a time");
/// breaker.finish(probe, Outcome::Success, second(37));
/// assert_eq!(breaker.state(), State::HalfOpen);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Machine {
    config: Arc<Config>,
    phase: Phase,
    epoch: u32,
    attempt: u32,
    /// The latest time seen.
    latest: Instant,
    window: ResultWindow,
    streak: u32,
    failure_times: Option<FailureTimes>,
    not_permitted: u64,
    last_failure: Option<(Failure, Instant)>,
    totals: Totals,
    changes: Vec<Event>,
}

impl Machine {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has faults; lists all of them.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::with_valid(Arc::new(config)))
    }

    /// A closed breaker with a configuration that has been validated.
    pub(crate) fn with_valid(config: Arc<Config>) -> Self {
        let window = ResultWindow::new(config.window, Instant::ZERO);
        let failure_times = config.failure_limit.map(FailureTimes::new);
        Self {
            config,
            phase: Phase::Closed,
            epoch: 1,
            attempt: 0,
            latest: Instant::ZERO,
            window,
            streak: 0,
            failure_times,
            not_permitted: 0,
            last_failure: None,
            totals: Totals::default(),
            changes: Vec::new(),
        }
    }

    /// Asks for one call.
    ///
    /// The ticket must come back through [`finish`](Self::finish), [`cancel`](Self::cancel) or
    /// [`abandon`](Self::abandon); one that never does keeps its place as a probe until the maximum
    /// half-open wait.
    ///
    /// # Errors
    ///
    /// Fails while the breaker is open, or half-open with all its probes under way.
    pub fn admit(&mut self, now: Instant) -> Result<Ticket, Rejection> {
        let probe = self.enter_call(now, false)?;
        Ok(Ticket::new(self.epoch, probe, Some(self.latest)))
    }

    /// Asks for one call whose result will be reported by [`record`](Self::record), without a ticket.
    ///
    /// # Errors
    ///
    /// Fails as [`admit`](Self::admit) does.
    pub fn admit_by_hand(&mut self, now: Instant) -> Result<(), Rejection> {
        self.enter_call(now, true).map(|_| ())
    }

    /// Lets time do what it does without calls: ends a probing that waited too long and, with
    /// [`Recovery::Automatic`], starts probing when the open wait is over.
    pub fn tick(&mut self, now: Instant) {
        self.settle(now, false);
    }

    /// When [`tick`](Self::tick) will next change something.
    pub fn next_tick(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Open { until, .. } if self.config.recovery == Recovery::Automatic => {
                Some(*until)
            }
            Phase::HalfOpen(probes) => probes.deadline(self.config.probe_wait()?),
            _ => None,
        }
    }

    /// When the open wait ends; `None` unless open.
    pub fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            _ => None,
        }
    }

    /// The state after the last step.
    pub fn state(&self) -> State {
        self.phase.state()
    }

    /// Number of the current period; every change of state and every reset starts a new one.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The figures as of `now`.
    pub fn metrics(&mut self, now: Instant) -> Metrics {
        self.settle(now, false);
        if !matches!(self.phase, Phase::Open { .. }) {
            self.window.advance(self.latest);
        }
        let window = self.window.counts();
        let (probes, judged_from) = match &self.phase {
            Phase::HalfOpen(probes) => (probes.count(), self.config.probes_judged_at()),
            Phase::Open { judged_from, .. } => (0, *judged_from),
            _ => (0, self.config.judged_from()),
        };
        let judged = window.total >= judged_from;
        Metrics {
            state: self.state(),
            epoch: self.epoch,
            window,
            failure_rate: window.failure_rate().filter(|_| judged),
            slow_rate: window.slow_rate().filter(|_| judged),
            consecutive_failures: self.streak,
            probes,
            not_permitted: self.not_permitted,
            attempt: self.attempt,
            last_failure: self.last_failure.map(|(failure, _)| failure),
            since_last_failure: self.last_failure.map(|(_, at)| self.latest - at),
            next_attempt_in: self.open_until().map(|until| until - self.latest),
            totals: self.totals.clone(),
        }
    }

    /// Takes the changes since the last time, oldest first.
    pub fn take_changes(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.changes)
    }

    /// How many quick successes of the current period may be recorded later, together.
    pub(crate) fn slack(&self) -> Slack {
        if !matches!(self.phase, Phase::Closed) || self.streak > 0 {
            return Slack::None;
        }
        self.window.slack(self.config.judged_from())
    }

    /// Whether a quick success of the current period can neither open nor close, whenever it comes.
    pub(crate) fn success_keeps_state(&self) -> bool {
        // In a judged ring of calls a success replaces a result that was no better; in a time window
        // it matters what has left meanwhile.
        let judged = self.window.counts().total >= self.config.judged_from();
        matches!(self.phase, Phase::Closed)
            && matches!(self.window, ResultWindow::Calls(_))
            && judged
    }

    /// Until when what the machine last said of its state holds for calls: the end of the open wait,
    /// of a full probing, or of a closed window's bucket.
    pub(crate) fn holds_until(&self) -> Instant {
        match &self.phase {
            Phase::Closed => self.window.bucket_end(),
            Phase::Open { until, .. } => *until,
            Phase::HalfOpen(probes) if self.has_free_probe(probes) => Instant::ZERO,
            Phase::HalfOpen(probes) => {
                let wait = self.config.probe_wait();
                wait.and_then(|wait| probes.deadline(wait)).unwrap_or(Instant::MAX)
            }
            Phase::ForcedOpen | Phase::Disabled | Phase::MetricsOnly(_) => Instant::MAX,
        }
    }

    /// Takes in what was counted outside of the machine in this period: quick successes while
    /// closed, rejections in every other state.
    pub(crate) fn take_in_counted(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        if matches!(self.phase, Phase::Closed) {
            self.totals.successes += count;
            self.streak = 0;
            self.window.record_successes(u32::try_from(count).unwrap_or(u32::MAX));
        } else {
            self.count_rejections(count);
        }
    }

    /// Takes in what was counted outside of the machine in a period that has ended.
    pub(crate) fn take_in_late(&mut self, count: u64, was: State) {
        if was == State::Closed {
            self.totals.successes += count;
            self.totals.late += count;
        } else {
            self.totals.rejected += count;
        }
    }

    fn count_rejections(&mut self, rejections: u64) {
        self.not_permitted += rejections;
        self.totals.rejected += rejections;
    }

    fn enter_call(&mut self, now: Instant, by_hand: bool) -> Result<u32, Rejection> {
        self.settle(now, true);
        let now = self.latest;
        let config = Arc::clone(&self.config);
        match &mut self.phase {
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly(_) => Ok(0),
            Phase::HalfOpen(probes) if has_free_probe(&config, probes, &self.window) => {
                Ok(probes.start(now, by_hand))
            }
            Phase::HalfOpen(_) | Phase::Open { .. } | Phase::ForcedOpen => {
                self.count_rejections(1);
                Err(self.rejection())
            }
        }
    }

    /// The rejection of a call at the latest time seen.
    fn rejection(&self) -> Rejection {
        let hint = self.config.open_wait.initial;
        let retry_after = match self.phase {
            Phase::ForcedOpen => hint,
            _ if self.holds_until() == Instant::MAX => hint,
            _ => self.holds_until() - self.latest,
        };
        Rejection { state: self.state(), retry_after, epoch: self.epoch }
    }

    fn has_free_probe(&self, probes: &Probes) -> bool {
        has_free_probe(&self.config, probes, &self.window)
    }
}

/// Whether one more probe may start. A probing judged by rate collects a fixed number of results, so
/// results take a place too.
fn has_free_probe(config: &Config, probes: &Probes, window: &ResultWindow) -> bool {
    let taken = match config.half_open.verdict {
        ProbeVerdict::Successes(_) => probes.count(),
        ProbeVerdict::Rate => probes.count().saturating_add(window.counts().total),
    };
    taken < config.half_open.calls
}
