//! backon, with its default exponential backoff.

use backon::{BlockingRetryable, ExponentialBuilder, Retryable};

use crate::{
    case::{Case, succeed, succeed_async},
    workload::Kind,
};

const NAME: &str = "backon";

pub fn cases() -> Vec<Case> {
    vec![
        Case::sync(Kind::RetrySync, NAME, || {
            succeed.retry(ExponentialBuilder::default()).call().is_ok()
        }),
        Case::future(Kind::RetryAsync, NAME, || {
            async || succeed_async.retry(ExponentialBuilder::default()).await.is_ok()
        }),
    ]
}
