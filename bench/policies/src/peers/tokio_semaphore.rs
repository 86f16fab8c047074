//! tokio's semaphore as a bulkhead.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{
    case::{Case, succeed_async},
    workload::Kind,
};

const PERMITS: usize = 64;

pub fn cases() -> Vec<Case> {
    let free = Arc::new(Semaphore::new(PERMITS));
    let waiting = free.clone();
    let full = Arc::new(Semaphore::new(0));
    vec![
        Case::future(Kind::BulkheadFree, "tokio-semaphore", move || {
            let bulkhead = free.clone();
            async move || match bulkhead.try_acquire() {
                Ok(_permit) => succeed_async().await.is_ok(),
                Err(_) => false,
            }
        }),
        Case::future(Kind::BulkheadFree, "tokio-semaphore-acquire", move || {
            let bulkhead = waiting.clone();
            async move || match bulkhead.acquire().await {
                Ok(_permit) => succeed_async().await.is_ok(),
                Err(_) => false,
            }
        }),
        Case::future(Kind::BulkheadFull, "tokio-semaphore", move || {
            let bulkhead = full.clone();
            async move || bulkhead.try_acquire().is_err()
        }),
    ]
}
