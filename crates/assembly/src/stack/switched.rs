//! A policy that can be switched off and on while it is at work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use steadfast_policy::{
    Call, ConfigError, Done, Environment, Layer, Next, NextSync, PipelineSettings, Profile, Stage,
    Tune,
};

/// The kind of a policy that is off: no check of a pipeline knows it.
const OFF: &str = "off";

/// A stage with its switch; clones are the same. Off, it costs one load.
#[derive(Debug)]
pub(crate) struct Switched<S> {
    inner: Arc<Inner<S>>,
}

#[derive(Debug)]
struct Inner<S> {
    on: AtomicBool,
    stage: S,
}

impl<S> Clone for Switched<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S> Switched<S> {
    pub(crate) fn is_on(&self) -> bool {
        self.inner.on.load(Ordering::Relaxed)
    }

    /// The stage, if it is on.
    pub(crate) fn stage(&self) -> Option<&S> {
        self.is_on().then_some(&self.inner.stage)
    }

    /// The stage, on or off.
    pub(crate) fn any_stage(&self) -> &S {
        &self.inner.stage
    }
}

impl<S: Tune> Switched<S> {
    /// Switches, after the settings are in force if it is to be on.
    pub(crate) fn tune(&self, on: bool, settings: &PipelineSettings) -> Result<(), ConfigError> {
        if on {
            self.inner.stage.tune(settings)?;
        }
        self.inner.on.store(on, Ordering::Relaxed);
        Ok(())
    }
}

impl<T, E, S: Stage<T, E>> Stage<T, E> for Switched<S> {
    #[inline]
    async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        if self.is_on() { self.inner.stage.run(call, next).await } else { next.run(call).await }
    }

    #[inline]
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
        if self.is_on() { self.inner.stage.call(call, next) } else { next.call(call) }
    }
}

/// A layer that becomes a [`Switched`] stage, of which a handle is kept.
pub(super) struct Switch<L: Layer> {
    on: bool,
    layer: L,
    handle: Handle<L::Stage>,
}

/// Where the stage is found once the pipeline is built.
pub(super) struct Handle<S>(Arc<OnceLock<Switched<S>>>);

impl<S> Handle<S> {
    pub(super) fn get(&self) -> Switched<S> {
        self.0.get().cloned().expect("the pipeline was built, and so was each of its stages")
    }
}

impl<L: Layer> Switch<L> {
    /// A layer with its settings if it is on, with the default ones if not.
    pub(super) fn new<C: Default>(
        settings: Option<C>,
        layer: impl FnOnce(C) -> L,
    ) -> (Self, Handle<L::Stage>) {
        let (on, layer) = (settings.is_some(), layer(settings.unwrap_or_default()));
        let place = Arc::new(OnceLock::new());
        (Self { on, layer, handle: Handle(Arc::clone(&place)) }, Handle(place))
    }
}

impl<L: Layer> Layer for Switch<L> {
    type Stage = Switched<L::Stage>;

    fn profile(&self) -> Profile {
        if self.on { self.layer.profile() } else { Profile::new(OFF) }
    }

    fn into_stage(self, environment: &Environment) -> Switched<L::Stage> {
        let Self { on, layer, handle } = self;
        let inner = Inner { on: AtomicBool::new(on), stage: layer.into_stage(environment) };
        let stage = Switched { inner: Arc::new(inner) };
        // A layer becomes a stage once, so the place is free.
        drop(handle.0.set(stage.clone()));
        stage
    }
}
