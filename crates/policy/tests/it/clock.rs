//! How often a pipeline reads the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_base::{CallContext, Clock, Instant, Time, Timestamp, VirtualClock, context};
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    AdaptiveConfig, Backoff, Budget, BudgetSettings, Bulkhead, BulkheadConfig, Call, Fallback,
    OutlierConfig, Pipeline, PipelineBuilder, RateLimiterConfig, Retry, Stage, ThrottleConfig,
};

use crate::bench::{Bench, ms};

/// Counts its readings.
#[derive(Debug)]
struct Counted {
    clock: VirtualClock,
    readings: AtomicU64,
}

impl Clock for Counted {
    fn now(&self) -> Instant {
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.clock.now()
    }

    fn timestamp(&self) -> Timestamp {
        self.clock.timestamp()
    }
}

struct Meter {
    bench: Bench,
    clock: Arc<Counted>,
    time: Time,
}

impl Meter {
    fn new() -> Self {
        let bench = Bench::new();
        let clock = bench.clock.clone();
        let clock = Arc::new(Counted { clock, readings: AtomicU64::new(0) });
        let time = Time::new(Arc::<Counted>::clone(&clock), Arc::new(bench.clock.clone()));
        Self { bench, clock, time }
    }

    fn take(&self) -> u64 {
        self.clock.readings.swap(0, Ordering::Relaxed)
    }

    fn breaker(&self, config: Config) -> CircuitBreaker {
        CircuitBreaker::new("b", config, self.time.clone()).expect("valid")
    }
}

#[test]
fn a_pipeline_of_five_reads_the_clock_twice_per_attempt() {
    let meter = Meter::new();
    let budget = Budget::new(BudgetSettings::default()).unwrap();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(10), meter.time.clone()).unwrap();
    let pipeline = Pipeline::builder()
        .time(meter.time.clone())
        .total_deadline(ms(60_000))
        .fallback(Fallback::value(0))
        .retry(Retry::default().max_attempts(3).budget(&budget))
        .breaker(meter.breaker(Config::default()))
        .bulkhead(bulkhead)
        .attempt_timeout(ms(500))
        .build()
        .unwrap();
    meter.take();
    for _ in 0..20 {
        meter.bench.block_on(pipeline.run(|_| async { Ok::<_, &str>(1) })).unwrap();
        assert_eq!(meter.take(), 2);
    }
    pipeline.call(|_| Ok::<_, &str>(1)).unwrap();
    assert_eq!(meter.take(), 2);
    let fails_twice = |call: steadfast_policy::Call| async move {
        if call.attempt() < 3 { Err("no") } else { Ok(1) }
    };
    meter.bench.block_on(pipeline.run(fails_twice)).unwrap();
    assert!(meter.take() <= 6, "two per attempt");
}

#[test]
fn a_pipeline_that_needs_no_time_reads_no_clock() {
    let meter = Meter::new();
    let budget = Budget::new(BudgetSettings::default()).unwrap();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(10), meter.time.clone()).unwrap();
    let config = Config::builder().no_slow_rate().build().unwrap();
    let pipeline = Pipeline::builder()
        .time(meter.time.clone())
        .fallback(Fallback::value(0))
        .retry(Retry::default().budget(&budget))
        .breaker(meter.breaker(config))
        .bulkhead(bulkhead)
        .build()
        .unwrap();
    let run = || {
        meter.bench.block_on(pipeline.run(|_| async { Ok::<_, &str>(1) })).unwrap();
        pipeline.call(|_| Ok::<_, &str>(1)).unwrap();
    };
    // The breaker looks at the time until it has seen enough calls to judge.
    (0..20).for_each(|_| run());
    meter.take();
    (0..20).for_each(|_| run());
    assert_eq!(meter.take(), 0);
}

/// Makes calls of which the first `failures` attempts fail, and counts the readings of each.
fn assert_two_at_most<S: Stage<u32, &'static str>>(
    meter: &Meter,
    what: &str,
    pipeline: &Pipeline<S>,
) {
    for failures in 0..3 {
        let make = |call: Call| if call.attempt() <= failures { Err("no") } else { Ok(1) };
        for round in 0..20 {
            meter.take();
            meter
                .bench
                .block_on(pipeline.run(|call| async move { make(call) }))
                .expect("it ends well");
            let asynchronous = meter.take();
            pipeline.call(make).expect("it ends well");
            let synchronous = meter.take();
            let most = 2 * u64::from(failures + 1);
            assert!(
                asynchronous <= most && synchronous <= most,
                "{what}, {failures} failures, round {round}: {asynchronous} and {synchronous}"
            );
        }
    }
}

#[test]
fn no_composition_reads_the_clock_more_than_twice_per_attempt() {
    let meter = Meter::new();
    let mut backoff = Backoff::constant(ms(0));
    backoff.max = ms(0);
    let retry = || Retry::default().backoff(backoff).jitter(0.0);
    // Never opens, so that every attempt is made.
    let timed = Config::builder().consecutive_failures(u32::MAX).no_failure_rate().build().unwrap();
    let untimed = Config::builder()
        .consecutive_failures(u32::MAX)
        .no_failure_rate()
        .no_slow_rate()
        .build()
        .unwrap();
    let builder = || -> PipelineBuilder<_> { Pipeline::builder().time(meter.time.clone()) };
    let bulkhead = || Bulkhead::new(BulkheadConfig::new(10), meter.time.clone()).unwrap();
    for inherited in [false, true] {
        let deadline = meter.clock.clock.now() + ms(60_000);
        let _guard = inherited.then(|| context::enter(CallContext::new().with_deadline(deadline)));
        for (name, config) in [("timed", &timed), ("untimed", &untimed)] {
            let breaker = || meter.breaker(config.clone());
            let what = format!("{name}, inherited deadline: {inherited}");
            let plain = builder().retry(retry()).breaker(breaker()).build().unwrap();
            assert_two_at_most(&meter, &format!("plain, {what}"), &plain);
            let total = builder().total_deadline(ms(60_000)).retry(retry()).breaker(breaker());
            let total = total.bulkhead(bulkhead()).build().unwrap();
            assert_two_at_most(&meter, &format!("total, {what}"), &total);
            let limited = builder().retry(retry()).breaker(breaker()).attempt_timeout(ms(500));
            assert_two_at_most(&meter, &format!("limited, {what}"), &limited.build().unwrap());
            let all = builder()
                .total_deadline(ms(60_000))
                .retry(retry())
                .throttle(ThrottleConfig::default())
                .outlier(OutlierConfig::default())
                .breaker(breaker())
                .limit(AdaptiveConfig::default())
                .rate_limit(RateLimiterConfig::per(1_000_000, ms(1_000)))
                .attempt_timeout(ms(500))
                .build()
                .unwrap();
            // Only what succeeds: failures would be held back.
            let call = || meter.bench.block_on(all.run(|_| async { Ok::<_, &str>(1) })).unwrap();
            for round in 0..40 {
                meter.take();
                call();
                let readings = meter.take();
                assert!(readings <= 2, "all, {what}, round {round}: {readings}");
            }
        }
    }
}
