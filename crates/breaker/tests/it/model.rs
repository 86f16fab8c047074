//! Random histories against a slow and obvious model that remembers everything.

use std::time::Duration;

use proptest::prelude::*;
use steadfast_base::{Instant, VirtualClock};
use steadfast_breaker::{
    AfterProbeWait, CircuitBreaker, Config, OnDrop, OpenWait, Outcome, Permit, ProbeVerdict,
    ProbeWait, Recovery, State, Window,
};

/// A breaker written to be read: no ring, no buckets, no epoch tricks, no speed.
struct Model {
    config: Config,
    now: Instant,
    state: State,
    period: u32,
    until: Instant,
    attempt: u32,
    /// Every result of this period: when, failed, slow.
    results: Vec<(Instant, bool, bool)>,
    /// What the window held when the breaker opened.
    opened_with: (u32, u32, u32),
    probes: Vec<Probe>,
    probes_started: u32,
    not_permitted: u64,
    successes: u64,
    failures: u64,
    rejected: u64,
    late: u64,
}

#[derive(Clone, Copy, PartialEq)]
struct Probe {
    number: u32,
    since: Instant,
    by_hand: bool,
}

#[derive(Clone, Copy)]
struct ModelTicket {
    period: u32,
    probe: Option<u32>,
    started: Instant,
}

impl Model {
    fn new(config: Config) -> Self {
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
        }
    }

    fn enter(&mut self, state: State) {
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

    fn open(&mut self, at: Instant, wait: Option<Duration>) {
        if self.state == State::HalfOpen {
            self.attempt += 1;
        }
        self.until = at + wait.unwrap_or(self.config.open_wait.after(self.attempt));
        self.enter(State::Open);
    }

    fn window(&self) -> (u32, u32, u32) {
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
    fn settle(&mut self, for_a_call: bool) {
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

    fn acquire(&mut self, by_hand: bool) -> Option<ModelTicket> {
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

    fn finish(&mut self, ticket: ModelTicket, outcome: Outcome) {
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

    fn record(&mut self, outcome: Outcome, took: Duration) {
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

    fn abandon(&mut self, ticket: ModelTicket) {
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
        } else if ticket.period == self.period {
            self.probes.retain(|probe| Some(probe.number) != ticket.probe);
        }
    }

    fn take_in(&mut self, outcome: Outcome, took: Duration, current: bool) {
        if outcome == Outcome::Ignored {
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

    fn capacity(&self) -> u32 {
        match self.config.window {
            Window::Calls(calls) => calls,
            _ => u32::MAX,
        }
    }

    fn rate_exceeded(&self, min: u32) -> bool {
        let (total, failed, slow) = self.window();
        let reaches = |part: u32, threshold: Option<f64>| {
            threshold.is_some_and(|rate| f64::from(part) / f64::from(total) >= rate)
        };
        total >= min
            && (reaches(failed, self.config.failure_rate) || reaches(slow, self.config.slow_rate))
    }

    fn streak(&self) -> u32 {
        let row = self.results.iter().rev().take_while(|result| result.1).count();
        u32::try_from(row).expect("small")
    }

    fn is_exceeded(&self, min: u32) -> bool {
        let row = self.config.consecutive_failures.is_some_and(|row| self.streak() >= row);
        let limit = self.config.failure_limit.is_some_and(|limit| {
            let fresh = |at: Instant| self.now - at < limit.within;
            let recent = self.results.iter().filter(|result| result.1 && fresh(result.0)).count();
            recent > limit.failures as usize
        });
        row || limit || self.rate_exceeded(min)
    }

    fn judge_closed(&mut self) {
        if self.is_exceeded(self.config.min_calls.min(self.capacity())) {
            self.open(self.now, None);
        }
    }

    fn judge_probing(&mut self, bad: bool) {
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

    fn set_state(&mut self, state: State) -> bool {
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

#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire,
    Finish(usize, char),
    Drop(usize),
    Cancel(usize),
    Calls(u32, char),
    Allowed,
    Record(char, u64),
    Advance(u64),
    SetState(State),
    OpenFor(u64),
    Reset,
    Look,
}

fn outcome() -> impl Strategy<Value = char> {
    prop_oneof![4 => Just('s'), 3 => Just('e'), 1 => Just('i')]
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Closed,
        State::Open,
        State::HalfOpen,
        State::ForcedOpen,
        State::Disabled,
        State::MetricsOnly,
    ])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Acquire),
        6 => (0_usize..8, outcome()).prop_map(|(index, outcome)| Step::Finish(index, outcome)),
        2 => (0_usize..8).prop_map(Step::Drop),
        1 => (0_usize..8).prop_map(Step::Cancel),
        6 => (1_u32..60, outcome()).prop_map(|(calls, outcome)| Step::Calls(calls, outcome)),
        3 => (1_u32..4, outcome()).prop_map(|(calls, outcome)| Step::Calls(calls, outcome)),
        1 => Just(Step::Allowed),
        2 => (outcome(), 0_u64..3_000).prop_map(|(outcome, took)| Step::Record(outcome, took)),
        6 => (1_u64..3_000).prop_map(Step::Advance),
        1 => state().prop_map(Step::SetState),
        1 => (1_u64..5_000).prop_map(Step::OpenFor),
        1 => Just(Step::Reset),
        3 => Just(Step::Look),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let rate = || prop::option::of(prop::sample::select(vec![0.1, 0.3, 0.5, 0.75, 1.0]));
    let window = prop_oneof![
        prop::sample::select(vec![1, 4, 10, 63, 64, 100]).prop_map(Window::Calls),
        (2_u64..12).prop_map(|seconds| Window::Time(Duration::from_secs(seconds))),
    ];
    let verdict =
        prop_oneof![Just(ProbeVerdict::Rate), (1_u32..4).prop_map(ProbeVerdict::Successes)];
    let wait = prop_oneof![
        Just(ProbeWait::OpenWait),
        Just(ProbeWait::Unlimited),
        (100_u64..3_000).prop_map(|wait| ProbeWait::For(Duration::from_millis(wait)))
    ];
    let then = prop_oneof![Just(AfterProbeWait::Open), Just(AfterProbeWait::Closed)];
    let recovery = prop_oneof![Just(Recovery::Lazy), Just(Recovery::Automatic)];
    let on_drop =
        prop_oneof![Just(OnDrop::SlowIsFailure), Just(OnDrop::Release), Just(OnDrop::Failure)];
    let limit = prop::option::of((0_u32..6, 500_u64..8_000));
    (
        (window, 1_u32..12, rate(), rate(), prop::option::of(1_u32..8), limit),
        (verdict, 1_u32..5, wait, then),
        (recovery, on_drop, 500_u64..4_000, prop::sample::select(vec![1.0, 1.5, 2.0])),
    )
        .prop_map(|(closed, probing, rest)| {
            let (window, min_calls, failure_rate, slow_rate, row, limit) = closed;
            let mut builder = Config::builder().window(window).min_calls(min_calls);
            builder = failure_rate
                .map_or(builder.clone().no_failure_rate(), |rate| builder.failure_rate(rate));
            builder = slow_rate.map_or(builder.clone().no_slow_rate(), |rate| {
                builder.slow_rate(Duration::from_secs(1), rate)
            });
            builder = row.map_or(builder.clone().no_consecutive_failures(), |row| {
                builder.consecutive_failures(row)
            });
            if let Some((failures, within)) = limit {
                builder = builder.failure_limit(failures, Duration::from_millis(within));
            }
            let (verdict, calls, wait, then) = probing;
            let (recovery, on_drop, open_wait, factor) = rest;
            let builder = builder
                .probes(calls, verdict)
                .probe_wait(wait, then)
                .recovery(recovery)
                .on_drop(on_drop)
                .open_wait(Duration::from_millis(open_wait))
                .open_wait_growth(factor, OpenWait::default().max);
            builder.build()
        })
        .prop_filter_map("at least one rule, and a rate to judge by", Result::ok)
}

struct Run {
    clock: VirtualClock,
    breaker: CircuitBreaker,
    model: Model,
    permits: Vec<(Permit<'static>, ModelTicket)>,
}

impl Run {
    fn new(config: Config) -> Self {
        let clock = VirtualClock::new();
        let breaker =
            CircuitBreaker::new("model", config.clone(), clock.time()).expect("valid settings");
        Self { clock, breaker, model: Model::new(config), permits: Vec::new() }
    }

    fn take(&mut self, index: usize) -> Option<(Permit<'static>, ModelTicket)> {
        (!self.permits.is_empty()).then(|| self.permits.remove(index % self.permits.len()))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Acquire => {
                let (ours, model) = (self.breaker.acquire_owned(), self.model.acquire(false));
                assert_eq!(ours.is_ok(), model.is_some(), "admission");
                self.permits.extend(ours.ok().zip(model));
            }
            Step::Finish(index, letter) => {
                if let Some((permit, ticket)) = self.take(index) {
                    permit.finish(crate::bench::outcome(letter));
                    self.model.finish(ticket, crate::bench::outcome(letter));
                }
            }
            Step::Drop(index) => {
                if let Some((permit, ticket)) = self.take(index) {
                    drop(permit);
                    self.model.abandon(ticket);
                }
            }
            Step::Cancel(index) => {
                if let Some((permit, ticket)) = self.take(index) {
                    permit.cancel();
                    self.model.settle(false);
                    if ticket.period == self.model.period {
                        self.model.probes.retain(|probe| Some(probe.number) != ticket.probe);
                    }
                }
            }
            Step::Calls(calls, letter) => self.calls(calls, crate::bench::outcome(letter)),
            Step::Allowed => {
                assert_eq!(self.breaker.is_allowed(), self.model.acquire(true).is_some());
            }
            Step::Record(letter, took) => {
                let (outcome, took) = (crate::bench::outcome(letter), Duration::from_millis(took));
                self.breaker.record(outcome, took);
                self.model.record(outcome, took);
            }
            Step::Advance(millis) => {
                self.clock.advance(Duration::from_millis(millis));
                self.model.now += Duration::from_millis(millis);
            }
            Step::SetState(state) => {
                assert_eq!(self.breaker.set_state(state).is_ok(), self.model.set_state(state));
            }
            Step::OpenFor(millis) => {
                let wait = Duration::from_millis(millis);
                self.breaker.open_for(wait);
                self.model.settle(false);
                if self.model.state == State::Open {
                    self.model.until = self.model.now + wait;
                } else {
                    self.model.open(self.model.now, Some(wait));
                }
            }
            Step::Reset => {
                self.breaker.reset();
                self.model.settle(false);
                self.model.enter(State::Closed);
            }
            Step::Look => self.look(),
        }
        self.model.settle(false);
        assert_eq!(self.breaker.state(), self.model.state, "state");
    }

    fn calls(&mut self, calls: u32, outcome: Outcome) {
        let classify = |_: &Result<(), ()>| outcome;
        for _ in 0..calls {
            let ours = self.breaker.call_with(&classify, || Ok(()));
            let ticket = self.model.acquire(false);
            assert_eq!(ours.is_ok(), ticket.is_some(), "admission of a call");
            if let Some(ticket) = ticket {
                self.model.finish(ticket, outcome);
            }
        }
    }

    fn look(&mut self) {
        self.model.settle(false);
        let metrics = self.breaker.metrics();
        let window = (metrics.window.total, metrics.window.failed, metrics.window.slow);
        assert_eq!(window, self.model.window(), "window");
        assert_eq!(metrics.epoch, self.model.period, "epoch");
        assert_eq!(metrics.attempt, self.model.attempt, "attempt");
        assert_eq!(metrics.not_permitted, self.model.not_permitted, "not permitted");
        assert_eq!(metrics.probes as usize, self.model.probes.len(), "probes");
        let totals = metrics.totals;
        assert_eq!(totals.successes, self.model.successes, "successes");
        assert_eq!(totals.failures, self.model.failures, "failures");
        assert_eq!(totals.rejected, self.model.rejected, "rejected");
        assert_eq!(totals.late, self.model.late, "late");
        if self.model.state != State::Open {
            assert_eq!(metrics.consecutive_failures, self.model.streak(), "failures in a row");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_breaker_does_what_the_model_does(
        config in config(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut run = Run::new(config);
        for step in steps {
            run.step(step);
        }
        run.look();
    }
}
