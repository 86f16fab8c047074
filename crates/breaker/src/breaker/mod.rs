//! The breaker that threads and tasks share.

mod call;
mod control;
mod drive;
mod health;
mod listeners;
mod permit;
mod shortcut;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{FailureKind, Instant, Time};

use crate::config::{Config, ConfigError};
use crate::event::{Event, EventKind};
use crate::gate::{Admission, Gate, Locked, ShardCount, this_thread};
use crate::machine::{Machine, Recorded, Ticket};
use crate::outcome::Outcome;
use crate::rejection::Rejection;
use crate::state::State;

use self::drive::Driver;
use self::health::Checks;
pub use self::health::HealthCheckRun;
pub use self::listeners::ListenerId;
use self::listeners::Listeners;
pub use self::permit::Permit;

/// A circuit breaker shared between threads and tasks; clones are the same breaker.
///
/// While closed, a quick success costs one load and one uncontended counter: no lock, no allocation,
/// and no clock unless the configuration times calls (`slow_rate`, a time window) or somebody listens
/// to calls. Failures, slow calls and changes of state take a short lock.
///
/// # Guarantees
///
/// - Every permit carries the epoch of the state that admitted it. A result that comes after that
///   state has ended feeds the totals only: it cannot close, open or fill a newer state.
/// - Half-open never has more probes under way than configured.
/// - Failures and slow calls count at once, and every result is in the window before the next failure
///   is judged. A success may be counted a little later, only where that cannot change a verdict;
///   [`metrics`](Self::metrics) sees all of them.
/// - Listeners run outside of the lock; a listener that panics affects no call and no other listener.
///
/// It does not bound concurrency, queue, retry or time synchronous calls out.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_base::Time;
/// use steadfast_breaker::{CircuitBreaker, Config, State};
///
/// let config = Config::builder().consecutive_failures(2).open_wait(Duration::from_secs(5)).build()?;
/// let breaker = CircuitBreaker::new("inventory", config, Time::system())?;
///
/// assert_eq!(breaker.call(|| Ok::<_, &str>(42)), Ok(42));
/// for _ in 0..2 {
///     let _ = breaker.call(|| Err::<(), _>("connection refused"));
/// }
/// assert_eq!(breaker.state(), State::Open);
/// let error = breaker.call(|| Ok::<_, &str>(42)).unwrap_err();
/// assert!(error.rejection().unwrap().retry_after <= Duration::from_secs(5));
/// # Ok::<(), steadfast_breaker::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    inner: Arc<Inner>,
}

/// What the clones of a breaker share; what every call reads lies first, beside the reference counts.
#[repr(C)]
struct Inner {
    gate: Gate,
    /// What breakers of one family share.
    family: Arc<Family>,
    listeners: Listeners,
    checks: Checks,
    driver: Driver,
}

/// What all breakers made from one template have in common.
pub(crate) struct Family {
    pub(crate) name: Box<str>,
    pub(crate) time: Time,
}

impl CircuitBreaker {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// Fails if the configuration has faults; lists all of them.
    pub fn new(name: impl Into<String>, config: Config, time: Time) -> Result<Self, ConfigError> {
        let machine = Machine::new(config)?;
        let family = Family { name: name.into().into(), time };
        Ok(Self::with(machine, Arc::new(family), ShardCount::Many))
    }

    pub(crate) fn with(machine: Machine, family: Arc<Family>, shards: ShardCount) -> Self {
        let inner = Inner {
            gate: Gate::new(machine, shards),
            family,
            listeners: Listeners::default(),
            checks: Checks::default(),
            driver: Driver::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether forgetting this breaker would change what happens to calls.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.gate.lasting_state() == Some(State::Closed)
    }

    /// The name given at construction.
    pub fn name(&self) -> &str {
        &self.inner.family.name
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name())
            .field("gate", &self.inner.gate)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// The time, read the quick way: the machine takes a time before one it has seen as that one, and
    /// a microsecond is no matter to anything else here.
    #[inline]
    fn now(&self) -> Instant {
        self.family.time.now_relaxed()
    }

    /// Admits one call; its start is known if the configuration times calls.
    #[inline]
    fn admit(&self) -> Result<Ticket, Rejection> {
        match self.gate.open_epoch() {
            Some(epoch) => {
                let started = self.gate.slow_after().map(|_| self.now());
                Ok(Ticket::new(epoch, 0, started))
            }
            None => self.admit_guarded(None).into_result(),
        }
    }

    /// Admits one call whose start is known.
    #[inline]
    fn admit_timed(&self) -> Result<Ticket, Rejection> {
        let ticket = self.admit()?;
        Ok(if ticket.started().is_some() { ticket } else { ticket.started_at(self.now()) })
    }

    /// Admits one call whose result is reported by hand.
    fn admit_by_hand(&self) -> Result<(), Rejection> {
        let now = self.now();
        let admitted = match self.gate.reject(this_thread(), || now, || now).rejection() {
            Some(rejection) => Err(rejection),
            None => self.step(|machine| machine.admit_by_hand(now)),
        };
        if let Err(rejection) = admitted
            && self.gate.calls_observed()
        {
            self.tell_rejection(Admission::from(Err(rejection)));
        }
        admitted
    }

    /// Admits one call that starts at `now`.
    #[inline]
    fn admit_at(&self, now: Instant) -> Result<Ticket, Rejection> {
        match self.gate.open_epoch() {
            Some(epoch) => Ok(Ticket::new(epoch, 0, Some(now))),
            None => self.admit_guarded(Some(now)).into_result(),
        }
    }

    /// Admits or rejects while not every call may pass.
    #[inline(never)]
    fn admit_guarded(&self, now: Option<Instant>) -> Admission {
        let turned_away = self.turn_away_guarded(now);
        if turned_away.is_decided() { turned_away } else { self.admit_locked(now) }
    }

    /// Rejects a call without the lock, if the state clearly says so.
    #[inline]
    fn turn_away(&self) -> Option<Rejection> {
        if self.gate.open_epoch().is_some() { None } else { self.turned_away().rejection() }
    }

    #[inline(never)]
    fn turned_away(&self) -> Admission {
        self.turn_away_guarded(None)
    }

    #[inline]
    fn turn_away_guarded(&self, now: Option<Instant>) -> Admission {
        let tick = || now.unwrap_or_else(|| self.family.time.now_coarse());
        let now = || now.unwrap_or_else(|| self.now());
        let turned_away = self.gate.reject(this_thread(), tick, now);
        if self.gate.calls_observed() {
            self.tell_rejection(turned_away);
        }
        turned_away
    }

    #[cold]
    #[inline(never)]
    fn admit_locked(&self, now: Option<Instant>) -> Admission {
        let now = now.unwrap_or_else(|| self.now());
        let admitted = Admission::from(self.step(|machine| machine.admit(now)));
        if self.gate.calls_observed() {
            self.tell_rejection(admitted);
        }
        admitted
    }

    /// Takes a ticket back; the clock is read only if the result needs it and `now` does not say.
    #[inline]
    fn finish(&self, ticket: Ticket, outcome: Outcome, now: Option<Instant>) {
        self.finish_reading(ticket, outcome, now, || self.now());
    }

    /// As [`finish`](Self::finish), where somebody else reads the clock, once at most.
    #[inline]
    fn finish_reading(
        &self,
        ticket: Ticket,
        outcome: Outcome,
        mut now: Option<Instant>,
        mut read: impl FnMut() -> Instant,
    ) {
        if matches!(outcome, Outcome::Success) {
            let mut quick = true;
            if let (Some(started), Some(slow_after)) = (ticket.started(), self.gate.slow_after()) {
                let end = *now.get_or_insert_with(&mut read);
                quick = end.as_nanos().saturating_sub(started.as_nanos()) <= slow_after;
            }
            let end = || *now.get_or_insert_with(&mut read);
            if quick && self.gate.hold_success(this_thread(), ticket.epoch(), end) {
                return;
            }
        }
        self.finish_guarded(ticket, outcome, now, &mut read);
    }

    #[cold]
    #[inline(never)]
    fn finish_guarded(
        &self,
        ticket: Ticket,
        outcome: Outcome,
        now: Option<Instant>,
        read: &mut dyn FnMut() -> Instant,
    ) {
        if self.gate.is_disabled() {
            return;
        }
        let untimed = matches!(outcome, Outcome::Success) && ticket.started().is_none();
        let now = if untimed { now } else { now.or_else(|| Some(read())) };
        let observed = self.gate.calls_observed();
        let epoch = ticket.epoch();
        self.step_then(
            |machine| {
                // A success that surely changes no state happens at the latest time the machine knows.
                let timeless = !observed && machine.success_keeps_state();
                let unread = || if timeless { Instant::ZERO } else { read() };
                let at = now.unwrap_or_else(unread);
                let took = took(&ticket, at);
                (machine.finish(ticket, outcome, at), CallEvent { at, epoch, took })
            },
            |(recorded, call)| self.tell_result(*recorded, outcome, *call),
        );
    }

    /// Takes in a call that ended without a result.
    #[cold]
    #[inline(never)]
    fn abandon(&self, ticket: Ticket) {
        if std::thread::panicking() {
            let outcome = Outcome::failure(FailureKind::Panic);
            return self.finish_guarded(ticket, outcome, None, &mut || self.now());
        }
        let now = self.now();
        let (epoch, took) = (ticket.epoch(), took(&ticket, now));
        let outcome = Outcome::failure(FailureKind::Timeout);
        self.step_then(
            |machine| machine.abandon(ticket, now),
            |recorded| self.tell_result(*recorded, outcome, CallEvent { at: now, epoch, took }),
        );
    }

    fn step<R>(&self, step: impl FnOnce(&mut Locked<'_>) -> R) -> R {
        self.step_then(step, |_| ())
    }

    /// Lets the machine make one step, then tells of the call and of what changed, outside of the lock.
    fn step_then<R>(
        &self,
        step: impl FnOnce(&mut Locked<'_>) -> R,
        tell_call: impl FnOnce(&R),
    ) -> R {
        let (result, changes, next_tick) = {
            let mut machine = self.gate.lock();
            let result = step(&mut machine);
            (result, machine.take_changes(), machine.next_tick())
        };
        self.driver.plan(next_tick);
        tell_call(&result);
        if !changes.is_empty() {
            self.listeners.tell_changes(&changes);
        }
        result
    }

    /// Tells of a rejection, if it is one.
    #[cold]
    fn tell_rejection(&self, admitted: Admission) {
        let Some(rejection) = admitted.rejection() else { return };
        // While forced open only changes are worth an event.
        if rejection.state != State::ForcedOpen {
            let (at, epoch) = (self.now(), rejection.epoch);
            self.listeners.tell_call(&Event {
                at,
                epoch,
                kind: EventKind::NotPermitted(rejection),
            });
        }
    }

    fn tell_result(&self, recorded: Recorded, outcome: Outcome, call: CallEvent) {
        if !self.gate.calls_observed() {
            return;
        }
        let CallEvent { at, epoch, took } = call;
        let kind = match (recorded, outcome.as_failure()) {
            (Recorded::Counted, Some(failure)) => EventKind::Failure { failure, took },
            (Recorded::Counted, None) => EventKind::Success { took },
            (Recorded::Released, _) => EventKind::Ignored,
            (Recorded::TotalsOnly | Recorded::Nothing, _) => return,
        };
        self.listeners.tell_call(&Event { at, epoch, kind });
    }
}

/// When a call ended, in which period it began, and how long it took.
#[derive(Clone, Copy)]
struct CallEvent {
    at: Instant,
    epoch: u32,
    took: Duration,
}

fn took(ticket: &Ticket, now: Instant) -> Duration {
    ticket.started().map_or(Duration::ZERO, |started| now - started)
}
