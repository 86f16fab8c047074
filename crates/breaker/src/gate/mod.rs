//! The machine behind a lock, with a lock-free path for the calls that change nothing.
//!
//! `word` publishes what the machine last decided: epoch, state, and how many quick successes may be
//! held back. While closed, admission is one load of it. Quick successes, and rejections in every
//! other state, are counted in shards that carry the epoch, so that a count can only be added to the
//! period it belongs to. Everything else takes the lock, and whoever holds it first takes in what the
//! shards counted: held-back successes are in the window before the next result is judged.
//!
//! A new period is published as: `word` changing, shards, `until`, `word`. Who rejects reads word,
//! `until` and word again, so it never acts on the `until` of another period than its word's. A thread
//! that counts in its own shard just as the period ends is found out by the shard's epoch, and what it
//! counted is late, as it would be had it taken the lock.

mod admission;
mod caller;
mod shards;
mod word;

#[cfg(all(test, suite_loom))]
mod loom_tests;
#[cfg(all(test, not(suite_loom)))]
mod tests;

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use steadfast_base::Instant;

use crate::machine::Machine;
use crate::state::State;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

pub(crate) use self::admission::Admission;
pub(crate) use self::caller::{Caller, this_thread};
pub(crate) use self::shards::ShardCount;
use self::shards::{Shards, Taken};
use self::word::Word;

/// A machine shared between threads; what every call reads lies first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Gate {
    /// What the machine last decided, see [`Word`].
    word: AtomicU64,
    /// Until when the word holds, in nanoseconds.
    until: AtomicU64,
    /// Calls that take longer are slow, in nanoseconds; the maximum if calls are not timed.
    slow_after: AtomicU64,
    shards: Shards,
    /// The hint for callers that cannot be told when to come back, in nanoseconds.
    hint: AtomicU64,
    /// The time-out of asynchronous calls, in nanoseconds; the maximum if there is none.
    call_timeout: AtomicU64,
    machine: Mutex<Guarded>,
}

#[derive(Debug)]
struct Guarded {
    machine: Machine,
    /// Whether somebody wants to hear of each call.
    calls_observed: bool,
}

/// Rests of a wait above this, in nanoseconds, are taken from the machine's last tick: it is a
/// hundredth of this behind at most, and much quicker to read.
const LONG_WAIT: u64 = 1_000_000_000;

/// A number of nanoseconds that means never, or off.
const NEVER: u64 = u64::MAX;

fn nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(NEVER, |duration| u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
}

impl Gate {
    pub(crate) fn new(machine: Machine, shards: ShardCount) -> Self {
        let epoch = machine.epoch();
        let gate = Self {
            word: AtomicU64::new(0),
            until: AtomicU64::new(0),
            slow_after: AtomicU64::new(NEVER),
            hint: AtomicU64::new(0),
            call_timeout: AtomicU64::new(NEVER),
            shards: Shards::new(shards, epoch),
            machine: Mutex::new(Guarded { machine, calls_observed: false }),
        };
        gate.lock().publish_settings();
        gate
    }

    /// The epoch, if the state lets every call through.
    #[inline]
    pub(crate) fn open_epoch(&self) -> Option<u32> {
        let word = self.word();
        word.admits_all().then(|| word.epoch())
    }

    /// Rejects a call without the lock, if the state clearly says so. `tick` may be some milliseconds
    /// behind `now`; each is read only if needed.
    #[inline]
    pub(crate) fn reject(
        &self,
        caller: Caller,
        tick: impl FnOnce() -> Instant,
        now: impl FnOnce() -> Instant,
    ) -> Admission {
        let word = self.word();
        if word.admits_all() || word == Word::CHANGING {
            return Admission::UNDECIDED;
        }
        let until = self.until.load(Ordering::Acquire);
        if self.word() != word {
            // `until` may be of another period than the word.
            return Admission::UNDECIDED;
        }
        let wait = if until == NEVER {
            self.hint.load(Ordering::Relaxed)
        } else {
            match until.saturating_sub(tick().as_nanos()) {
                wait if wait > LONG_WAIT => wait,
                _ => until.saturating_sub(now().as_nanos()),
            }
        };
        if (wait == 0 && until != NEVER) || !self.shards.count(caller, word.epoch(), u32::MAX) {
            return Admission::UNDECIDED;
        }
        Admission::rejected(word.state(), wait, word.epoch())
    }

    /// Counts a quick success without the lock, if it may wait; `now` is read only if needed.
    #[inline]
    pub(crate) fn hold_success(
        &self,
        caller: Caller,
        epoch: u32,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        let word = self.word();
        let limit = word.held_successes_max();
        if limit == 0 || word.epoch() != epoch {
            return false;
        }
        let until = self.until.load(Ordering::Acquire);
        if until != NEVER && now().as_nanos() >= until {
            return false;
        }
        self.shards.count(caller, epoch, limit)
    }

    /// The state, unless it takes the time to tell.
    pub(crate) fn lasting_state(&self) -> Option<State> {
        let state = self.word().state();
        (!matches!(state, State::Open | State::HalfOpen)).then_some(state)
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.word().state() == State::Disabled
    }

    pub(crate) fn calls_observed(&self) -> bool {
        self.word().calls_observed()
    }

    /// The nanoseconds after which a call is slow; `None` if calls are not timed.
    #[inline]
    pub(crate) fn slow_after(&self) -> Option<u64> {
        let nanos = self.slow_after.load(Ordering::Relaxed);
        (nanos != NEVER).then_some(nanos)
    }

    pub(crate) fn call_timeout(&self) -> Option<Duration> {
        let nanos = self.call_timeout_nanos();
        (nanos != NEVER).then(|| Duration::from_nanos(nanos))
    }

    /// The time-out of asynchronous calls in nanoseconds; the maximum if there is none.
    #[inline]
    pub(crate) fn call_timeout_nanos(&self) -> u64 {
        self.call_timeout.load(Ordering::Relaxed)
    }

    /// The machine, with everything taken in that was counted outside of it.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let mut guarded = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = guarded.machine.epoch();
        let taken = self.shards.take(epoch);
        take_in_late(&mut guarded.machine, taken);
        guarded.machine.take_in_counted(taken.current);
        Locked { gate: self, epoch, state: guarded.machine.state(), guarded }
    }

    #[inline]
    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire))
    }
}

/// What owners counted in periods that had ended.
fn take_in_late(machine: &mut Machine, taken: Taken) {
    machine.take_in_late(taken.late_successes, State::Closed);
    machine.take_in_late(taken.late_rejections, State::Open);
}

/// The machine for one step; publishes what it decided when dropped.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    gate: &'a Gate,
    /// Epoch and state before the step.
    epoch: u32,
    state: State,
    guarded: MutexGuard<'a, Guarded>,
}

impl Locked<'_> {
    pub(crate) fn observe_calls(&mut self, observed: bool) {
        self.guarded.calls_observed = observed;
    }

    /// Makes changed settings known to the lock-free path.
    pub(crate) fn publish_settings(&mut self) {
        let config = self.guarded.machine.config();
        let slow_after = nanos(config.slow_rate.map(|_| config.slow_call));
        self.gate.slow_after.store(slow_after, Ordering::Relaxed);
        self.gate.hint.store(nanos(Some(config.open_wait.initial)), Ordering::Relaxed);
        self.gate.call_timeout.store(nanos(config.call_timeout), Ordering::Relaxed);
    }
}

impl Deref for Locked<'_> {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.guarded.machine
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Machine {
        &mut self.guarded.machine
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let gate = self.gate;
        let Guarded { machine, calls_observed } = &mut *self.guarded;
        if machine.epoch() != self.epoch {
            gate.word.store(Word::CHANGING.to_bits(), Ordering::Release);
            let taken = gate.shards.take(machine.epoch());
            // What shared counters held in the period that ended.
            machine.take_in_late(taken.current, self.state);
            take_in_late(machine, taken);
        }
        gate.shards.admit(this_thread(), machine.epoch(), machine.state() != State::Closed);
        // Readers keep these in their caches; a store that changes nothing would take them away.
        let until = machine.holds_until().as_nanos();
        if gate.until.load(Ordering::Relaxed) != until {
            gate.until.store(until, Ordering::Release);
        }
        let word = Word::of(machine, *calls_observed).to_bits();
        if gate.word.load(Ordering::Relaxed) != word {
            gate.word.store(word, Ordering::Release);
        }
    }
}
