//! The adaptive limit as part of a pipeline.

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

use super::{AdaptiveConfig, AdaptiveLimiter, AdaptivePermit, SampleOutcome};

impl Layer for AdaptiveConfig {
    type Stage = AdaptiveLimiter;

    fn profile(&self) -> Profile {
        Profile::new(names::ADAPTIVE_LIMIT).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> AdaptiveLimiter {
        AdaptiveLimiter::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// An adaptive limit that is shared with other pipelines, or controlled from outside.
impl Layer for AdaptiveLimiter {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::ADAPTIVE_LIMIT)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for AdaptiveLimiter {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.try_acquire_at(call.now(&self.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let mut done = next.run(call).await;
        self.end(permit, &mut done);
        done
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.try_acquire_at(call.now(&self.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let mut done = next.call(call);
        self.end(permit, &mut done);
        done
    }
}

impl AdaptiveLimiter {
    /// Ends a permit by the result: errors and rejections come too early to tell a latency, and a call
    /// without time left to start took none.
    fn end<T, E>(&self, permit: AdaptivePermit<'_>, done: &mut Done<T, E>) {
        let outcome = match &done.result {
            Ok(_) => SampleOutcome::Success,
            Err(error) if error.is_timeout() && error.was_made() => SampleOutcome::Overload,
            Err(_) => return permit.ignore(),
        };
        permit.finish_at(outcome, done.ended(&self.inner.time));
    }
}
