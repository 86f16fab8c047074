//! failsafe, with its default policy (success rate over a time window, or consecutive failures) as
//! `failsafe-default`, and with consecutive failures alone.

use std::sync::Arc;

use failsafe::{
    CircuitBreaker, Config, Error, FailurePolicy, Instrument, StateMachine, backoff,
    failure_policy, futures,
};

use super::LONG;
use crate::{
    case::{Case, Failure, succeed, succeed_async},
    workload::Kind,
};

const NAME: &str = "failsafe";

fn consecutive(failures: u32) -> StateMachine<impl FailurePolicy + Send + Sync + 'static, ()> {
    Config::new()
        .failure_policy(failure_policy::consecutive_failures(failures, backoff::constant(LONG)))
        .build()
}

fn closed<P, I>(name: &'static str, breaker: StateMachine<P, I>) -> [Case; 3]
where
    P: FailurePolicy + Send + Sync + 'static,
    I: Instrument + Send + Sync + 'static,
{
    let shared = Arc::new(breaker);
    let sync = |kind| {
        let breaker = shared.clone();
        Case::sync(kind, name, move || CircuitBreaker::call(&*breaker, succeed).is_ok())
    };
    let (first, second) = (sync(Kind::ClosedSync), sync(Kind::ClosedSyncSlow));
    let future = Case::future(Kind::ClosedAsync, name, move || {
        let breaker = shared.clone();
        async move || futures::CircuitBreaker::call(&*breaker, succeed_async()).await.is_ok()
    });
    [first, second, future]
}

fn open() -> [Case; 2] {
    let shared = Arc::new(consecutive(1));
    let breaker = shared.clone();
    let failed = CircuitBreaker::call(&*breaker, || Err::<u64, _>(Failure));
    assert!(failed.is_err());
    [
        Case::sync(Kind::OpenSync, NAME, move || {
            matches!(CircuitBreaker::call(&*breaker, succeed), Err(Error::Rejected))
        }),
        Case::future(Kind::OpenAsync, NAME, move || {
            let breaker = shared.clone();
            async move || {
                matches!(
                    futures::CircuitBreaker::call(&*breaker, succeed_async()).await,
                    Err(Error::Rejected)
                )
            }
        }),
    ]
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(closed("failsafe-default", Config::new().build()));
    cases.extend(closed(NAME, consecutive(5)));
    cases.extend(open());
    cases
}
