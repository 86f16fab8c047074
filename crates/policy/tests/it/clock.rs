//! How often a pipeline reads the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_base::{Clock, Instant, Time, Timestamp, VirtualClock};
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    Budget, BudgetSettings, Bulkhead, BulkheadConfig, Fallback, Pipeline, Retry,
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
