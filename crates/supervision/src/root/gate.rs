//! The breaker over all restarts of a tree.

use std::collections::BTreeMap;

use steadfast_base::Instant;
use steadfast_breaker::{Config, Machine, Outcome, State, Ticket};

use super::{RootFaults, RootRules};

/// The restart that is being tried while half-open.
#[derive(Debug)]
struct Trial<K> {
    key: K,
    ticket: Ticket,
    up_since: Option<Instant>,
}

/// Lets restarts through, or holds them while too many happen.
///
/// ```text
/// Closed --101st restart within 60 s--> Open --30 s--> HalfOpen --3 stay up 5 s--> Closed
///                                         ^               |
///                                         +-- one fails --+
/// ```
///
/// A supervisor asks before each restart ([`Effect::AskPermit`](crate::Effect)); what is granted is
/// told through the `granted` argument, first come first served. At most as many wait as there
/// are children, since each asks once. `K` names a child of the whole tree.
///
/// ```
/// use steadfast_base::Instant;
/// use steadfast_supervision::{RestartGate, RootRules};
///
/// let rules = RootRules::default().with_limit(1, std::time::Duration::from_secs(60));
/// let mut gate = RestartGate::new(&rules)?;
/// let mut granted = Vec::new();
/// gate.ask("a", Instant::ZERO, &mut granted);
/// gate.ask("b", Instant::ZERO, &mut granted);
/// assert_eq!(granted, ["a"]);
/// # Ok::<(), steadfast_supervision::RootFaults>(())
/// ```
#[derive(Debug)]
pub struct RestartGate<K> {
    machine: Machine,
    stay_up: std::time::Duration,
    waiting: BTreeMap<u64, K>,
    places: BTreeMap<K, u64>,
    next_place: u64,
    trial: Option<Trial<K>>,
}

impl<K: Ord + Clone> RestartGate<K> {
    /// A closed gate.
    ///
    /// # Errors
    ///
    /// Fails if the settings are out of range.
    pub fn new(rules: &RootRules) -> Result<Self, RootFaults> {
        rules.validate()?;
        let mut config = Config::failure_limit(rules.restarts_max, rules.window);
        config.open_wait.initial = rules.open_wait;
        config.open_wait.max = config.open_wait.max.max(rules.open_wait);
        config.half_open.calls = 1;
        config.half_open.verdict = steadfast_breaker::ProbeVerdict::Successes(rules.trials);
        config.half_open.max_wait =
            steadfast_breaker::ProbeWait::For(rules.open_wait.max(rules.stay_up.saturating_mul(2)));
        config.recovery = steadfast_breaker::Recovery::Automatic;
        let machine = Machine::new(config)
            .map_err(|limit| RootFaults { fields: Vec::new(), limit: Some(limit) })?;
        Ok(Self {
            machine,
            stay_up: rules.stay_up,
            waiting: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
            trial: None,
        })
    }

    /// Asks for one restart; granted now or later.
    pub fn ask(&mut self, key: K, now: Instant, granted: &mut Vec<K>) {
        if !self.places.contains_key(&key) {
            let place = self.next_place;
            self.next_place += 1;
            self.places.insert(key.clone(), place);
            self.waiting.insert(place, key);
        }
        self.step(now, granted);
    }

    /// The restart is not needed any more, granted or not.
    pub fn withdraw(&mut self, key: &K, now: Instant, granted: &mut Vec<K>) {
        if let Some(place) = self.places.remove(key) {
            self.waiting.remove(&place);
        }
        if let Some(trial) = self.trial.take_if(|trial| trial.key == *key) {
            self.machine.cancel(trial.ticket, now);
        }
        self.step(now, granted);
    }

    /// A child that was granted a restart is up.
    pub fn up(&mut self, key: &K, now: Instant, granted: &mut Vec<K>) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.key == *key) {
            trial.up_since.get_or_insert(now);
        }
        self.step(now, granted);
    }

    /// A child failed, or its start did. Only the one being tried counts.
    pub fn failed(&mut self, key: &K, now: Instant, granted: &mut Vec<K>) {
        self.judge(now);
        if let Some(trial) = self.trial.take_if(|trial| trial.key == *key) {
            self.machine.finish(trial.ticket, Outcome::error(), now);
        }
        self.step(now, granted);
    }

    /// Does what time alone does; due at [`next_wake`](Self::next_wake).
    pub fn tick(&mut self, now: Instant, granted: &mut Vec<K>) {
        self.step(now, granted);
    }

    /// When the next [`tick`](Self::tick) is due.
    pub fn next_wake(&self) -> Option<Instant> {
        let judged = self.trial.as_ref().and_then(|trial| trial.up_since);
        let judged = judged.map(|since| since + self.stay_up);
        [judged, self.machine.next_tick()].into_iter().flatten().min()
    }

    /// The state of the breaker.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// When an open breaker begins to try again.
    pub fn open_until(&self) -> Option<Instant> {
        self.machine.open_until()
    }

    /// The changes of state since the last call, oldest first; the oldest of very many are lost.
    pub fn take_changes(&mut self) -> Vec<steadfast_breaker::Event> {
        self.machine.take_changes()
    }

    /// Restarts that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Closes the breaker and forgets what it counted.
    pub fn reset(&mut self, now: Instant, granted: &mut Vec<K>) {
        self.trial = None;
        self.machine.reset(now);
        self.step(now, granted);
    }

    fn step(&mut self, now: Instant, granted: &mut Vec<K>) {
        self.machine.tick(now);
        self.judge(now);
        if self.trial.as_ref().is_some_and(|trial| trial.ticket.epoch() != self.machine.epoch()) {
            self.trial = None;
        }
        while let Some((place, key)) = self.waiting.pop_first() {
            if self.admit(&key, now) {
                self.places.remove(&key);
                granted.push(key);
            } else {
                self.waiting.insert(place, key);
                return;
            }
        }
    }

    /// Whether a restart may start now. While closed it is counted first: the one that exceeds
    /// the limit opens the breaker and waits.
    fn admit(&mut self, key: &K, now: Instant) -> bool {
        let Ok(ticket) = self.machine.admit(now) else { return false };
        if ticket.is_probe() {
            self.trial = Some(Trial { key: key.clone(), ticket, up_since: None });
            return true;
        }
        self.machine.finish(ticket, Outcome::error(), now);
        self.machine.state() == State::Closed
    }

    /// Counts a trial that has stayed up for long enough.
    fn judge(&mut self, now: Instant) {
        let stay_up = self.stay_up;
        let stayed = |since: Instant| now.saturating_duration_since(since) >= stay_up;
        if let Some(trial) = self.trial.take_if(|trial| trial.up_since.is_some_and(stayed)) {
            self.machine.finish(trial.ticket, Outcome::Success, now);
        }
    }
}
