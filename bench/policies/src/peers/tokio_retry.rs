//! tokio-retry, with the strategy of its documentation.

use tokio_retry::{
    Retry,
    strategy::{ExponentialBackoff, jitter},
};

use crate::{
    case::{Case, succeed_async},
    workload::Kind,
};

pub fn cases() -> Vec<Case> {
    vec![Case::future(Kind::RetryAsync, "tokio-retry", || {
        async || {
            let strategy = ExponentialBackoff::from_millis(10).map(jitter).take(3);
            Retry::start(strategy, succeed_async).await.is_ok()
        }
    })]
}
