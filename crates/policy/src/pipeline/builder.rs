//! The builder of a pipeline.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{ConfigError, Seed, Sink, Time};

use crate::events::Events;
use crate::guard::Guard;
use crate::pipeline::Pipeline;
use crate::pipeline::check::faults;
use crate::pipeline::compose::{Bare, Then};
use crate::pipeline::stage::{Environment, Layer, Profile};
use crate::retry::Retry;
use crate::timeout::TimeLimit;

/// Collects policies, outermost first, and checks them all at once in [`build`](Self::build).
///
/// | Setting | Default |
/// |---|---|
/// | `name` | `"pipeline"` |
/// | `time` | the machine's clock and a timer of its own |
/// | `seed` | differs from run to run |
/// | `sink` | none: no decision is told |
/// | `idempotent` | no: policies that run a call several times at once are refused |
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::{Pipeline, Retry};
///
/// let error = Pipeline::builder()
///     .attempt_timeout(Duration::from_secs(1))
///     .retry(Retry::default().max_attempts(0))
///     .build()
///     .unwrap_err();
/// assert_eq!(error.faults().len(), 2);
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct PipelineBuilder<L> {
    layers: L,
    name: String,
    time: Option<Time>,
    seed: Option<Seed>,
    sink: Option<Arc<dyn Sink>>,
    idempotent: bool,
}

impl PipelineBuilder<Bare> {
    pub(super) fn new() -> Self {
        Self {
            layers: Bare,
            name: "pipeline".to_owned(),
            time: None,
            seed: None,
            sink: None,
            idempotent: false,
        }
    }
}

impl<L> PipelineBuilder<L> {
    /// The name in events and settings.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The clock and timer of all policies.
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// The seed of all randomness: jitter, chaos, sampling.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where every decision is told.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Says that running a call several times at once is as good as running it once.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Adds a policy inside of all that were added before.
    pub fn layer<N: Layer>(self, layer: N) -> PipelineBuilder<Then<L, N>> {
        let Self { layers, name, time, seed, sink, idempotent } = self;
        let layers = Then { outer: layers, inner: layer };
        PipelineBuilder { layers, name, time, seed, sink, idempotent }
    }

    /// Time for the whole call, all attempts and waits included.
    pub fn total_deadline(self, limit: Duration) -> PipelineBuilder<Then<L, TimeLimit>> {
        self.layer(TimeLimit::total(limit))
    }

    /// Time for each attempt.
    pub fn attempt_timeout(self, limit: Duration) -> PipelineBuilder<Then<L, TimeLimit>> {
        self.layer(TimeLimit::attempt(limit))
    }

    /// An answer in place of errors: a [`Fallback`](crate::Fallback) or [`LastGood`](crate::LastGood).
    pub fn fallback<N: Layer>(self, fallback: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(fallback)
    }

    /// Further attempts.
    pub fn retry<C>(self, retry: Retry<C>) -> PipelineBuilder<Then<L, Retry<C>>> {
        self.layer(retry)
    }

    /// A circuit breaker, breakers by key, or a [`Guard`] around either.
    pub fn breaker<B, C, A>(
        self,
        breaker: impl Into<Guard<B, C, A>>,
    ) -> PipelineBuilder<Then<L, Guard<B, C, A>>>
    where
        Guard<B, C, A>: Layer,
    {
        self.layer(breaker.into())
    }

    /// A bound on the calls under way.
    pub fn bulkhead<N: Layer>(self, bulkhead: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(bulkhead)
    }

    /// A bound on the calls per time.
    pub fn rate_limit<N: Layer>(self, rate_limit: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(rate_limit)
    }

    /// A bound on the calls under way that follows what is measured.
    pub fn limit<N: Layer>(self, limit: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(limit)
    }

    /// Turns calls down when the callee turns so many down anyway.
    pub fn throttle<N: Layer>(self, throttle: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(throttle)
    }

    /// Sheds load by priority and age.
    pub fn shed<N: Layer>(self, shed: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(shed)
    }

    /// Keeps away from hosts that fail more than others.
    pub fn outlier<N: Layer>(self, outlier: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(outlier)
    }

    /// A second call when the first one takes long; the call must be [`idempotent`](Self::idempotent).
    pub fn hedge<N: Layer>(self, hedge: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(hedge)
    }

    /// Injected faults; belongs innermost.
    pub fn chaos<N: Layer>(self, chaos: N) -> PipelineBuilder<Then<L, N>> {
        self.layer(chaos)
    }

    /// The pipeline, checked as a whole.
    ///
    /// # Errors
    ///
    /// Fails if a policy's settings or the order of the policies have faults; lists all of them, each
    /// with what to do about it.
    pub fn build(self) -> Result<Pipeline<L::Stages>, ConfigError>
    where
        L: Layers,
    {
        let mut profiles = Vec::new();
        self.layers.profiles(&mut profiles);
        ConfigError::check("policy", faults(&profiles, self.idempotent))?;
        let time = self.time.unwrap_or_else(Time::system);
        let events = match self.sink {
            Some(sink) => Events::new(self.name.clone(), time.clone(), sink),
            None => Events::off(),
        };
        let seed = self.seed.unwrap_or_else(Seed::from_entropy);
        let environment = Environment { name: self.name, time, seed, events };
        let stages = self.layers.into_stages(&environment);
        Ok(Pipeline::new(stages, environment, profiles, self.idempotent))
    }
}

impl<L> fmt::Debug for PipelineBuilder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Any number of layers, nested by type; implemented for what the builder makes.
pub trait Layers {
    /// The stages that the layers become.
    type Stages;

    /// Collects what the layers say about themselves, the outermost first.
    fn profiles(&self, profiles: &mut Vec<Profile>);

    /// Makes the stages.
    fn into_stages(self, environment: &Environment) -> Self::Stages;
}

impl Layers for Bare {
    type Stages = Self;

    fn profiles(&self, _profiles: &mut Vec<Profile>) {}

    fn into_stages(self, _environment: &Environment) -> Self {
        self
    }
}

impl<Outer: Layers, Inner: Layer> Layers for Then<Outer, Inner> {
    type Stages = Then<Outer::Stages, Inner::Stage>;

    fn profiles(&self, profiles: &mut Vec<Profile>) {
        self.outer.profiles(profiles);
        profiles.push(self.inner.profile());
    }

    fn into_stages(self, environment: &Environment) -> Self::Stages {
        Then {
            outer: self.outer.into_stages(environment),
            inner: self.inner.into_stage(environment),
        }
    }
}
