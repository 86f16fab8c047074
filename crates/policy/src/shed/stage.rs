//! Load shedding as part of a pipeline.

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
use crate::waiting::block_on;

use super::{LoadShedder, ShedConfig};

impl Layer for ShedConfig {
    type Stage = LoadShedder;

    fn profile(&self) -> Profile {
        Profile::new(names::SHED).with_faults(self.faults())
    }

    fn into_stage(self, environment: &Environment) -> LoadShedder {
        LoadShedder::unchecked(self, environment.time.clone(), environment.events.clone())
    }
}

/// A load shedder that is shared with other pipelines, or controlled from outside.
impl Layer for LoadShedder {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::SHED)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for LoadShedder {
    async fn run<N: Next<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let _permit = match self.free_place() {
            Some(permit) => permit,
            None => match self.acquire_until(call.priority(), call.deadline()).await {
                Ok(permit) => {
                    call = call.after_wait();
                    permit
                }
                Err(rejection) => return Done::err(rejection),
            },
        };
        next.run(call).await
    }

    fn call<N: NextSync<T, E>>(&self, mut call: Call, next: N) -> Done<T, E> {
        let _permit = match self.free_place() {
            Some(permit) => permit,
            None => match block_on(self.acquire_until(call.priority(), call.deadline())) {
                Ok(permit) => {
                    call = call.after_wait();
                    permit
                }
                Err(rejection) => return Done::err(rejection),
            },
        };
        next.call(call)
    }
}
