//! recloser: a lock-free ring buffer of the last 100 outcomes.

use recloser::{AsyncRecloser, Error, Recloser};

use super::LONG;
use crate::{
    case::{Case, Failure, succeed, succeed_async},
    workload::Kind,
};

const NAME: &str = "recloser";

fn open() -> Recloser {
    let recloser = Recloser::custom().closed_len(1).open_wait(LONG).build();
    // The second failure is the first to be weighed.
    for _ in 0..2 {
        let _ = recloser.call(|| Err::<u64, _>(Failure));
    }
    recloser
}

pub fn cases() -> Vec<Case> {
    let (closed, rejecting) = (Recloser::default(), open());
    let (closed_async, rejecting_async) =
        (AsyncRecloser::from(Recloser::default()), AsyncRecloser::from(open()));
    vec![
        Case::sync(Kind::ClosedSync, NAME, move || closed.call(succeed).is_ok()),
        Case::sync(Kind::OpenSync, NAME, move || {
            matches!(rejecting.call(succeed), Err(Error::Rejected))
        }),
        Case::future(Kind::ClosedAsync, NAME, move || {
            let breaker = closed_async.clone();
            async move || breaker.call(succeed_async()).await.is_ok()
        }),
        Case::future(Kind::OpenAsync, NAME, move || {
            let breaker = rejecting_async.clone();
            async move || matches!(breaker.call(succeed_async()).await, Err(Error::Rejected))
        }),
    ]
}
