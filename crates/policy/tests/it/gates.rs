//! The policies that let calls in or turn them away, as parts of a pipeline.

use std::cell::Cell;
use std::future::{pending, ready};
use std::pin::pin;
use std::time::Duration;

use steadfast_base::{CallContext, Priority, Seed, context};
use steadfast_policy::{
    AdaptiveConfig, AdaptiveLimiter, Budget, BudgetSettings, Bulkhead, BulkheadConfig, Call,
    CallFault, ChaosConfig, Error, HedgeConfig, LoadShedder, OutlierConfig, OutlierEjection,
    PipelineSettings, RateLimiterConfig, Reason, Retry, ShedConfig, Throttle, ThrottleConfig,
    names,
};

use crate::bench::{Bench, Script, ms, poll};

fn reason<T, E>(result: &Result<T, Error<E>>) -> Option<Reason> {
    result.as_ref().err().and_then(Error::rejection).map(|rejection| rejection.reason)
}

#[test]
fn s40_a_bulkhead_in_a_pipeline_gives_its_place_back_when_the_run_is_dropped() {
    let bench = Bench::new();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(1), bench.clock.time()).expect("valid");
    let pipeline = bench.builder().bulkhead(bulkhead.clone()).build().expect("valid");
    {
        let mut run = pin!(pipeline.run(|_| pending::<Result<(), ()>>()));
        assert!(poll(run.as_mut()).is_pending());
        let full = pipeline.call(|_| Ok::<_, ()>(()));
        assert_eq!(reason(&full), Some(Reason::Full));
    }
    assert_eq!(bulkhead.available(), 1);
    assert_eq!(pipeline.call(|_| Err::<(), _>("no")), Err(Error::Inner("no")));
    let statistics = bulkhead.statistics();
    assert_eq!((statistics.failed, statistics.dropped, statistics.rejected()), (1, 1, 1));
}

#[test]
fn a_call_that_waited_for_a_place_or_a_turn_is_timed_from_its_start() {
    let bench = Bench::new();
    let pipeline = bench
        .builder()
        .rate_limit(RateLimiterConfig::per(1, ms(100)).with_wait(ms(100)))
        .attempt_timeout(ms(50))
        .build()
        .expect("valid");
    let time = bench.clock.time();
    for expected in [0, 100, 200] {
        let started = bench.block_on(pipeline.run(|call| {
            let time = &time;
            async move {
                let started = time.now();
                time.sleep(ms(20)).await;
                assert_eq!(call.deadline(), Some(started + ms(50)));
                Ok::<_, ()>(started.as_nanos() / 1_000_000)
            }
        }));
        assert_eq!(started, Ok(expected));
    }
}

#[test]
fn an_adaptive_limit_in_a_pipeline_counts_time_outs_as_overload() {
    let bench = Bench::new();
    let limiter = AdaptiveLimiter::new(AdaptiveConfig::aimd(ms(500)), bench.clock.time());
    let limiter = limiter.expect("valid");
    let pipeline =
        bench.builder().limit(limiter.clone()).attempt_timeout(ms(50)).build().expect("valid");
    let result = bench.block_on(pipeline.run(|_| pending::<Result<(), ()>>()));
    assert!(result.is_err_and(|error| error.is_timeout()));
    assert_eq!(limiter.statistics().limit, 18);
    assert_eq!(pipeline.call(|_| Err::<(), _>("no")), Err(Error::Inner("no")));
    assert_eq!((limiter.statistics().limit, limiter.statistics().running), (18, 0));
}

#[test]
fn a_call_without_time_left_is_held_against_no_callee() {
    let bench = Bench::new();
    let time = bench.clock.time();
    let limiter = AdaptiveLimiter::new(AdaptiveConfig::aimd(ms(500)), time.clone()).expect("valid");
    let throttle =
        Throttle::new(ThrottleConfig::default(), time.clone(), Seed::new(7)).expect("valid");
    let hosts = OutlierEjection::<u64>::new(OutlierConfig::default(), time.clone()).expect("valid");
    (0..10).for_each(|host| hosts.add(&host));
    let pipeline = bench
        .builder()
        .limit(limiter.clone())
        .throttle(throttle.clone())
        .outlier(hosts.clone())
        .build()
        .expect("valid");
    let _guard = context::enter(CallContext::new().with_deadline(time.now()));
    for _ in 0..10 {
        let result = pipeline.call(|_| Ok::<_, ()>(()));
        assert!(result.is_err_and(|error| error.is_timeout()));
    }
    assert_eq!((limiter.statistics().limit, limiter.statistics().running), (20, 0));
    assert_eq!((throttle.statistics().requests, hosts.statistics().ejected), (0, 0));
}

#[test]
fn a_throttle_in_a_pipeline_counts_what_the_callee_accepted() {
    let bench = Bench::new();
    let config = ThrottleConfig::default();
    let throttle = Throttle::new(config, bench.clock.time(), Seed::new(1)).expect("valid");
    let by_status = throttle.accepted_by(|status: &u16| *status != 503);
    let pipeline = bench.builder().throttle(by_status).build().expect("valid");
    let mut settings = PipelineSettings::default();
    settings.throttle = Some(config);
    assert_eq!(pipeline.apply(&settings), Ok(()));
    for result in [Ok(()), Err(404), Err(503)] {
        assert_eq!(pipeline.call(|_| result), result.map_err(Error::Inner));
    }
    assert_eq!((throttle.statistics().requests, throttle.statistics().accepts), (3, 2));
    let rejected = (0..1_000)
        .filter(|_| reason(&pipeline.call(|_| Err::<(), u16>(503))) == Some(Reason::Throttled));
    assert!(rejected.count() > 900);
}

#[test]
fn a_shedder_in_a_pipeline_goes_by_the_priority_of_the_call() {
    let bench = Bench::new();
    let shedder = LoadShedder::new(ShedConfig::new(1).with_wait(ms(500), 1), bench.clock.time());
    let shedder = shedder.expect("valid");
    let pipeline = bench.builder().shed(shedder.clone()).build().expect("valid");
    let call = |priority| Call::new().with_priority(priority);
    let held = shedder.try_acquire().expect("free");
    let mut low = pin!(pipeline.run_with(call(Priority::Low), |_| ready(Ok::<_, ()>(1))));
    let mut high = pin!(pipeline.run_with(call(Priority::High), |_| ready(Ok::<_, ()>(2))));
    assert!(poll(low.as_mut()).is_pending() && poll(high.as_mut()).is_pending());
    drop(held);
    assert_eq!(bench.block_on(high), Ok(2));
    assert_eq!(reason(&bench.block_on(low)), Some(Reason::Shed));
}

#[test]
fn a_host_that_fails_is_ejected_by_its_key_and_others_are_called() {
    let bench = Bench::new();
    let hosts: OutlierEjection<u64> =
        OutlierEjection::new(OutlierConfig::default(), bench.clock.time()).expect("valid");
    let pipeline = bench.builder().outlier(hosts.clone()).build().expect("valid");
    let run = |host, result: Result<(), &'static str>| {
        pipeline.call_with(Call::new().with_key(host), |_| result)
    };
    assert_eq!(run(1, Ok(())), Ok(()));
    for _ in 0..5 {
        assert_eq!(run(2, Err("refused")), Err(Error::Inner("refused")));
    }
    let rejected = run(2, Ok(())).expect_err("ejected");
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(run(1, Ok(())), Ok(()));
    assert_eq!(hosts.available(), [1]);
}

#[test]
fn s49_a_hedge_in_a_pipeline_needs_an_idempotent_call_and_runs_two_attempts() {
    let bench = Bench::new();
    let config = HedgeConfig::after(ms(10));
    let refused = bench.builder().hedge(config).build().map(drop).expect_err("not marked");
    assert!(refused.to_string().contains("idempotent"), "{refused}");
    let pipeline = bench.builder().idempotent().hedge(config).build().expect("valid");
    let time = bench.clock.time();
    let made = Cell::new(0);
    let result = bench.block_on(pipeline.run(|_| {
        made.set(made.get() + 1);
        let (sleep, number) = (time.sleep(ms(if made.get() == 1 { 99 } else { 5 })), made.get());
        async move {
            sleep.await;
            Ok::<_, ()>(number)
        }
    }));
    assert_eq!((result, bench.elapsed()), (Ok(2), 15));
    assert_eq!(bench.named(names::HEDGE_STARTED).len(), 1);
}

#[test]
fn a_hedge_that_the_budget_refuses_is_told() {
    let bench = Bench::new();
    let none = BudgetSettings::Ratio { ratio: 0.0, per_second: 0.0, burst: 1 };
    let budget = Budget::new(none).expect("valid");
    assert!(budget.withdraw(bench.clock.time().now()));
    let hedge = HedgeConfig::at_once().with_budget(&budget);
    let pipeline = bench.builder().idempotent().hedge(hedge).build().expect("valid");
    assert_eq!(bench.block_on(pipeline.run(|_| async { Ok::<_, ()>(1) })), Ok(1));
    assert_eq!(bench.named(names::HEDGE_REFUSED).len(), 1);
    assert_eq!(bench.named(names::HEDGE_STARTED).len(), 0);
}

#[test]
fn chaos_innermost_is_what_the_policies_around_it_see() {
    let bench = Bench::new();
    let budget = Budget::new(BudgetSettings::ratio(1.0)).expect("valid");
    let chaos = ChaosConfig::default()
        .with_call_fault(CallFault::Error, 0.5)
        .with_call_fault(CallFault::latency(ms(5)), 0.5);
    let pipeline = bench
        .builder()
        .seed(Seed::new(7))
        .retry(Retry::constant(ms(1)).max_attempts(20).budget(&budget))
        .chaos(chaos.failing_with(|| "injected"))
        .build()
        .expect("valid");
    let script = Script::new(&[Ok(1)]);
    for _ in 0..20 {
        assert_eq!(bench.block_on(pipeline.run(|_| ready(script.next()))), Ok(1));
    }
    assert_eq!(script.calls.get(), 20);
    let injected = bench.named(names::CHAOS_INJECTED).len();
    let retries = bench.named(names::RETRY_SCHEDULED).len();
    assert!(retries >= 5 && injected > retries, "{injected} faults, {retries} retries");
}

#[test]
fn faults_of_every_policy_are_listed_when_a_pipeline_is_built() {
    let bench = Bench::new();
    let error = bench
        .builder()
        .bulkhead(BulkheadConfig::new(u32::MAX))
        .rate_limit(RateLimiterConfig::per(0, ms(1)))
        .limit(AdaptiveConfig::gradient().with_range(0, 5))
        .shed(ShedConfig::new(1).with_codel(ms(0), ms(1)))
        .build()
        .map(drop)
        .expect_err("four faults");
    let at: Vec<_> = error.faults().iter().map(steadfast_policy::ConfigFault::field).collect();
    assert_eq!(
        at,
        ["bulkhead.max_concurrent_calls", "rate_limit.limit", "adaptive.limit_min", "shed.target"]
    );
}
