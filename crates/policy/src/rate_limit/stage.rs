//! The rate limiter as part of a pipeline.

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

use super::{RateLimiter, RateLimiterConfig};

impl Layer for RateLimiterConfig {
    type Stage = RateLimiter;

    fn profile(&self) -> Profile {
        Profile::new(names::RATE_LIMIT).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> RateLimiter {
        RateLimiter::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// A rate limiter that is shared with other pipelines, or controlled from outside.
impl Layer for RateLimiter {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::RATE_LIMIT)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for RateLimiter {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let now = call.now(&self.inner.time);
        match self.acquire_until(now, call.deadline()).await {
            Ok(true) => next.run(call.after_wait()).await,
            Ok(false) => next.run(call).await,
            Err(rejection) => Done::err(rejection),
        }
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let now = call.now(&self.inner.time);
        match self.acquire_blocking_until(now, call.deadline()) {
            Ok(true) => next.call(call.after_wait()),
            Ok(false) => next.call(call),
            Err(rejection) => Done::err(rejection),
        }
    }
}
