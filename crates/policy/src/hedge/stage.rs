//! Hedging as part of a pipeline.

use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

use super::{Hedge, HedgeConfig, HedgeLayer};

impl Layer for HedgeConfig {
    type Stage = Hedge;

    fn profile(&self) -> Profile {
        Profile::new(names::HEDGE).with_faults(self.faults()).duplicating()
    }

    fn into_stage(self, environment: &Environment) -> Hedge {
        let budget = Self::default_budget();
        self.with_budget(&budget).into_stage(environment)
    }
}

impl Layer for HedgeLayer {
    type Stage = Hedge;

    fn profile(&self) -> Profile {
        Profile::new(names::HEDGE).with_faults(self.config.faults()).duplicating()
    }

    fn into_stage(self, environment: &Environment) -> Hedge {
        let Environment { time, events, .. } = environment;
        Hedge::unchecked(self.config, self.budget, time.clone(), events.clone())
    }
}

/// Hedging that is shared with other pipelines, or controlled from outside.
impl Layer for Hedge {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::HEDGE).duplicating()
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E> Stage<T, E> for Hedge {
    async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        let first = next.run(call);
        // A later attempt starts later: the reading of the clock of the first one is not its own.
        let more = |_| Some(next.run(call.after_wait()));
        self.race(true, first, more, |done: &Done<T, E>| done.result.is_err()).await
    }

    /// Attempts of a synchronous run cannot overlap: only the first is made.
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        next.call(call)
    }
}
