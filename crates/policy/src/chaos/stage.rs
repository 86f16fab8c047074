//! Chaos as part of a pipeline.

use std::fmt;

use crate::error::Error;
use crate::names;
use crate::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};

use super::config::ChaosConfig;
use super::{Chaos, Met};

/// Chaos, or its settings, with the function that makes the injected error.
///
/// # Example
///
/// ```
/// use std::io::{Error, ErrorKind};
///
/// use steadfast_policy::{CallFault, ChaosConfig};
///
/// let config = ChaosConfig::default().with_call_fault(CallFault::Error, 0.1);
/// let layer = config.failing_with(|| Error::from(ErrorKind::ConnectionReset));
/// # drop(layer);
/// ```
#[derive(Clone)]
pub struct ChaosStage<C, M> {
    chaos: C,
    error: M,
}

impl<C: fmt::Debug, M> fmt::Debug for ChaosStage<C, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosStage").field("chaos", &self.chaos).finish_non_exhaustive()
    }
}

impl<M> ChaosStage<Chaos, M> {
    /// The chaos at work.
    pub fn chaos(&self) -> &Chaos {
        &self.chaos
    }
}

impl ChaosConfig {
    /// These settings for a pipeline; `error` makes the error that is injected.
    pub fn failing_with<E, M: Fn() -> E>(self, error: M) -> ChaosStage<Self, M> {
        ChaosStage { chaos: self, error }
    }
}

impl Chaos {
    /// This chaos for a pipeline, to be controlled from outside; `error` makes the error that is injected.
    pub fn failing_with<E, M: Fn() -> E>(&self, error: M) -> ChaosStage<Self, M> {
        ChaosStage { chaos: self.clone(), error }
    }
}

impl<M> Layer for ChaosStage<ChaosConfig, M> {
    type Stage = ChaosStage<Chaos, M>;

    fn profile(&self) -> Profile {
        Profile::new(names::CHAOS).with_faults(self.chaos.faults())
    }

    fn into_stage(self, environment: &Environment) -> Self::Stage {
        let Environment { time, seed, events, .. } = environment;
        let chaos = Chaos::unchecked(self.chaos, time.clone(), *seed, events.clone());
        ChaosStage { chaos, error: self.error }
    }
}

impl<M> Layer for ChaosStage<Chaos, M> {
    type Stage = Self;

    fn profile(&self) -> Profile {
        Profile::new(names::CHAOS)
    }

    fn into_stage(self, _environment: &Environment) -> Self {
        self
    }
}

impl<T, E, M: Fn() -> E> Stage<T, E> for ChaosStage<Chaos, M> {
    async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        match self.chaos.inner.meet().await {
            Met::Unharmed(true) => next.run(call.after_wait()).await,
            Met::Unharmed(false) => next.run(call).await,
            Met::Failed => Done::err(Error::Inner((self.error)())),
        }
    }

    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        match self.chaos.inner.meet_blocking() {
            Met::Unharmed(true) => next.call(call.after_wait()),
            Met::Unharmed(false) => next.call(call),
            Met::Failed => Done::err(Error::Inner((self.error)())),
        }
    }
}
