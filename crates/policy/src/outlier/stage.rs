//! Outlier ejection as part of a pipeline: hosts are the keys of calls.

use steadfast_base::Instant;

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
use crate::rejection::Rejection;

use super::{OutlierConfig, OutlierEjection};

/// The host of a call is its [key](Call::key); calls without one are those of a single host.
impl Layer for OutlierConfig {
    type Stage = OutlierEjection<u64>;

    fn profile(&self) -> Profile {
        Profile::new(names::OUTLIER).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> Self::Stage {
        OutlierEjection::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// Ejection that is shared with other pipelines, or controlled from outside.
impl Layer for OutlierEjection<u64> {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::OUTLIER)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for OutlierEjection<u64> {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        if let Err(rejection) = self.enter(&mut call) {
            return Done::err(rejection);
        }
        let mut done = next.run(call).await;
        self.leave(call.key(), &mut done);
        done
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        if let Err(rejection) = self.enter(&mut call) {
            return Done::err(rejection);
        }
        let mut done = next.call(call);
        self.leave(call.key(), &mut done);
        done
    }
}

impl OutlierEjection<u64> {
    fn enter(&self, call: &mut Call) -> Result<(), Rejection> {
        let now: Instant = call.now(&self.inner.time);
        self.admit_at(&call.key(), now)
    }

    /// Records the result; a call that was rejected further in, or had no time left to start, says nothing
    /// about its host.
    fn leave<T, E>(&self, host: u64, done: &mut Done<T, E>) {
        if done.result.as_ref().is_err_and(|error| !error.was_made()) {
            return;
        }
        let (success, now) = (done.result.is_ok(), done.ended(&self.inner.time));
        self.record_at(&host, success, now);
    }
}
