//! What a policy does around one call, with a future that can be named and sent.

use std::pin::Pin;

use steadfast_base::{CallContext, Priority, context};
use steadfast_breaker::CircuitBreaker;

use crate::adaptive::AdaptiveLimiter;
use crate::bulkhead::Bulkhead;
use crate::error::Error;
use crate::rate_limit::RateLimiter;
use crate::shed::LoadShedder;
use crate::throttle::Throttle;

/// The future of a protected call.
pub type Admitted<T, E> = Pin<Box<dyn Future<Output = Result<T, Error<E>>> + Send>>;

/// A policy that can stand around a service by itself; its handle is cheap to clone.
///
/// Policies that repeat calls (retries, hedges) need copies of the request; they go into a pipeline, see
/// [`PipelineLayer`](super::PipelineLayer).
pub trait Protect: Clone + Send + Sync + 'static {
    /// Makes a call if the policy lets it through; `make` is not called before that.
    fn protect<T, E, F>(&self, make: impl FnOnce() -> F + Send + 'static) -> Admitted<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, E>> + Send;
}

/// Implements [`Protect`] by an async block over a handle of the policy.
macro_rules! protect {
    ($policy:ty, |$handle:ident, $make:ident| $body:block) => {
        impl Protect for $policy {
            fn protect<T, E, F>(&self, make: impl FnOnce() -> F + Send + 'static) -> Admitted<T, E>
            where
                T: Send + 'static,
                E: Send + 'static,
                F: Future<Output = Result<T, E>> + Send,
            {
                let ($handle, $make) = (self.clone(), make);
                Box::pin(async move { $body })
            }
        }
    };
}

protect!(Bulkhead, |bulkhead, make| { bulkhead.call_async(make).await });

protect!(RateLimiter, |limiter, make| { limiter.call_async(make).await });

protect!(CircuitBreaker, |breaker, make| { Ok(breaker.call_async(make).await?) });

protect!(AdaptiveLimiter, |limiter, make| {
    let permit = limiter.try_acquire_owned()?;
    let result = make().await;
    // An error may come early, so it tells no latency.
    if result.is_ok() {
        permit.succeed();
    } else {
        permit.ignore();
    }
    result.map_err(Error::Inner)
});

protect!(Throttle, |throttle, make| {
    let permit = throttle.try_acquire()?;
    let result = make().await;
    if result.is_ok() {
        permit.accepted();
    } else {
        permit.rejected();
    }
    result.map_err(Error::Inner)
});

protect!(LoadShedder, |shedder, make| {
    let priority =
        context::current_ref(|call| call.map_or(Priority::default(), CallContext::priority));
    let permit = shedder.acquire_owned(priority).await?;
    let result = make().await;
    drop(permit);
    result.map_err(Error::Inner)
});
