//! What policies implement to be part of a pipeline.

use std::time::Duration;

use steadfast_base::{ConfigFault, Seed, Time};

use crate::events::Events;
use crate::pipeline::call::{Call, Done};

/// A policy at work in a pipeline: does something before, after or instead of what is next.
///
/// Both runs get what is next as a value that can be run any number of times, one after the other or
/// (asynchronously) at the same time. A stage keeps these rules:
///
/// - Decide before `next` is run; a rejected call must not make the future of what is next.
/// - Give permits back by dropping them, so that a dropped future gives them back too.
/// - Take the time from [`Call::now`] and [`Done::ended`], so that a pipeline reads the clock at most
///   twice per attempt, and do not ask for it if not needed.
/// - Do not box, do not allocate on the path of a success.
///
/// # Example
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use steadfast_policy::{Call, Done, Next, NextSync, Stage};
///
/// /// Counts attempts.
/// struct Counter(AtomicU64);
///
/// impl<T, E> Stage<T, E> for Counter {
///     async fn run<N: Next<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         next.run(call).await
///     }
///
///     fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         next.call(call)
///     }
/// }
/// ```
pub trait Stage<T, E> {
    /// Runs what is next, asynchronously.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call and gives back what the stage took for it.
    fn run<N: Next<T, E>>(&self, call: Call, next: N) -> impl Future<Output = Done<T, E>>;

    /// Runs what is next on this thread.
    fn call<N: NextSync<T, E>>(&self, call: Call, next: N) -> Done<T, E>;
}

/// What comes after a stage in an asynchronous run: the stages further in and the protected call.
pub trait Next<T, E>: Copy {
    /// Makes the future of one attempt; nothing happens before it is polled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt.
    fn run(self, call: Call) -> impl Future<Output = Done<T, E>>;
}

/// What comes after a stage in a synchronous run.
pub trait NextSync<T, E>: Copy {
    /// Makes one attempt.
    fn call(self, call: Call) -> Done<T, E>;
}

/// Settings that become a [`Stage`] when a pipeline is built.
pub trait Layer {
    /// The policy at work.
    type Stage;

    /// What the checks of the whole pipeline need to know.
    fn profile(&self) -> Profile;

    /// Makes the stage; only called if no layer of the pipeline has a fault.
    fn into_stage(self, environment: &Environment) -> Self::Stage;
}

/// What all stages of one pipeline share.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Environment {
    /// The pipeline's name.
    pub name: String,
    /// The clock and timer.
    pub time: Time,
    /// The randomness; each stage takes streams by names of its own.
    pub seed: Seed,
    /// Where decisions are told.
    pub events: Events,
}

/// What a layer says about itself to the checks of the whole pipeline.
#[non_exhaustive]
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a trait of its own, asked by one check")]
pub struct Profile {
    /// The kind of policy, one of [`names`](crate::names).
    pub kind: &'static str,
    /// Faults of its own settings.
    pub faults: Vec<ConfigFault>,
    /// Whether it may run a call several times at once, which only an idempotent call bears.
    pub duplicates: bool,
    /// Whether its extra calls are bounded by a budget.
    pub budgeted: bool,
    /// Whether it answers with what it remembers of calls before.
    pub remembers: bool,
    /// Whether it counts a dropped call as nothing, and so never sees a time-out around it.
    pub ignores_drops: bool,
    /// How long it lets a call run, if it limits that.
    pub limit: Option<Duration>,
}

impl Profile {
    /// A layer of a kind, without faults.
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            faults: Vec::new(),
            duplicates: false,
            budgeted: false,
            remembers: false,
            ignores_drops: false,
            limit: None,
        }
    }

    /// Adds the faults of the layer's own settings.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<ConfigFault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// Says that it answers with what it remembers of calls before.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.remembers = true;
        self
    }

    /// Says that it may run a call several times at once.
    #[must_use]
    pub fn duplicating(mut self) -> Self {
        self.duplicates = true;
        self
    }
}
