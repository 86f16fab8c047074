//! Random histories against a slow and obvious model that remembers everything.

mod reference;

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::VirtualClock;
use steadfast_breaker::{
    AfterProbeWait, CircuitBreaker, Config, OnDrop, OpenWait, Outcome, Permit, ProbeVerdict,
    ProbeWait, Recovery, State, Window,
};

use self::reference::{Model, ModelTicket};

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
