//! Compositions that are refused, each with the way out.

use steadfast_base::Time;
use steadfast_breaker::{CircuitBreaker, Config, ConfigBuilder, OnDrop, ProbeVerdict};
use steadfast_policy::{
    Budget, BudgetSettings, ConfigError, Environment, Fallback, Layer, Layers, Pipeline,
    PipelineBuilder, Profile, Retry, names,
};

use crate::bench::ms;

fn breaker(config: ConfigBuilder) -> CircuitBreaker {
    let config = config.build().expect("valid");
    CircuitBreaker::new("b", config, Time::system()).expect("valid")
}

fn default_breaker() -> CircuitBreaker {
    breaker(Config::builder())
}

/// The problems of a pipeline, and that each of them is where it belongs.
fn problems<L: Layers>(builder: PipelineBuilder<L>) -> Vec<String> {
    let error = builder.build().map(|_| ()).expect_err("refused");
    error.faults().iter().map(ToString::to_string).collect()
}

fn assert_one<L: Layers>(builder: PipelineBuilder<L>, wrong: &str, fix: &str) {
    let problems = problems(builder);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.first().expect("one");
    assert!(problem.contains(wrong) && problem.contains(fix), "{problem}");
}

fn pipeline() -> PipelineBuilder<steadfast_policy::Bare> {
    Pipeline::builder()
}

/// A layer of a kind that does nothing.
struct Kind(Profile);

impl Kind {
    fn new(kind: &'static str) -> Self {
        Self(Profile::new(kind))
    }
}

impl Layer for Kind {
    type Stage = steadfast_policy::Bare;

    fn profile(&self) -> Profile {
        self.0.clone()
    }

    fn into_stage(self, _environment: &Environment) -> steadfast_policy::Bare {
        steadfast_policy::Bare
    }
}

#[test]
fn the_recommended_order_is_accepted() -> Result<(), ConfigError> {
    let budget = Budget::new(BudgetSettings::default())?;
    pipeline()
        .total_deadline(ms(2_000))
        .fallback(Fallback::value(0))
        .retry(Retry::default().budget(&budget))
        .layer(Kind::new(names::HEDGE))
        .breaker(default_breaker())
        .bulkhead(Kind::new(names::BULKHEAD))
        .attempt_timeout(ms(500))
        .chaos(Kind::new(names::CHAOS))
        .build()
        .map(|_| ())
}

#[test]
fn a_retry_inside_a_breaker_needs_a_budget() {
    let builder = pipeline().breaker(default_breaker()).retry(Retry::default());
    assert_one(builder, "retry inside breaker has no budget", "give the retry a budget");
    let budget = Budget::new(BudgetSettings::default()).unwrap();
    let retry = Retry::default().budget(&budget);
    assert!(pipeline().breaker(default_breaker()).retry(retry).build().is_ok());
}

#[test]
fn a_time_limit_outside_a_breaker_that_releases_drops_is_refused() {
    let releasing = || breaker(Config::builder().on_drop(OnDrop::Release));
    let builder = pipeline().attempt_timeout(ms(500)).breaker(releasing());
    assert_one(builder, "never sees a time-out", "slow_is_failure");
    let builder = pipeline().total_deadline(ms(500)).breaker(releasing());
    assert_one(builder, "never sees a time-out", "attempt_timeout after the breaker");
    assert!(pipeline().breaker(releasing()).attempt_timeout(ms(500)).build().is_ok());
    assert!(pipeline().attempt_timeout(ms(500)).breaker(default_breaker()).build().is_ok());
}

#[test]
fn copies_of_a_call_need_it_to_be_idempotent() {
    let hedge = || Kind(Profile::new(names::HEDGE).duplicating());
    assert_one(pipeline().hedge(hedge()), "not marked idempotent", "idempotent()");
    assert!(pipeline().idempotent().hedge(hedge()).build().is_ok());
}

#[test]
fn fewer_probes_than_min_calls_cannot_be_judged_by_rate() {
    let config = Config::builder().min_calls(10).probes(4, ProbeVerdict::Rate);
    assert_one(pipeline().breaker(breaker(config)), "half_open.calls", "lower min_calls");
    let config = Config::builder().min_calls(4).probes(4, ProbeVerdict::Rate);
    assert!(pipeline().breaker(breaker(config)).build().is_ok());
}

#[test]
fn a_second_retry_is_refused() {
    let builder = pipeline().retry(Retry::default()).retry(Retry::default());
    assert_one(builder, "retry is there 2 times", "keep one");
}

#[test]
fn chaos_belongs_innermost() {
    let builder = pipeline().chaos(Kind::new(names::CHAOS)).attempt_timeout(ms(1));
    assert_one(builder, "chaos outside timeout", "add chaos last");
}

#[test]
fn a_fallback_inside_hides_errors_from_the_policies_around_it() {
    let builder = pipeline().retry(Retry::default()).fallback(Fallback::value(0));
    assert_one(builder, "fallback inside retry", "before the retry");
    let builder = pipeline().breaker(default_breaker()).fallback(Fallback::value(0));
    assert_one(builder, "fallback inside breaker", "before the breaker");
}

#[test]
fn limits_of_time_have_their_side_of_the_retry() {
    let builder = pipeline().attempt_timeout(ms(500)).retry(Retry::default());
    assert_one(builder, "timeout outside retry", "total_deadline");
    let builder = pipeline().retry(Retry::default()).total_deadline(ms(500));
    assert_one(builder, "total-deadline inside retry", "attempt_timeout");
    let builder = pipeline().total_deadline(ms(500)).attempt_timeout(ms(501));
    assert_one(builder, "never comes into force", "make it the shorter one");
}

#[test]
fn every_fault_is_listed_settings_first() {
    let builder = pipeline()
        .attempt_timeout(ms(0))
        .retry(Retry::default().max_attempts(0).jitter(7.0))
        .fallback(Fallback::value(0));
    let problems = problems(builder);
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(problems[0].starts_with("timeout is zero"));
    assert!(problems[1].starts_with("retry.max_attempts is 0"));
    assert!(problems[2].starts_with("retry.jitter is 7"));
}
