//! tower-resilience-circuitbreaker: middleware around a tower service, futures
//! only. Each thread drives its own clone of the service, as tower intends.

use tokio::runtime::Builder;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

use super::LONG;
use crate::{
    case::{Case, succeed_async},
    workload::Kind,
};

const NAME: &str = "tower-resilience";

pub fn cases() -> Vec<Case> {
    let standard = CircuitBreakerLayer::standard().build().expect("the preset is valid");
    let closed = standard.layer(service_fn(|()| succeed_async()));
    let (layer, handle) = CircuitBreakerLayer::standard()
        .wait_duration_in_open(LONG)
        .build_with_handle()
        .expect("the preset is valid");
    let rejecting = layer.layer(service_fn(|()| succeed_async()));
    Builder::new_current_thread().build().expect("runtime starts").block_on(handle.force_open());
    vec![
        Case::future(Kind::ClosedAsync, NAME, move || {
            let mut service = closed.clone();
            async move || match service.ready().await {
                Ok(service) => service.call(()).await.is_ok(),
                Err(_) => false,
            }
        }),
        Case::future(Kind::OpenAsync, NAME, move || {
            let mut service = rejecting.clone();
            async move || match service.ready().await {
                Ok(service) => {
                    matches!(service.call(()).await, Err(CircuitBreakerError::OpenCircuit))
                }
                Err(_) => false,
            }
        }),
    ]
}
