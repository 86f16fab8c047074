//! Fallbacks: a value, a function, the last good value.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use steadfast_base::{OwnedValue, Time};
use steadfast_breaker::{CircuitBreaker, Config, State};
use steadfast_policy::{
    Call, Error, Fallback, FallbackStage, Guard, LastGood, LastGoodSettings, Pipeline,
    PipelineSettings, Then, names,
};

use crate::bench::{Bench, ms};

type ByValue =
    Pipeline<Then<steadfast_policy::Bare, FallbackStage<steadfast_policy::ByValue<u32>>>>;

#[test]
fn a_value_answers_every_error_and_no_success() {
    let bench = Bench::new();
    let pipeline: ByValue = bench.builder().fallback(Fallback::value(7)).build().unwrap();
    assert_eq!(pipeline.call(|_| Ok::<_, ()>(1)), Ok(1));
    assert_eq!(pipeline.call(|_| Err("no")), Ok(7));
    assert_eq!(bench.block_on(pipeline.run(|_| async { Err("no") })), Ok(7));
    let told = bench.named(names::FALLBACK_ANSWERED);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].field("kind"), Some(&OwnedValue::Text("error".to_owned())));
}

#[test]
fn a_function_sees_the_error_and_may_give_it_back() {
    let bench = Bench::new();
    let mend = |error: Error<&'static str>| match error {
        Error::Inner("unknown") => Err(error),
        _ => Ok(7),
    };
    let pipeline = bench.builder().fallback(Fallback::with(mend)).build().unwrap();
    assert_eq!(pipeline.call(|_| Err("unknown")), Err(Error::Inner("unknown")));
    assert_eq!(pipeline.call(|_| Err("down")), Ok(7));
    assert_eq!(bench.named(names::FALLBACK_FAILED).len(), 1);
}

#[test]
fn the_last_good_value_of_the_key_answers_until_it_is_too_old() {
    let bench = Bench::new();
    let fallback = LastGood::new(2, ms(1_000));
    let pipeline = bench.builder().fallback(fallback).build().unwrap();
    let call = |key: u64, result: Result<u32, &'static str>| {
        pipeline.call_with(Call::new().with_key(key), |_| result)
    };
    assert_eq!(call(1, Err("down")), Err(Error::Inner("down")));
    assert_eq!(call(1, Ok(10)), Ok(10));
    assert_eq!(call(2, Ok(20)), Ok(20));
    assert_eq!(call(1, Err("down")), Ok(10));
    assert_eq!(call(2, Err("down")), Ok(20));
    bench.clock.advance(ms(600));
    assert_eq!(call(1, Ok(11)), Ok(11));
    bench.clock.advance(ms(400));
    assert_eq!(call(2, Err("down")), Ok(20), "exactly as old as it may be");
    bench.clock.advance(ms(1));
    assert_eq!(call(2, Err("down")), Err(Error::Inner("down")));
    assert_eq!(call(1, Err("down")), Ok(11));
    // A third key takes the place of the one that was stored first.
    assert_eq!(call(3, Ok(30)), Ok(30));
    assert_eq!(call(1, Err("down")), Err(Error::Inner("down")));
    assert_eq!(call(3, Err("down")), Ok(30));
}

/// Makes a call when it is dropped.
#[derive(Clone)]
struct CallsBack(Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>);

impl Drop for CallsBack {
    fn drop(&mut self) {
        if let Some(call) = self.0.get() {
            call();
        }
    }
}

#[test]
fn what_is_remembered_of_good_values_is_set_live() {
    let bench = Bench::new();
    let last_good = LastGood::<u64>::new(10, Duration::from_mins(1));
    let pipeline = bench.builder().fallback(last_good).build().unwrap();
    let good = |key| pipeline.call_with(Call::new().with_key(key), |_| Ok::<_, &str>(key));
    let bad = |key| pipeline.call_with(Call::new().with_key(key), |_| Err::<u64, _>("down"));
    for key in 1..=4 {
        good(key).unwrap();
    }
    let settings: PipelineSettings =
        serde_json::from_str(r#"{"last_good": {"keys_max": 2, "max_age": 5}}"#).unwrap();
    pipeline.apply(&settings).unwrap();
    assert_eq!((bad(1).is_err(), bad(2).is_err(), bad(3), bad(4)), (true, true, Ok(3), Ok(4)));
    good(5).unwrap();
    assert_eq!((bad(3).is_err(), bad(5)), (true, Ok(5)));
    bench.clock.advance(Duration::from_secs(6));
    assert!(bad(5).is_err(), "too old by the new settings");

    let mut none = PipelineSettings::default();
    none.last_good = Some(LastGoodSettings::new(0, Duration::ZERO));
    let error = pipeline.apply(&none).unwrap_err();
    assert_eq!(error.faults()[0].field(), "fallback.keys_max");
    let other = bench.builder().fallback(Fallback::value(7_u64)).build().unwrap();
    let error = other.apply(&settings).unwrap_err();
    assert!(error.to_string().contains("no fallback remembers values"), "{error}");
}

#[test]
fn a_last_good_value_that_is_replaced_may_make_calls_when_it_is_dropped() {
    let bench = Bench::new();
    let builder = bench.builder().fallback(LastGood::<CallsBack>::new(1, ms(1_000)));
    let pipeline = builder.build().unwrap();
    let call = Arc::new(OnceLock::new());
    drop(pipeline.call(|_| Ok::<_, ()>(CallsBack(Arc::clone(&call)))));
    let (calls, again) = (Arc::new(AtomicUsize::new(0)), pipeline.clone());
    let count = Arc::clone(&calls);
    let set = call.set(Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        drop(again.call(|_| Ok::<_, ()>(CallsBack(Arc::default()))));
    }));
    assert!(set.is_ok());
    drop(pipeline.call(|_| Ok::<_, ()>(CallsBack(Arc::default()))));
    assert_eq!(calls.load(Ordering::Relaxed), 1, "the value that was there");
}

#[test]
fn the_fallback_of_a_guard_answers_for_an_open_breaker() {
    let breaker = CircuitBreaker::new("b", Config::default(), Time::system()).unwrap();
    let guard = Guard::new(breaker.clone()).fallback(Fallback::value(7));
    let pipeline = Pipeline::builder().breaker(guard).build().unwrap();
    for _ in 0..5 {
        assert_eq!(pipeline.call(|_| Err("down")), Ok(7));
    }
    assert_eq!(breaker.state(), State::Open, "failures count although they are answered");
    assert_eq!(pipeline.call(|_| Ok::<_, ()>(1)), Ok(7));
}

#[test]
fn a_fallback_outside_answers_for_every_policy_inside() {
    let bench = Bench::new();
    let pipeline = bench
        .builder()
        .fallback(Fallback::value(7))
        .attempt_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let result = bench.block_on(pipeline.run(|_| std::future::pending::<Result<u32, ()>>()));
    assert_eq!(result, Ok(7));
}
