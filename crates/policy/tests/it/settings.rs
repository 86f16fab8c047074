//! Settings put in force in a running pipeline.

use std::cell::Cell;

use steadfast_base::Time;
use steadfast_breaker::{CircuitBreaker, Config, OnDrop, State};
use steadfast_policy::{
    Budget, BudgetSettings, Bulkhead, BulkheadConfig, PipelineSettings, Reload, Retry,
    RetrySettings, names,
};

use crate::bench::{Bench, Script, ms};

fn with_attempts(max_attempts: u32) -> PipelineSettings {
    let mut retry = RetrySettings::default();
    retry.max_attempts = max_attempts;
    let mut settings = PipelineSettings::default();
    settings.retry = Some(retry);
    settings
}

#[test]
fn every_kind_of_setting_holds_at_once() {
    let bench = Bench::new();
    let breaker = CircuitBreaker::new("b", Config::default(), bench.clock.time()).unwrap();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(10), bench.clock.time()).unwrap();
    let budget = Budget::new(BudgetSettings::default()).unwrap();
    let pipeline = bench
        .builder()
        .total_deadline(ms(60_000))
        .retry(Retry::default().budget(&budget))
        .breaker(&breaker)
        .bulkhead(bulkhead.clone())
        .attempt_timeout(ms(5_000))
        .build()
        .unwrap();
    let mut settings = with_attempts(2);
    settings.total_deadline = Some(ms(900));
    settings.attempt_timeout = Some(ms(300));
    settings.budget = Some(BudgetSettings::throttle(20, 0.5));
    settings.breaker = Some(Config::builder().consecutive_failures(2).build().unwrap());
    settings.bulkhead = Some(BulkheadConfig::new(3));
    pipeline.apply(&settings).unwrap();
    assert_eq!(bench.named(names::SETTINGS_APPLIED).len(), 1);

    let made = Cell::new(0);
    let result = bench.block_on(pipeline.run(|_| {
        made.set(made.get() + 1);
        std::future::pending::<Result<(), ()>>()
    }));
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!(made.get(), 2);
    assert!((700..=710).contains(&bench.elapsed()), "300 + about 100 + 300");
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(bulkhead.available(), 3);
    assert!((budget.tokens() - 18.0).abs() < 1e-9, "full at first, two failures since");
}

#[test]
fn faults_change_nothing_and_are_told() {
    let bench = Bench::new();
    let breaker = CircuitBreaker::new("b", Config::default(), Time::system()).unwrap();
    let builder = bench.builder().total_deadline(ms(1_000)).retry(Retry::constant(ms(1)));
    let pipeline = builder.breaker(&breaker).attempt_timeout(ms(500)).build().unwrap();
    let refused = |change: &dyn Fn(&mut PipelineSettings)| {
        let mut settings = with_attempts(7);
        change(&mut settings);
        let error = pipeline.apply(&settings).unwrap_err();
        assert_eq!(error.faults().len(), 1, "{error}");
        error.faults()[0].to_string()
    };
    let problem = refused(&|settings| settings.attempt_timeout = Some(ms(0)));
    assert!(problem.contains("timeout is zero"), "{problem}");
    let problem = refused(&|settings| settings.bulkhead = Some(BulkheadConfig::new(1)));
    assert!(problem.contains("bulkhead is set, but the pipeline has none"), "{problem}");
    let problem = refused(&|settings| settings.budget = Some(BudgetSettings::default()));
    assert!(problem.contains("no retry has one"), "{problem}");
    // Faults of the pipeline as it would be.
    let problem = refused(&|settings| settings.attempt_timeout = Some(ms(2_000)));
    assert!(problem.contains("never comes into force"), "{problem}");
    let releasing = Config::builder().on_drop(OnDrop::Release).build().unwrap();
    let problem = refused(&|settings| settings.breaker = Some(releasing.clone()));
    assert!(problem.contains("never sees a time-out"), "{problem}");
    assert_eq!(bench.named(names::SETTINGS_REFUSED).len(), 5);

    let script = Script::<()>::new(&[Err("down")]);
    bench.block_on(pipeline.run(|_| async { script.next() })).unwrap_err();
    assert_eq!(script.calls.get(), 3, "as it was");
}

#[test]
fn what_is_not_given_stays() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(Retry::constant(ms(1))).attempt_timeout(ms(50)).build();
    let pipeline = pipeline.unwrap();
    pipeline.apply(&PipelineSettings::default()).unwrap();
    let result = bench.block_on(pipeline.run(|_| std::future::pending::<Result<(), ()>>()));
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert!((150..160).contains(&bench.elapsed()));
}

#[test]
fn settings_apply_to_any_pipeline_behind_one_type() {
    let bench = Bench::new();
    let pipelines: [Box<dyn Reload>; 2] = [
        Box::new(bench.builder().name("one").retry(Retry::default()).build().unwrap()),
        Box::new(
            bench.builder().name("two").retry(Retry::default().by_recovery()).build().unwrap(),
        ),
    ];
    assert_eq!(pipelines[1].name(), "two");
    assert!(pipelines.iter().all(|pipeline| pipeline.apply(&with_attempts(4)).is_ok()));
    assert!(pipelines.iter().all(|pipeline| pipeline.check(&with_attempts(0)).is_err()));
}

#[test]
fn settings_keep_their_form() {
    let mut settings = with_attempts(4);
    settings.total_deadline = Some(ms(1_500));
    settings.budget = Some(BudgetSettings::throttle(10, 0.1));
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(
        text,
        "{\"total_deadline\":1.5,\"retry\":{\"max_attempts\":4,\"backoff\":{\"growth\":\"exponential\",\
         \"base\":0.1,\"factor\":2.0,\"max\":30.0},\"jitter\":0.1,\"total_deadline\":\"off\",\
         \"retry_after_max\":60.0,\"fail_after_max\":false,\"retry_timeouts\":true,\
         \"retry_rejections\":false},\"budget\":{\"throttle\":{\"max_tokens\":10,\"token_ratio\":0.1}}}"
    );
    assert_eq!(serde_json::from_str::<PipelineSettings>(&text).unwrap(), settings);
    assert!(serde_json::from_str::<PipelineSettings>("{\"retries\":{}}").is_err());
}
