//! Timers of one actor: once or periodic, keyed, gone with the incarnation.

use std::{
    collections::BTreeMap,
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use steadfast_base::{Instant, Sleep, Time};

/// Timers that one actor may have running; one more is refused.
pub const TIMERS_MAX: usize = 4_096;

/// Names a timer within its actor; starting a timer under a key that runs replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TimerKey {
    /// A timer named by a constant.
    Name(&'static str),
    /// A timer named by a number, say a request's.
    Number(u64),
}

impl From<&'static str> for TimerKey {
    fn from(name: &'static str) -> Self {
        Self::Name(name)
    }
}

impl From<u64> for TimerKey {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// The actor has [`TIMERS_MAX`] timers already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTimers;

impl fmt::Display for TooManyTimers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the actor runs {TIMERS_MAX} timers already")
    }
}

impl std::error::Error for TooManyTimers {}

enum Fire<M> {
    Once(Option<M>),
    Every { period: Duration, make: Box<dyn FnMut() -> M + Send> },
}

struct Entry<M> {
    key: TimerKey,
    fire: Fire<M>,
}

/// The timers of one incarnation, earliest first; equal times fire in the order of their start.
pub(crate) struct Timers<M> {
    queue: BTreeMap<(Instant, u64), Entry<M>>,
    keys: BTreeMap<TimerKey, (Instant, u64)>,
    started: u64,
    sleep: Option<(Instant, Sleep)>,
    /// When the round of firing timers began, if one goes on.
    round: Option<Instant>,
}

impl<M> Default for Timers<M> {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), keys: BTreeMap::new(), started: 0, sleep: None, round: None }
    }
}

impl<M> Timers<M> {
    pub(crate) fn once(&mut self, key: TimerKey, at: Instant, message: M) -> Result<(), M> {
        match self.insert(key, at, Fire::Once(Some(message))) {
            Err(Fire::Once(Some(message))) => Err(message),
            _ => Ok(()),
        }
    }

    pub(crate) fn every(
        &mut self,
        key: TimerKey,
        first: Instant,
        period: Duration,
        make: Box<dyn FnMut() -> M + Send>,
    ) -> Result<(), TooManyTimers> {
        let inserted = self.insert(key, first, Fire::Every { period, make });
        if inserted.is_ok() { Ok(()) } else { Err(TooManyTimers) }
    }

    fn insert(&mut self, key: TimerKey, at: Instant, fire: Fire<M>) -> Result<(), Fire<M>> {
        self.cancel(key);
        if self.queue.len() >= TIMERS_MAX {
            return Err(fire);
        }
        self.started += 1;
        self.keys.insert(key, (at, self.started));
        self.queue.insert((at, self.started), Entry { key, fire });
        Ok(())
    }

    /// Stops the timer; false if none runs under the key.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> bool {
        self.keys.remove(&key).and_then(|place| self.queue.remove(&place)).is_some()
    }

    pub(crate) fn is_running(&self, key: TimerKey) -> bool {
        self.keys.contains_key(&key)
    }

    pub(crate) fn key_named(&self, name: &str) -> Option<TimerKey> {
        self.keys.keys().find(|key| matches!(key, TimerKey::Name(known) if *known == name)).copied()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The message of the earliest timer, if its time had come when the round began.
    ///
    /// A round ends with `None`: then the mailbox has its turn, however long the handlers of the
    /// timers took.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(TimerKey, M)> {
        let round = *self.round.get_or_insert(now);
        let Some((&(at, _), _)) = self.queue.first_key_value().filter(|((at, _), _)| *at <= round)
        else {
            self.round = None;
            return None;
        };
        let (_, Entry { key, fire }) = self.queue.pop_first()?;
        self.keys.remove(&key);
        match fire {
            Fire::Once(message) => Some((key, message?)),
            Fire::Every { period, mut make } => {
                let message = make();
                // A late timer does not catch up: it fires once and goes on from now.
                let next = (at + period).max(now);
                let next = if next == now { now + period } else { next };
                drop(self.insert(key, next, Fire::Every { period, make }));
                Some((key, message))
            }
        }
    }

    /// Fires one timer whether or not its time has come; its message comes from elsewhere.
    pub(crate) fn fire(&mut self, key: TimerKey, now: Instant) {
        let Some(place) = self.keys.remove(&key) else { return };
        if let Some(Entry { key, fire: Fire::Every { period, mut make } }) =
            self.queue.remove(&place)
        {
            drop(make());
            drop(self.insert(key, now + period, Fire::Every { period, make }));
        }
    }

    /// Ready when the earliest timer is due.
    pub(crate) fn poll_due(&mut self, time: &Time, task: &mut Context<'_>) -> Poll<()> {
        let Some((&(at, _), _)) = self.queue.first_key_value() else {
            self.sleep = None;
            return Poll::Pending;
        };
        if self.sleep.as_ref().is_none_or(|(set, _)| *set != at) {
            self.sleep = Some((at, time.sleep_until(at)));
        }
        let Some((_, sleep)) = self.sleep.as_mut() else { return Poll::Pending };
        let fired = std::pin::Pin::new(sleep).poll(task);
        if fired.is_ready() {
            self.sleep = None;
        }
        fired
    }
}
