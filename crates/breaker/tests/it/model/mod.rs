//! Random histories against a slow and obvious model that remembers everything.

mod reference;
mod run;

use std::time::Duration;

use proptest::prelude::*;

use steadfast_breaker::{
    AfterProbeWait, Config, OnDrop, OpenWait, ProbeVerdict, ProbeWait, Recovery, State, Window,
};

use self::run::{Run, Step};

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
