//! steadfast, in its default configuration but for what a workload asks for.

mod feature;
mod policies;

use std::{
    cell::Cell,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use steadfast_base::Time;
use steadfast_breaker::{CallError, CircuitBreaker, Config, ConfigBuilder, KeyedBreakers};

use super::{LONG, STEADFAST};
use crate::{
    case::{Case, succeed, succeed_async},
    workload::Kind,
};

/// After this the clock knows the rate of the processor's counter.
const CLOCK_LEARNS: Duration = Duration::from_millis(150);

/// Keys of the keyed breakers.
const KEYS: u64 = 100_000;

/// Every so-manieth key is called, in turn: 64 of them, like the busy hosts among all.
const KEY_STEP: u64 = KEYS.div_ceil(64);

thread_local! {
    static KEY: Cell<u64> = const { Cell::new(0) };
}

/// One clock for all, past its first moments.
fn time() -> Time {
    static TIME: OnceLock<Time> = OnceLock::new();
    let start = || {
        let (time, started) = (Time::system(), Instant::now());
        while started.elapsed() < CLOCK_LEARNS {
            time.now();
        }
        time
    };
    TIME.get_or_init(start).clone()
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(closed());
    cases.extend(open());
    cases.extend(policies::bulkhead());
    cases.extend(policies::rate_limiter());
    cases.extend(policies::retry());
    cases.push(policies::pipeline());
    cases.extend(keyed());
    cases.push(feature::switch());
    cases
}

fn breaker(config: ConfigBuilder) -> CircuitBreaker {
    let config = config.build().expect("the settings are valid");
    CircuitBreaker::new("bench", config, time()).expect("the settings are valid")
}

fn closed() -> [Case; 3] {
    // A window of 100 calls is the default.
    let untimed = breaker(Config::builder().no_slow_rate());
    let timed = breaker(Config::builder());
    let for_futures = breaker(Config::builder().no_slow_rate());
    [
        Case::sync(Kind::ClosedSync, STEADFAST, move || untimed.call(succeed).is_ok()),
        Case::sync(Kind::ClosedSyncSlow, STEADFAST, move || timed.call(succeed).is_ok()),
        Case::future(Kind::ClosedAsync, STEADFAST, move || {
            let breaker = for_futures.clone();
            async move || breaker.call_async(succeed_async).await.is_ok()
        }),
    ]
}

fn open() -> [Case; 2] {
    let sync = breaker(Config::builder());
    sync.open_for(LONG);
    let for_futures = sync.clone();
    [
        Case::sync(Kind::OpenSync, STEADFAST, move || {
            matches!(sync.call(succeed), Err(CallError::Rejected(_)))
        }),
        Case::future(Kind::OpenAsync, STEADFAST, move || {
            let breaker = for_futures.clone();
            async move || {
                matches!(breaker.call_async(succeed_async).await, Err(CallError::Rejected(_)))
            }
        }),
    ]
}

fn keyed() -> [Case; 2] {
    let capacity = NonZeroUsize::new(KEYS as usize).expect("not zero");
    let config = Config::builder().no_slow_rate().build().expect("the settings are valid");
    let breakers = KeyedBreakers::<u64>::new("bench", config, capacity, time())
        .expect("the settings are valid");
    for key in 0..KEYS {
        assert!(breakers.call(&key, succeed).is_ok());
    }
    let breakers = Arc::new(breakers);
    [(Kind::KeyedHit, KEY_STEP), (Kind::KeyedSpread, 1)].map(|(kind, step)| {
        let breakers = Arc::clone(&breakers);
        Case::sync(kind, STEADFAST, move || {
            let key = KEY.get();
            KEY.set(if key + step < KEYS { key + step } else { 0 });
            breakers.call(&key, succeed).is_ok()
        })
    })
}
