//! breaker: its `call` takes futures only.

use breaker::{BackoffStrategy, CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError};

use super::LONG;
use crate::{
    case::{Case, succeed_async},
    workload::Kind,
};

const NAME: &str = "breaker";

pub fn cases() -> Vec<Case> {
    let closed = CircuitBreaker::new(CircuitBreakerConfig::standard());
    let rejecting = CircuitBreaker::new(
        CircuitBreakerConfig::builder().backoff(BackoffStrategy::Fixed(LONG)).build(),
    );
    rejecting.trip();
    vec![
        Case::future(Kind::ClosedAsync, NAME, move || {
            let breaker = closed.clone();
            async move || breaker.call(succeed_async).await.is_ok()
        }),
        Case::future(Kind::OpenAsync, NAME, move || {
            let breaker = rejecting.clone();
            async move || {
                matches!(breaker.call(succeed_async).await, Err(CircuitBreakerError::CircuitOpen))
            }
        }),
    ]
}
