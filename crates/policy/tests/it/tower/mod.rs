//! Policies and pipelines as layers of tower; numbers are those of the scenarios.

mod load;

use std::cell::Cell;
use std::future::{Pending, Ready, pending, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tower::{Layer, Service};

use steadfast_base::{Seed, VirtualClock};
use steadfast_breaker::{CircuitBreaker, Config, State};
use steadfast_policy::tower::{Attempts, PipelineLayer, PolicyLayer};
use steadfast_policy::{
    AdaptiveConfig, AdaptiveLimiter, Budget, BudgetSettings, Bulkhead, BulkheadConfig, Error,
    LoadShedder, Pipeline, RateLimiter, RateLimiterConfig, Retry, ShedConfig, Throttle,
    ThrottleConfig,
};

/// Never ready; counts how often it was asked.
#[derive(Clone, Default)]
struct NeverReady(Arc<AtomicUsize>);

impl Service<u32> for NeverReady {
    type Response = u32;
    type Error = &'static str;
    type Future = Pending<Result<u32, &'static str>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }

    fn call(&mut self, _request: u32) -> Self::Future {
        pending()
    }
}

/// Answers at once; odd requests fail.
#[derive(Clone, Default)]
struct Even {
    calls: Arc<AtomicUsize>,
}

impl Service<u32> for Even {
    type Response = u32;
    type Error = &'static str;
    type Future = Ready<Result<u32, &'static str>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        ready(if request.is_multiple_of(2) { Ok(request) } else { Err("odd") })
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut cx())
}

#[test]
fn s40_a_service_that_was_ready_and_never_called_holds_no_place() {
    let bulkhead =
        Bulkhead::new(BulkheadConfig::new(1), VirtualClock::new().time()).expect("valid");
    let mut idle = PolicyLayer::new(bulkhead.clone()).layer(Even::default());
    assert!(idle.poll_ready(&mut cx()).is_ready());
    let mut other = idle.clone();
    assert!(other.poll_ready(&mut cx()).is_ready());
    assert_eq!(bulkhead.available(), 1);
    assert_eq!(poll(&mut other.call(2)), Poll::Ready(Ok(2)));
    drop(idle);
    assert_eq!(bulkhead.available(), 1);
}

#[test]
fn s40_a_dropped_call_gives_its_place_back() {
    let bulkhead =
        Bulkhead::new(BulkheadConfig::new(1), VirtualClock::new().time()).expect("valid");
    let mut service = PolicyLayer::new(bulkhead.clone()).layer(NeverReady::default());
    let mut call = service.call(1);
    assert!(poll(&mut call).is_pending());
    assert_eq!(bulkhead.available(), 0);
    let rejected = poll(&mut service.call(1));
    assert!(matches!(rejected, Poll::Ready(Err(Error::Rejected(_)))));
    drop(call);
    assert_eq!(bulkhead.available(), 1);
}

#[test]
fn s59_an_open_breaker_never_polls_a_pending_service() {
    let breaker =
        CircuitBreaker::new("bench", Config::default(), VirtualClock::new().time()).expect("valid");
    breaker.set_state(State::Open).expect("legal");
    let inner = NeverReady::default();
    let mut service = PolicyLayer::new(breaker.clone()).layer(inner.clone());
    assert!(service.poll_ready(&mut cx()).is_ready());
    assert!(matches!(poll(&mut service.call(1)), Poll::Ready(Err(Error::Rejected(_)))));

    let pipeline = Pipeline::builder().breaker(&breaker).build().expect("valid");
    let layer = PipelineLayer::new(move |attempts: Attempts<NeverReady, u32>| {
        let pipeline = pipeline.clone();
        Box::pin(async move { pipeline.run(|_| attempts.attempt()).await })
    });
    let mut service = layer.layer(inner.clone());
    assert!(service.poll_ready(&mut cx()).is_ready());
    assert!(matches!(poll(&mut service.call(1)), Poll::Ready(Err(Error::Rejected(_)))));
    assert_eq!(inner.0.load(Ordering::Relaxed), 0, "it was never asked");
}

#[test]
fn every_policy_stands_around_a_service_by_itself() {
    let time = VirtualClock::new().time();
    let even = Even::default();
    macro_rules! check {
        ($policy:expr) => {{
            let mut service = PolicyLayer::new($policy.expect("valid")).layer(even.clone());
            assert_eq!(poll(&mut service.call(2)), Poll::Ready(Ok(2)));
            assert_eq!(poll(&mut service.call(3)), Poll::Ready(Err(Error::Inner("odd"))));
        }};
    }
    check!(Bulkhead::new(BulkheadConfig::default(), time.clone()));
    check!(RateLimiter::new(RateLimiterConfig::default(), time.clone()));
    check!(LoadShedder::new(ShedConfig::default(), time.clone()));
    check!(AdaptiveLimiter::new(AdaptiveConfig::default(), time.clone()));
    check!(Throttle::new(ThrottleConfig::default(), time.clone(), Seed::new(1)));
    check!(CircuitBreaker::new("bench", Config::default(), time));
    assert_eq!(even.calls.load(Ordering::Relaxed), 12);
}

#[test]
fn a_pipeline_makes_each_attempt_with_a_copy_of_the_request() {
    let clock = VirtualClock::new();
    let budget = Budget::new(BudgetSettings::default()).expect("valid");
    let pipeline = Pipeline::builder()
        .time(clock.time())
        .retry(Retry::exponential(Duration::from_millis(1)).max_attempts(3).budget(&budget))
        .build()
        .expect("valid");
    let layer = PipelineLayer::new(move |attempts: Attempts<Even, u32>| {
        let pipeline = pipeline.clone();
        Box::pin(async move { pipeline.run(|_| attempts.attempt()).await })
    });
    let even = Even::default();
    let mut service = layer.layer(even.clone());
    let mut call = service.call(3);
    let result = loop {
        match poll(&mut call) {
            Poll::Ready(result) => break result,
            Poll::Pending => assert!(clock.advance_to_next()),
        }
    };
    assert_eq!(result, Err(Error::Inner("odd")));
    assert_eq!(even.calls.load(Ordering::Relaxed), 3);
}

#[test]
fn a_service_of_one_thread_can_stand_behind_a_pipeline() {
    let pipeline = Pipeline::builder().build().expect("valid");
    let calls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&calls);
    let inner = tower::service_fn(move |request: u32| {
        seen.set(seen.get() + 1);
        ready(Ok::<_, &'static str>(request))
    });
    let layer = PipelineLayer::new(move |attempts: Attempts<_, _>| {
        let pipeline = pipeline.clone();
        async move { pipeline.run(|_| attempts.attempt()).await }
    });
    let call = layer.layer(inner).call(7);
    assert_eq!(poll(&mut std::pin::pin!(call)), Poll::Ready(Ok(7)));
    assert_eq!(calls.get(), 1);
}
