//! The model: a breaker written to be read.

use std::time::Duration;

use steadfast_base::Instant;
use steadfast_breaker::{
    AfterProbeWait, Config, OnDrop, Outcome, ProbeVerdict, ProbeWait, Recovery, State, Window,
};

/// A breaker written to be read: no ring, no buckets, no epoch tricks, no speed.
pub(super) struct Model {
    pub(super) config: Config,
    pub(super) now: Instant,
    pub(super) state: State,
    pub(super) period: u32,
    pub(super) until: Instant,
    pub(super) attempt: u32,
    /// Every result of this period: when, failed, slow.
    pub(super) results: Vec<(Instant, bool, bool)>,
    /// What the window held when the breaker opened.
    pub(super) opened_with: (u32, u32, u32),
    pub(super) probes: Vec<Probe>,
    pub(super) probes_started: u32,
    pub(super) not_permitted: u64,
    pub(super) successes: u64,
    pub(super) failures: u64,
    pub(super) rejected: u64,
    pub(super) late: u64,
    pub(super) ignored: u64,
    pub(super) dropped: u64,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) struct Probe {
    pub(super) number: u32,
    pub(super) since: Instant,
    by_hand: bool,
}

#[derive(Clone, Copy)]
pub(super) struct ModelTicket {
    pub(super) period: u32,
    pub(super) probe: Option<u32>,
    pub(super) started: Instant,
}

impl Model {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            now: Instant::ZERO,
            state: State::Closed,
            period: 1,
            until: Instant::ZERO,
            attempt: 0,
            results: Vec::new(),
            opened_with: (0, 0, 0),
            probes: Vec::new(),
            probes_started: 0,
            not_permitted: 0,
            successes: 0,
            failures: 0,
            rejected: 0,
            late: 0,
            ignored: 0,
            dropped: 0,
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        if state == State::Open {
            self.opened_with = self.window();
        }
        self.state = state;
        self.period += 1;
        self.results.clear();
        self.probes.clear();
        self.not_permitted = 0;
        if state == State::Closed {
            self.attempt = 0;
        }
    }

    pub(super) fn open(&mut self, at: Instant, wait: Option<Duration>) {
        if self.state == State::HalfOpen {
            self.attempt += 1;
        }
        self.until = at + wait.unwrap_or(self.config.open_wait.after(self.attempt));
        self.enter(State::Open);
    }

    pub(super) fn window(&self) -> (u32, u32, u32) {
        if self.state == State::Open {
            return self.opened_with;
        }
        let inside: Vec<_> = match (self.state, self.config.window) {
            (State::HalfOpen, _) => self.results.iter().collect(),
            (_, Window::Calls(calls)) => self.results.iter().rev().take(calls as usize).collect(),
            (_, Window::Time(length)) => {
                let second = |at: Instant| at.as_nanos() / 1_000_000_000;
                let oldest = (second(self.now) + 1).saturating_sub(length.as_secs());
                self.results.iter().filter(|result| second(result.0) >= oldest).collect()
            }
            _ => unreachable!("the configurations below have these windows"),
        };
        let count = |which: fn(&(Instant, bool, bool)) -> bool| {
            u32::try_from(inside.iter().filter(|result| which(result)).count()).expect("small")
        };
        (count(|_| true), count(|result| result.1), count(|result| result.2))
    }

    /// What time alone brings.
    pub(super) fn settle(&mut self, for_a_call: bool) {
        let wait = match self.config.half_open.max_wait {
            ProbeWait::OpenWait => Some(self.config.open_wait.initial),
            ProbeWait::For(wait) => Some(wait),
            _ => None,
        };
        if let (State::HalfOpen, Some(wait)) = (self.state, wait) {
            let end = self.probes.iter().map(|probe| probe.since + wait).min();
            if let Some(end) = end.filter(|&end| end <= self.now) {
                match self.config.half_open.then {
                    AfterProbeWait::Open => self.open(end, None),
                    _ => self.enter(State::Closed),
                }
            }
        }
        let automatic = self.config.recovery == Recovery::Automatic;
        if self.state == State::Open && self.until <= self.now && (for_a_call || automatic) {
            self.enter(State::HalfOpen);
        }
    }

    pub(super) fn acquire(&mut self, by_hand: bool) -> Option<ModelTicket> {
        self.settle(true);
        let taken = match self.config.half_open.verdict {
            ProbeVerdict::Rate => self.probes.len() + self.results.len(),
            _ => self.probes.len(),
        };
        let admitted = match self.state {
            State::Closed | State::Disabled | State::MetricsOnly => true,
            State::Open | State::ForcedOpen => false,
            State::HalfOpen => taken < self.config.half_open.calls as usize,
        };
        if !admitted {
            self.not_permitted += 1;
            self.rejected += 1;
            return None;
        }
        let mut probe = None;
        if self.state == State::HalfOpen {
            self.probes_started += 1;
            probe = Some(self.probes_started);
            let number = self.probes_started;
            self.probes.push(Probe { number, since: self.now, by_hand });
        }
        Some(ModelTicket { period: self.period, probe, started: self.now })
    }

    pub(super) fn finish(&mut self, ticket: ModelTicket, outcome: Outcome) {
        self.settle(false);
        if self.state == State::Disabled {
            return;
        }
        let current = ticket.period == self.period;
        if current {
            self.probes.retain(|probe| Some(probe.number) != ticket.probe);
        }
        self.take_in(outcome, self.now - ticket.started, current);
    }

    pub(super) fn record(&mut self, outcome: Outcome, took: Duration) {
        self.settle(false);
        if self.state == State::Disabled {
            return;
        }
        let by_hand = self.probes.iter().position(|probe| probe.by_hand);
        let current = match self.state {
            State::Closed | State::MetricsOnly => true,
            State::HalfOpen => by_hand.is_some(),
            _ => false,
        };
        if let (State::HalfOpen, Some(index)) = (self.state, by_hand) {
            self.probes.remove(index);
        }
        self.take_in(outcome, took, current);
    }

    pub(super) fn abandon(&mut self, ticket: ModelTicket) {
        self.settle(false);
        let took = self.now - ticket.started;
        let counts = match self.config.on_drop {
            OnDrop::SlowIsFailure => took >= self.config.slow_call,
            OnDrop::Release => false,
            _ => true,
        };
        if counts {
            let earlier =
                if took == self.config.slow_call && self.config.on_drop == OnDrop::SlowIsFailure {
                    ticket.started - Duration::from_nanos(1)
                } else {
                    ticket.started
                };
            // One nanosecond earlier than zero is not there; no run drops a call at its slow threshold then.
            self.finish(ModelTicket { started: earlier, ..ticket }, Outcome::error());
        } else {
            self.cancel(ticket);
        }
    }

    pub(super) fn cancel(&mut self, ticket: ModelTicket) {
        self.settle(false);
        if self.state == State::Disabled {
            return;
        }
        self.dropped += 1;
        if ticket.period == self.period {
            self.probes.retain(|probe| Some(probe.number) != ticket.probe);
        }
    }

    pub(super) fn take_in(&mut self, outcome: Outcome, took: Duration, current: bool) {
        if outcome == Outcome::Ignored {
            self.ignored += 1;
            return;
        }
        let (failed, slow) =
            (outcome.is_failure(), took > self.config.slow_call && self.config.slow_rate.is_some());
        self.successes += u64::from(!failed);
        self.failures += u64::from(failed);
        let judged = matches!(self.state, State::Closed | State::MetricsOnly | State::HalfOpen);
        if !current || !judged {
            self.late += 1;
            return;
        }
        self.results.push((self.now, failed, slow));
        match self.state {
            State::Closed => self.judge_closed(),
            State::HalfOpen => self.judge_probing(failed || slow),
            _ => {}
        }
    }

    pub(super) fn capacity(&self) -> u32 {
        match self.config.window {
            Window::Calls(calls) => calls,
            _ => u32::MAX,
        }
    }

    pub(super) fn rate_exceeded(&self, min: u32) -> bool {
        let (total, failed, slow) = self.window();
        let reaches = |part: u32, threshold: Option<f64>| {
            threshold.is_some_and(|rate| f64::from(part) / f64::from(total) >= rate)
        };
        total >= min
            && (reaches(failed, self.config.failure_rate) || reaches(slow, self.config.slow_rate))
    }

    pub(super) fn streak(&self) -> u32 {
        let row = self.results.iter().rev().take_while(|result| result.1).count();
        u32::try_from(row).expect("small")
    }

    pub(super) fn is_exceeded(&self, min: u32) -> bool {
        let row = self.config.consecutive_failures.is_some_and(|row| self.streak() >= row);
        let limit = self.config.failure_limit.is_some_and(|limit| {
            let fresh = |at: Instant| self.now - at < limit.within;
            let recent = self.results.iter().filter(|result| result.1 && fresh(result.0)).count();
            recent > limit.failures as usize
        });
        row || limit || self.rate_exceeded(min)
    }

    pub(super) fn judge_closed(&mut self) {
        if self.is_exceeded(self.config.min_calls.min(self.capacity())) {
            self.open(self.now, None);
        }
    }

    pub(super) fn judge_probing(&mut self, bad: bool) {
        match self.config.half_open.verdict {
            ProbeVerdict::Successes(_) if bad => self.open(self.now, None),
            ProbeVerdict::Successes(needed) => {
                if self.results.len() >= needed as usize {
                    self.enter(State::Closed);
                }
            }
            _ => {
                let judged_at = self.config.min_calls.min(self.config.half_open.calls).max(1);
                if self.results.len() < judged_at as usize {
                    return;
                }
                if self.rate_exceeded(judged_at) {
                    self.open(self.now, None);
                } else {
                    self.enter(State::Closed);
                }
            }
        }
    }

    pub(super) fn set_state(&mut self, state: State) -> bool {
        self.settle(false);
        match (self.state, state) {
            (from, to) if from == to => {}
            (State::Closed, State::HalfOpen) => return false,
            (_, State::Open) => self.open(self.now, None),
            (_, to) => self.enter(to),
        }
        true
    }
}
