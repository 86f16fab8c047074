//! The bulkhead: so many calls at once, a bounded queue before it, first come, first served.

mod acquire;
mod call;
mod config;
mod control;
pub(crate) mod desk;
mod permit;
pub(crate) mod places;
mod stage;
mod statistics;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use steadfast_base::{ConfigError, Instant, Time};

use crate::events::Events;
use crate::names;
use crate::rejection::{Reason, Rejection};

pub use self::config::BulkheadConfig;
pub use self::permit::BulkheadPermit;
pub use self::statistics::BulkheadStatistics;

use self::desk::{Desk, Ticket};
use self::permit::Ending;
use self::places::Places;
use self::statistics::Counters;

/// Limits how many calls run at once; a clone is another handle to the same bulkhead.
///
/// A call that finds no place waits in a queue, first come, first served, or is rejected. Taking a
/// place and giving it back is one compare-and-swap each while nobody waits, statistics included.
///
/// ```text
///               free place
/// acquire ───────────────────────────► permit ──► finished
///    │                                   ▲
///    ├─ none free ─► queue ─ a place ────┘
///    │                 └── wait over ──► rejected (wait-over)
///    └─ queue full, or nobody may wait ► rejected (full)
/// ```
///
/// Guaranteed: never more permits than the limit, except those given before it was lowered; who waits
/// is let in by the order of arrival, and nobody overtakes the queue; one place that becomes free wakes
/// exactly the first; a waiter that is dropped leaves the queue at once. Not guaranteed: when a place
/// becomes free, so rejections carry no `retry_after`.
///
/// Defaults are those of [`BulkheadConfig`].
///
/// # Events
///
/// | event | when | fields |
/// |---|---|---|
/// | [`BULKHEAD_PERMITTED`](crate::names::BULKHEAD_PERMITTED) | a call was let in |  |
/// | [`BULKHEAD_FINISHED`](crate::names::BULKHEAD_FINISHED) | it left | `ending` |
/// | [`BULKHEAD_RESIZED`](crate::names::BULKHEAD_RESIZED) | the number of places changed | `from`, `to` |
/// | [`REJECTED`](crate::names::REJECTED) | a call was turned away | `policy`, `reason` |
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
///
/// let bulkhead = Bulkhead::new(BulkheadConfig::new(1), Time::system())?;
/// let permit = bulkhead.try_acquire()?;
/// assert!(bulkhead.try_acquire().is_err());
/// permit.succeed();
/// assert_eq!(bulkhead.call(|| "7".parse::<u32>()), Ok(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Nygard, "Release It!", describes the pattern.
#[derive(Clone)]
pub struct Bulkhead {
    inner: Arc<Inner>,
}

#[repr(C)]
struct Inner {
    places: Places,
    /// Whether anybody may wait; changed under the lock of the queue.
    may_wait: AtomicBool,
    events: Events,
    time: Time,
    queue: Mutex<Queue>,
    counters: Counters,
}

struct Queue {
    config: BulkheadConfig,
    desk: Desk<()>,
    /// Calls let in since the last reset, but for those that the word of the places still counts.
    admitted: u64,
    /// Calls that ran at the last reset.
    running_at_reset: u64,
}

impl Bulkhead {
    /// A bulkhead that tells nobody what it decides.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`BulkheadConfig::validate`] finds.
    pub fn new(config: BulkheadConfig, time: Time) -> Result<Self, ConfigError> {
        Self::with_events(config, time, Events::off())
    }

    /// A bulkhead that tells each decision: permitted, rejected, finished.
    ///
    /// # Errors
    ///
    /// Fails with every fault that [`BulkheadConfig::validate`] finds.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use steadfast_base::{MemorySink, Time};
    /// use steadfast_policy::{Bulkhead, BulkheadConfig, Events, names};
    ///
    /// let (time, sink) = (Time::system(), Arc::new(MemorySink::new(8)));
    /// let events = Events::new("inventory", time.clone(), sink.clone());
    /// let bulkhead = Bulkhead::with_events(BulkheadConfig::new(1), time, events)?;
    /// bulkhead.try_acquire()?.succeed();
    /// assert_eq!(sink.names(), [names::BULKHEAD_PERMITTED, names::BULKHEAD_FINISHED]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_events(
        config: BulkheadConfig,
        time: Time,
        events: Events,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::unchecked(config, time, events))
    }

    /// A bulkhead with settings that were validated.
    fn unchecked(config: BulkheadConfig, time: Time, events: Events) -> Self {
        let queue = Queue { config, desk: Desk::default(), admitted: 0, running_at_reset: 0 };
        let inner = Inner {
            places: Places::new(config.max_concurrent_calls),
            may_wait: AtomicBool::new(config.may_wait()),
            events,
            time,
            queue: Mutex::new(queue),
            counters: Counters::default(),
        };
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("places", &self.inner.places.word())
            .finish_non_exhaustive()
    }
}

/// What a look at the places says.
#[derive(Clone, Copy)]
enum Entry {
    Taken,
    /// No place is free, and nobody may wait for one.
    Full,
    /// The queue has to decide.
    Queue,
}

/// What came of asking for a place, for those who may wait.
enum Joined {
    Taken,
    /// In the queue, until then.
    Waiting(Ticket, Instant),
    Rejected(Rejection),
}

impl Inner {
    /// Takes a place without waiting.
    #[inline]
    fn take(&self) -> Result<(), Rejection> {
        match self.places.take() {
            Ok(()) => Ok(()),
            Err(word) if word.must_fold() && self.take_folded() => Ok(()),
            Err(_) => Err(self.reject(Reason::Full)),
        }
    }

    #[cold]
    fn take_folded(&self) -> bool {
        drop(self.lock());
        self.places.try_take()
    }

    /// Turns a call away, if it is clear that it finds no place and may not wait for one.
    #[inline]
    fn turn_away(&self) -> Option<Rejection> {
        let has_a_chance = self.places.word().has_room() || self.may_wait.load(Ordering::Relaxed);
        (!has_a_chance).then(|| self.reject(Reason::Full))
    }

    /// Takes a place, if one is free; without a clock and without a lock.
    #[inline]
    fn enter(&self) -> Entry {
        match self.places.take() {
            Ok(()) => Entry::Taken,
            Err(word) if self.may_wait.load(Ordering::Relaxed) || word.must_fold() => Entry::Queue,
            Err(_) => Entry::Full,
        }
    }

    /// Takes a place, or a place in the queue at most until `deadline`.
    fn join(&self, waker: &Waker, deadline: Option<Instant>) -> Joined {
        match self.enter() {
            Entry::Taken => Joined::Taken,
            Entry::Full => Joined::Rejected(self.reject(Reason::Full)),
            Entry::Queue => self.join_queue(waker, deadline),
        }
    }

    fn join_queue(&self, waker: &Waker, deadline: Option<Instant>) -> Joined {
        let (now, waker) = (self.time.now(), waker.clone());
        let mut queue = self.lock();
        if self.places.try_take() {
            return Joined::Taken;
        }
        let config = queue.config;
        if !config.may_wait() || queue.desk.waiting() >= config.queue_calls_max as usize {
            drop(queue);
            return Joined::Rejected(self.reject(Reason::Full));
        }
        let until = now + config.max_wait_duration;
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        if until <= now {
            drop(queue);
            return Joined::Rejected(self.reject(Reason::WaitOver));
        }
        // Ends: whoever gives a place back between the two lets the other succeed.
        while !self.places.await_room() {
            if self.places.try_take() {
                return Joined::Taken;
            }
        }
        Joined::Waiting(queue.desk.join(waker), until)
    }

    /// Whether a place was given to a waiter; keeps the waker of one that must go on waiting.
    fn is_let_in(&self, ticket: Ticket, waker: &Waker) -> bool {
        let waker = waker.clone();
        // The waker that is not needed any more is dropped behind the lock.
        let fetched = self.lock().desk.fetch(ticket, waker);
        fetched.is_ok()
    }

    /// Ends a wait; true if a place was given in the meantime, which is then the caller's.
    fn leave(&self, ticket: Ticket) -> bool {
        let mut queue = self.lock();
        let (let_in, waker) = queue.desk.leave(ticket);
        if queue.desk.waiting() == 0 {
            self.places.await_no_more();
        }
        drop(queue);
        drop(waker);
        let_in.is_some()
    }

    /// Gives a place back, to the first who waits if somebody does.
    #[inline]
    fn give_back(&self, ending: Ending) {
        match ending {
            Ending::Succeeded => {}
            Ending::Failed => self.counters.failed.count(),
            Ending::Dropped => self.counters.dropped.count(),
        }
        if !self.places.try_give_back() {
            self.pass_on();
        }
        self.events.emit(names::BULKHEAD_FINISHED, || [("ending", ending.name().into())]);
    }

    #[cold]
    fn pass_on(&self) {
        let mut queue = self.lock();
        self.places.give_back();
        let wakers = self.let_in(&mut queue);
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Lets in whom there is room for, and gives back their wakers.
    fn let_in(&self, queue: &mut Queue) -> Vec<Waker> {
        let mut wakers = Vec::new();
        // INV-BLK-1: nobody is left waiting beside a free place, and the first is let in first.
        while let Some(first) = queue.desk.first()
            && self.places.take_awaited()
        {
            wakers.extend(queue.desk.decide(first, ()));
        }
        if queue.desk.waiting() == 0 {
            self.places.await_no_more();
        }
        wakers
    }

    #[inline]
    fn reject(&self, reason: Reason) -> Rejection {
        if reason == Reason::Full {
            self.counters.rejected_full.count();
        } else {
            self.counters.rejected_after_wait.count();
        }
        let rejection = Rejection::new(names::BULKHEAD, reason);
        self.events.rejected(&rejection);
        rejection
    }

    /// Locks the queue, with the admitted folded; it is whole between any two statements, because no
    /// foreign code runs under the lock, so a poisoned one is taken over.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.admitted += self.places.take_admitted().admitted();
        queue
    }
}
