//! Bulkhead, retry, rate limiter, and the pipeline of five policies.

use std::time::Duration;

use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::{
    Budget, BudgetSettings, Bulkhead, BulkheadConfig, Error, Fallback, Pipeline, RateLimiter,
    RateLimiterConfig, Rejection, Retry,
};

use super::{super::STEADFAST, time};
use crate::{
    case::{Case, succeed, succeed_async},
    workload::Kind,
};

/// Calls at once, as many as the semaphore of the comparison has permits.
const CALLS: u32 = 64;

const HOUR: Duration = Duration::from_secs(3600);

pub fn bulkhead() -> [Case; 2] {
    let bulkhead =
        |calls| Bulkhead::new(BulkheadConfig::new(calls), time()).expect("the settings are valid");
    let (free, full) = (bulkhead(CALLS), bulkhead(1));
    let held = full.try_acquire_owned().expect("the first call finds a place");
    [
        Case::future(Kind::BulkheadFree, STEADFAST, move || {
            let bulkhead = free.clone();
            async move || bulkhead.call_async(succeed_async).await.is_ok()
        }),
        Case::future(Kind::BulkheadFull, STEADFAST, move || {
            let _ = &held;
            let bulkhead = full.clone();
            async move || {
                matches!(bulkhead.call_async(succeed_async).await, Err(Error::Rejected(_)))
            }
        }),
    ]
}

pub fn rate_limiter() -> [Case; 2] {
    let limiter = |config| RateLimiter::new(config, time()).expect("the settings are valid");
    // More than one call in 100 ns is not accepted as a rate; the burst lasts for the whole run.
    let generous = RateLimiterConfig::per(10_000_000, Duration::from_secs(1)).with_burst(u32::MAX);
    let (allowing, denying) = (limiter(generous), limiter(RateLimiterConfig::per(1, HOUR)));
    assert!(denying.try_acquire().is_ok(), "the first call uses up the quota");
    [
        Case::sync(Kind::RateAllowed, STEADFAST, move || allowing.try_acquire().is_ok()),
        Case::sync(Kind::RateDenied, STEADFAST, move || {
            matches!(denying.try_acquire(), Err(Rejection { retry_after: Some(_), .. }))
        }),
    ]
}

pub fn retry() -> [Case; 2] {
    let retry = || {
        let retry = Retry::exponential(Duration::from_millis(100));
        retry.build(time()).expect("the settings are valid")
    };
    let (sync, for_futures) = (retry(), retry());
    [
        Case::sync(Kind::RetrySync, STEADFAST, move || sync.call(|_| succeed()).is_ok()),
        Case::future(Kind::RetryAsync, STEADFAST, move || {
            let retry = for_futures.clone();
            async move || retry.call_async(|_| succeed_async()).await.is_ok()
        }),
    ]
}

/// Fallback, retry with a budget, breaker, bulkhead and time-out, each in its default settings.
pub fn pipeline() -> Case {
    let breaker = CircuitBreaker::new("bench", Config::default(), time());
    let breaker = breaker.expect("the settings are valid");
    let budget = Budget::new(BudgetSettings::default()).expect("the settings are valid");
    let bulkhead = Bulkhead::new(BulkheadConfig::new(CALLS), time());
    let pipeline = Pipeline::builder()
        .time(time())
        .fallback(Fallback::value(0))
        .retry(Retry::exponential(Duration::from_millis(100)).budget(&budget))
        .breaker(&breaker)
        .layer(bulkhead.expect("the settings are valid"))
        .attempt_timeout(Duration::from_secs(1))
        .build()
        .expect("the order is right");
    Case::future(Kind::Pipeline5, STEADFAST, move || {
        let pipeline = pipeline.clone();
        // 1 is the answer of the call, 0 that of the fallback.
        async move || pipeline.run(|_| succeed_async()).await.is_ok_and(|answer| answer == 1)
    })
}
