//! The throttle as part of a pipeline.

use std::fmt;

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

use super::{Throttle, ThrottleConfig, ThrottlePermit};

/// A throttle with a say in which errors mean that the callee accepted the request.
///
/// Without one every error and time-out counts as not accepted.
///
/// # Example
///
/// ```
/// use steadfast_base::{Seed, Time};
/// use steadfast_policy::{Throttle, ThrottleConfig};
///
/// let throttle = Throttle::new(ThrottleConfig::default(), Time::system(), Seed::new(7))?;
/// let stage = throttle.accepted_by(|status: &u16| *status != 429 && *status != 503);
/// # drop(stage);
/// # Ok::<(), steadfast_policy::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ThrottleBy<A> {
    throttle: Throttle,
    accepted: A,
}

impl<A> fmt::Debug for ThrottleBy<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThrottleBy").field("throttle", &self.throttle).finish_non_exhaustive()
    }
}

impl<A> ThrottleBy<A> {
    /// The throttle.
    pub fn throttle(&self) -> &Throttle {
        &self.throttle
    }
}

impl Throttle {
    /// This throttle, where `accepted` tells the errors by which the callee answers a request it accepted.
    pub fn accepted_by<E, A: Fn(&E) -> bool>(&self, accepted: A) -> ThrottleBy<A> {
        ThrottleBy { throttle: self.clone(), accepted }
    }
}

impl Layer for ThrottleConfig {
    type Stage = Throttle;

    fn profile(&self) -> Profile {
        Profile::new(names::THROTTLE).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> Throttle {
        let Environment { time, seed, events, .. } = environment;
        Throttle::unchecked(self, time.clone(), *seed, events.clone())
    }
}

/// A throttle that is shared with other pipelines, or controlled from outside.
impl Layer for Throttle {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::THROTTLE)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<A> Layer for ThrottleBy<A> {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::THROTTLE)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for Throttle {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.try_acquire_at(call.now(&self.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.run(call).await;
        end(permit, &done, |_| false);
        done
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.try_acquire_at(call.now(&self.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.call(call);
        end(permit, &done, |_| false);
        done
    }
}

impl<T, E, A: Fn(&E) -> bool> Stage<T, E> for ThrottleBy<A> {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.throttle.try_acquire_at(call.now(&self.throttle.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.run(call).await;
        end(permit, &done, &self.accepted);
        done
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.throttle.try_acquire_at(call.now(&self.throttle.inner.time)) {
            Ok(permit) => permit,
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.call(call);
        end(permit, &done, &self.accepted);
        done
    }
}

/// Ends a permit by the result; a call that was rejected further in, or had no time left to start, was never
/// sent.
fn end<T, E>(permit: ThrottlePermit, done: &Done<T, E>, accepted: impl Fn(&E) -> bool) {
    match &done.result {
        Ok(_) => permit.accepted(),
        Err(error) if !error.was_made() => permit.cancel(),
        Err(error) if error.inner().is_some_and(accepted) => permit.accepted(),
        Err(_) => permit.rejected(),
    }
}
