//! The bulkhead as part of a pipeline.

use steadfast_base::Outlined;

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
use crate::waiting::block_on;

use super::permit::BulkheadPermit;
use super::{Bulkhead, BulkheadConfig};

impl Layer for BulkheadConfig {
    type Stage = Bulkhead;

    fn profile(&self) -> Profile {
        Profile::new(names::BULKHEAD).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> Bulkhead {
        Bulkhead::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// A bulkhead that is shared with other pipelines, or controlled from outside.
impl Layer for Bulkhead {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::BULKHEAD)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for Bulkhead {
    #[inline]
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.place_at_once() {
            Ok(Some(permit)) => permit,
            Ok(None) => match Outlined::new(self.acquire_until(call.deadline())).await {
                Ok(permit) => {
                    call = call.after_wait();
                    permit
                }
                Err(rejection) => return Done::err(rejection),
            },
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.run(call).await;
        end(permit, &done);
        done
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let permit = match self.place_at_once() {
            Ok(Some(permit)) => permit,
            Ok(None) => match block_on(self.acquire_until(call.deadline())) {
                Ok(permit) => {
                    call = call.after_wait();
                    permit
                }
                Err(rejection) => return Done::err(rejection),
            },
            Err(rejection) => return Done::err(rejection),
        };
        let done = next.call(call);
        end(permit, &done);
        done
    }
}

/// Ends a permit by the result; a call that was rejected further in, or not started for want of time, says
/// nothing about the callee.
#[inline]
fn end<T, E>(permit: BulkheadPermit<'_>, done: &Done<T, E>) {
    match &done.result {
        Ok(_) => permit.succeed(),
        Err(error) if error.was_made() => permit.fail(),
        Err(_) => drop(permit),
    }
}
