//! tower-resilience-bulkhead: middleware around a tower service. Each thread
//! drives its own clone of the service, as tower intends.

use std::{future::pending, mem, time::Duration};

use tokio::{runtime::Builder, time::timeout};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_bulkhead::{BulkheadError, BulkheadLayer, BulkheadServiceError};

use crate::{
    case::{Case, succeed_async},
    workload::Kind,
};

const NAME: &str = "tower-resilience";

/// What the service is asked to do.
enum Request {
    Succeed,
    Hang,
}

pub fn cases() -> Vec<Case> {
    let service = service_fn(|request| async move {
        match request {
            Request::Succeed => succeed_async().await,
            Request::Hang => pending().await,
        }
    });
    let free = BulkheadLayer::medium().build().expect("the preset is valid").layer(service);
    let full = BulkheadLayer::small()
        .max_concurrent_calls(1)
        .build()
        .expect("one call is valid")
        .layer(service);
    let mut holder = full.clone();
    Builder::new_current_thread().enable_time().build().expect("runtime starts").block_on(async {
        let mut hanging = holder.ready().await.expect("the service is ready").call(Request::Hang);
        assert!(timeout(Duration::ZERO, &mut hanging).await.is_err(), "the call hangs");
        // Keeps the only permit for the rest of the run.
        mem::forget(hanging);
    });
    vec![
        Case::future(Kind::BulkheadFree, NAME, move || {
            let mut service = free.clone();
            async move || match service.ready().await {
                Ok(service) => service.call(Request::Succeed).await.is_ok(),
                Err(_) => false,
            }
        }),
        Case::future(Kind::BulkheadFull, NAME, move || {
            let mut service = full.clone();
            async move || match service.ready().await {
                Ok(service) => matches!(
                    service.call(Request::Succeed).await,
                    Err(BulkheadServiceError::Bulkhead(
                        BulkheadError::BulkheadFull { .. } | BulkheadError::Timeout
                    ))
                ),
                Err(_) => false,
            }
        }),
    ]
}
