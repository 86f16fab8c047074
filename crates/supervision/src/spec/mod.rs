//! Children before they start: the spec of a static child and the template of dynamic ones.

mod hooks;
mod launch;
mod rule_methods;
mod template;

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use steadfast_actor_core::{Actor, ActorHandle, BoxError, IntoFactory};

pub(crate) use self::hooks::Hooks;
pub use self::hooks::{ChildFailure, ChildRestart, FAILURES_KEPT, FailureStage};
pub(crate) use self::launch::{Launch, LaunchOnce, Mailbox, Seat, launch};
use self::launch::{Source, Sourced};
use self::rule_methods::rule_methods;
pub use self::template::ChildTemplate;
pub(crate) use self::template::once;
use crate::shell::SupervisorActor;
use crate::{ChildPlan, ChildRules, Faults, RestartState, Supervisor};

/// A child of a supervisor: its name, its factory, and the rules it lives by.
///
/// | rule | default |
/// |---|---|
/// | restart | [`transient`](Self::transient): after failures |
/// | state of a restart | fresh, from the factory |
/// | [`shutdown`](Self::shutdown) | 5 s, then killed; a supervisor has all the time it needs |
/// | [`backoff`](Self::backoff) | 0.1 s, doubled, at most 30 s, 10 % jitter, reset after 60 s up |
/// | [`budget`](Self::budget) | none of its own |
/// | [`capacity`](Self::capacity), [`overflow`](Self::overflow) | the system's |
///
/// The factory builds the first incarnation and, unless told otherwise, every later one. It is
/// cloned for each new actor, so that a child can also be started anew after it had ended for
/// good.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) name: Arc<str>,
    pub(crate) rules: ChildRules,
    pub(crate) hooks: Hooks,
    pub(crate) mailbox: Mailbox,
    /// Absent for an adopted actor: its factory is in its own task.
    pub(crate) launch: Option<Launch>,
    actor: Option<TypeId>,
    source: Option<(TypeId, Arc<dyn Any + Send + Sync>)>,
    /// What its actor opens for operators once it is launched.
    offers: Vec<fn(&ActorHandle)>,
    /// Told before each restart whether it is to use the source.
    asks_source: Arc<AtomicBool>,
    /// The faults of a nested supervisor.
    pub(crate) nested: Faults,
}

impl ChildSpec {
    /// A worker. The factory returns the actor, a `Result`, or a future of one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use steadfast_supervision::{Backoff, ChildSpec};
    /// # use steadfast_actor_core::{Actor, Cx, Flow};
    /// # struct Db;
    /// # impl Db { fn open() -> Self { Self } }
    /// # impl Actor for Db {
    /// #     type Msg = ();
    /// #     type Error = std::convert::Infallible;
    /// #     async fn handle(&mut self, _: (), _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
    /// #         Ok(Flow::Continue)
    /// #     }
    /// # }
    /// let spec = ChildSpec::new("db", || Db::open())
    ///     .permanent()
    ///     .shutdown(Duration::from_secs(10))
    ///     .backoff(Backoff::none());
    /// # drop(spec);
    /// ```
    pub fn new<A, K, F>(name: impl Into<Arc<str>>, factory: F) -> Self
    where
        A: Actor,
        F: IntoFactory<A, K> + Clone + Send + Sync + 'static,
    {
        let launch: Launch = Arc::new(move |seat, spec| {
            let factory = factory.clone().into_factory();
            let (name, mailbox) = (Some(&*spec.name), &spec.mailbox);
            let launched = match spec.source_of::<A>() {
                None => launch::<A, _>(seat, name, mailbox, factory),
                Some(source) => launch::<A, _>(seat, name, mailbox, Sourced { factory, source }),
            };
            launched.inspect(|child| spec.offers.iter().for_each(|offer| offer(child)))
        });
        let actor = Some(TypeId::of::<A>());
        Self { launch: Some(launch), actor, ..Self::bare(name.into(), ChildRules::worker()) }
    }

    /// A nested supervisor. Its restart brings back its static children; dynamic ones are gone.
    ///
    /// Each level has a budget of its own, so restarts multiply: three levels of 3 in 60 s may
    /// restart a worker 63 times within a minute before the top gives up. Keep trees flat and
    /// budgets small near the top.
    pub fn supervisor(name: impl Into<Arc<str>>, supervisor: Supervisor) -> Self {
        let nested = supervisor.validate().err().unwrap_or_default();
        let supervisor = Arc::new(supervisor);
        let launch: Launch = Arc::new(move |seat, spec| {
            let factory = SupervisorActor::factory(&supervisor, seat.tree);
            let factory = IntoFactory::<SupervisorActor, _>::into_factory(factory);
            launch::<SupervisorActor, _>(seat, Some(&*spec.name), &spec.mailbox, factory)
        });
        let mailbox = SupervisorActor::MAILBOX;
        let bare = Self::bare(name.into(), ChildRules::supervisor());
        Self { launch: Some(launch), mailbox, nested, ..bare }
    }

    /// A spec without a factory, for an actor that runs already.
    pub(crate) fn bare(name: Arc<str>, rules: ChildRules) -> Self {
        Self {
            name,
            rules,
            hooks: Hooks::default(),
            mailbox: Mailbox::default(),
            launch: None,
            actor: None,
            source: None,
            offers: Vec::new(),
            asks_source: Arc::default(),
            nested: Faults::default(),
        }
    }

    rule_methods!();

    /// Lets its end count for the supervisor's [`AutoShutdown`](crate::AutoShutdown).
    #[must_use]
    pub fn significant(mut self) -> Self {
        self.rules.significant = true;
        self
    }

    /// Takes the state of restarts from an asynchronous source, say its last snapshot. A source
    /// that fails is a failed start attempt, and charged as one.
    ///
    /// The actor type must be the factory's; [`Supervisor::validate`] reports another one.
    #[must_use]
    pub fn restart_from<A, S, R, E>(mut self, source: S) -> Self
    where
        A: Actor,
        S: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<A, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let source = Source::<A>::new(source, Arc::clone(&self.asks_source));
        self.source = Some((TypeId::of::<A>(), Arc::new(source)));
        self.rules.state = RestartState::Source;
        self
    }

    /// Lets operators look at the state of the child, an `A`, as JSON: see [`ActorHandle::inspect`].
    #[must_use]
    pub fn inspectable<A: Actor + Serialize>(mut self) -> Self {
        self.offers.push(ActorHandle::open_state::<A>);
        self
    }

    /// Lets operators put in messages of type `M`, the child's, as JSON: see [`ActorHandle::inject`].
    #[must_use]
    pub fn injectable<M: DeserializeOwned + Send + 'static>(mut self) -> Self {
        self.offers.push(ActorHandle::open_messages::<M>);
        self
    }

    /// The child's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn plan(&self) -> ChildPlan {
        ChildPlan::new(&*self.name, self.rules.clone())
    }

    /// Whether the source builds another type of actor than the factory.
    pub(crate) fn has_foreign_source(&self) -> bool {
        self.source.as_ref().is_some_and(|(source, _)| self.actor != Some(*source))
    }

    /// Tells the factory whether the coming restart is to use the source.
    pub(crate) fn ask_source(&self, asked: bool) {
        self.asks_source.store(asked, Ordering::Relaxed);
    }

    fn source_of<A: Actor>(&self) -> Option<Source<A>> {
        self.source.as_ref()?.1.downcast_ref::<Source<A>>().cloned()
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
