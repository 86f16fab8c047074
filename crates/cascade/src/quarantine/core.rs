//! The decisions of a quarantine: stepped with the time and an input.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use steadfast_base::Instant;

use super::QuarantineConfig;
use super::window::Window;

/// See the module.
#[derive(Debug)]
pub(super) struct Core<K> {
    pub(super) config: QuarantineConfig,
    keys: HashMap<K, Entry>,
    /// Watched keys by their stamps: the one used longest ago first.
    watched: BTreeMap<u64, K>,
    /// Blocked keys: the one whose time is over first.
    blocked: BTreeMap<(Instant, u64), K>,
    /// The last stamp.
    stamp: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its place among the watched or the blocked.
    stamp: u64,
    /// Calls admitted under another one count for nothing.
    epoch: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Watched(Window),
    Blocked(Block),
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// A probe may go then; if one is out, it counts as failed then.
    until: Instant,
    ttl: Duration,
    probing: bool,
}

/// What an admitted call has to bring back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    epoch: u64,
    pub(super) is_probe: bool,
}

/// What a result changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Blocked(Duration),
    Released,
}

/// A blocked key and its block.
pub(super) type Listed<K> = (K, Instant, Duration, bool);

impl<K: Hash + Eq + Clone> Core<K> {
    pub(super) fn new(config: QuarantineConfig) -> Self {
        Self {
            config,
            keys: HashMap::new(),
            watched: BTreeMap::new(),
            blocked: BTreeMap::new(),
            stamp: 0,
        }
    }

    /// Admits a call, or says how long to stay away.
    pub(super) fn acquire(&mut self, key: &K, now: Instant) -> Result<Ticket, Duration> {
        match self.keys.get(key).map(|entry| (entry.epoch, entry.state)) {
            None => {
                let epoch = self.watch(key, Window::default());
                Ok(Ticket { epoch, is_probe: false })
            }
            Some((epoch, State::Watched(_))) => {
                self.touch(key);
                Ok(Ticket { epoch, is_probe: false })
            }
            Some((_, State::Blocked(block))) => {
                let block = self.overdue(key, block, now);
                if now < block.until {
                    return Err(block.until.saturating_duration_since(now));
                }
                let until = now + block.ttl;
                let epoch = self.block(key, Block { until, probing: true, ..block });
                Ok(Ticket { epoch, is_probe: true })
            }
        }
    }

    /// Takes the result of an admitted call in.
    pub(super) fn finish(
        &mut self,
        key: &K,
        ticket: Ticket,
        crashed: bool,
        now: Instant,
    ) -> Option<Change> {
        let config = self.config;
        let entry = self.keys.get_mut(key).filter(|entry| entry.epoch == ticket.epoch)?;
        match &mut entry.state {
            State::Watched(window) => {
                let (calls, crashes) = window.add(now, config.window, crashed);
                let enough = crashes >= u64::from(config.crashes_min);
                #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
                let share = crashes as f64 / calls.max(1) as f64;
                (crashed && enough && share >= config.crash_ratio)
                    .then(|| self.begin(key, config.ttl, now))
            }
            State::Blocked(block) if crashed => {
                let ttl = block.ttl.saturating_mul(2).min(config.ttl_max);
                Some(self.begin(key, ttl, now))
            }
            State::Blocked(_) => {
                self.watch(key, Window::default());
                Some(Change::Released)
            }
        }
    }

    /// An admitted call came to nothing: a probe may go again.
    pub(super) fn cancel(&mut self, key: &K, ticket: Ticket, now: Instant) {
        let Some(entry) = self.keys.get(key).filter(|entry| entry.epoch == ticket.epoch) else {
            return;
        };
        if let State::Blocked(block) = entry.state {
            self.block(key, Block { until: now, probing: false, ..block });
        }
    }

    /// Blocks a key, whatever is known of it.
    pub(super) fn begin(&mut self, key: &K, ttl: Duration, now: Instant) -> Change {
        self.block(key, Block { until: now + ttl, ttl, probing: false });
        Change::Blocked(ttl)
    }

    /// Frees a key and forgets its past; false if it was not blocked.
    pub(super) fn release(&mut self, key: &K) -> bool {
        let is_blocked = self.is_blocked(key);
        if is_blocked {
            self.watch(key, Window::default());
        }
        is_blocked
    }

    pub(super) fn is_blocked(&self, key: &K) -> bool {
        self.keys.get(key).is_some_and(|entry| matches!(entry.state, State::Blocked(_)))
    }

    /// All blocked keys, by the end of their time.
    pub(super) fn list(&self) -> Vec<Listed<K>> {
        let of = |key: &K| match self.keys.get(key)?.state {
            State::Blocked(block) => Some((key.clone(), block.until, block.ttl, block.probing)),
            State::Watched(_) => None,
        };
        self.blocked.values().filter_map(of).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn reconfigure(&mut self, config: QuarantineConfig) {
        if config.window != self.config.window {
            // Steps of another length say nothing.
            for entry in self.keys.values_mut() {
                if let State::Watched(window) = &mut entry.state {
                    *window = Window::default();
                }
            }
        }
        self.config = config;
        while self.keys.len() > config.keys_max {
            self.evict();
        }
    }

    /// A probe that does not come back within the time of its block has failed.
    fn overdue(&mut self, key: &K, block: Block, now: Instant) -> Block {
        if !block.probing || now < block.until {
            return block;
        }
        let ttl = block.ttl.saturating_mul(2).min(self.config.ttl_max);
        let block = Block { until: block.until + ttl, ttl, probing: false };
        self.block(key, block);
        block
    }

    /// Watches a key in a new epoch.
    fn watch(&mut self, key: &K, window: Window) -> u64 {
        let epoch = self.place(key, State::Watched(window));
        self.watched.insert(epoch, key.clone());
        epoch
    }

    /// Blocks a key in a new epoch.
    fn block(&mut self, key: &K, block: Block) -> u64 {
        let epoch = self.place(key, State::Blocked(block));
        self.blocked.insert((block.until, epoch), key.clone());
        epoch
    }

    /// Gives a key a state, a stamp and an epoch, and makes room for it.
    fn place(&mut self, key: &K, state: State) -> u64 {
        self.unlist(key);
        if !self.keys.contains_key(key) && self.keys.len() >= self.config.keys_max {
            self.evict();
        }
        self.stamp += 1;
        let entry = Entry { stamp: self.stamp, epoch: self.stamp, state };
        self.keys.insert(key.clone(), entry);
        self.stamp
    }

    /// A watched key was used.
    fn touch(&mut self, key: &K) {
        let Some(entry) = self.keys.get_mut(key) else { return };
        self.stamp += 1;
        if let Some(known) = self.watched.remove(&entry.stamp) {
            self.watched.insert(self.stamp, known);
        }
        entry.stamp = self.stamp;
    }

    fn unlist(&mut self, key: &K) {
        let Some(entry) = self.keys.get(key) else { return };
        match entry.state {
            State::Watched(_) => drop(self.watched.remove(&entry.stamp)),
            State::Blocked(block) => drop(self.blocked.remove(&(block.until, entry.stamp))),
        }
    }

    /// Forgets the watched key used longest ago, or else the blocked one whose time is over first.
    fn evict(&mut self) {
        let key = self.watched.pop_first().map(|(_, key)| key);
        let key = key.or_else(|| self.blocked.pop_first().map(|(_, key)| key));
        if let Some(key) = key {
            self.keys.remove(&key);
        }
    }
}
