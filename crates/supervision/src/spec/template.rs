//! The template that all children of a dynamic supervisor share.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{Actor, ActorHandle, IntoFactory, Overflow};

use super::{ChildFailure, ChildRestart, Hooks, LaunchOnce, Mailbox, launch};
use crate::{Backoff, Budget, ChildRules, RestartPolicy, Shutdown};

/// Makes a child of an argument; `None` if the argument is of another type.
pub(crate) type Maker = Arc<dyn Fn(Box<dyn Any + Send>) -> Option<LaunchOnce> + Send + Sync>;

/// What all children of a dynamic supervisor have in common (OTP's `simple_one_for_one`).
///
/// The defaults are those of [`ChildSpec`](crate::ChildSpec). Each start brings the factory
/// ([`SupervisorRef::start_child`](crate::SupervisorRef::start_child)), or an argument for the
/// template's own ([`of`](Self::of)).
///
/// ```
/// use steadfast_supervision::{ChildTemplate, Supervisor};
/// # use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};
/// # struct Worker(u64);
/// # enum Msg { Add, Get(Reply<u64>), Fail }
/// # impl Actor for Worker {
/// #     type Msg = Msg;
/// #     type Error = std::fmt::Error;
/// #     async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
/// #         match msg {
/// #             Msg::Add => self.0 += 1,
/// #             Msg::Get(reply) => reply.send(self.0),
/// #             Msg::Fail => return Err(std::fmt::Error),
/// #         }
/// #         Ok(Flow::Continue)
/// #     }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let system = System::builder("shop").build()?;
/// let template = ChildTemplate::of(|start: u64| Worker(start)).temporary();
/// let sessions = Supervisor::dynamic(template).start(&system, "sessions").await?;
/// let from_argument = sessions.start_of::<Msg>(7_u64).await?;
/// let from_factory = sessions.start_child(|| Worker(8)).await?;
/// assert_eq!(from_argument.ask(Msg::Get).await?, 7);
/// sessions.terminate_child(&from_factory).await?;
/// assert_eq!(sessions.count_children().await?.active, 1);
/// # system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone, Default)]
pub struct ChildTemplate {
    pub(crate) rules: ChildRules,
    pub(crate) hooks: Hooks,
    pub(crate) mailbox: Mailbox,
    pub(crate) maker: Option<Maker>,
}

impl ChildTemplate {
    /// A template for children that bring their own factories.
    pub fn new() -> Self {
        Self::default()
    }

    /// A template that makes children of an argument, which is cloned for each incarnation and
    /// freed with the child.
    pub fn of<T, A, F>(make: F) -> Self
    where
        T: Clone + Send + 'static,
        A: Actor,
        F: Fn(T) -> A + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        let maker: Maker = Arc::new(move |argument| {
            let argument = argument.downcast::<T>().ok()?;
            let make = Arc::clone(&make);
            Some(Box::new(move |seat, name, mailbox| {
                let factory = move || make(T::clone(&argument));
                let factory = IntoFactory::<A, _>::into_factory(factory);
                launch::<A, _>(seat, name, mailbox, factory)
            }))
        });
        Self { maker: Some(maker), ..Self::default() }
    }

    /// Restarts after every end that the supervisor did not order.
    #[must_use]
    pub fn permanent(self) -> Self {
        self.restart(RestartPolicy::permanent())
    }

    /// Restarts after failures only. The default.
    #[must_use]
    pub fn transient(self) -> Self {
        self.restart(RestartPolicy::transient())
    }

    /// Never restarts.
    #[must_use]
    pub fn temporary(self) -> Self {
        self.restart(RestartPolicy::temporary())
    }

    /// Sets which ends lead to a restart.
    #[must_use]
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.rules.restart = policy;
        self
    }

    /// Gives children this long to end in order; then they are killed.
    #[must_use]
    pub fn shutdown(mut self, limit: Duration) -> Self {
        self.rules.shutdown = Shutdown::Graceful(limit);
        self
    }

    /// Kills children at once where they have to end; no hook of them runs.
    #[must_use]
    pub fn brutal_kill(mut self) -> Self {
        self.rules.shutdown = Shutdown::BrutalKill;
        self
    }

    /// Sets the delay before restarts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules.backoff = backoff;
        self
    }

    /// Gives each child a budget of its own.
    #[must_use]
    pub fn budget(mut self, restarts: u32, period: Duration) -> Self {
        self.rules.budget = Some(Budget::new(restarts, period));
        self
    }

    /// Moves the old value into the next incarnation after an error or a panic.
    #[must_use]
    pub fn preserve_state(mut self) -> Self {
        self.rules.state = crate::RestartState::Preserved;
        self
    }

    /// Keeps a child's own children over its restarts.
    #[must_use]
    pub fn keep_children(mut self) -> Self {
        self.rules.stop_children = false;
        self
    }

    /// How many messages the mailbox of each child holds.
    #[must_use]
    pub fn capacity(mut self, messages_max: u32) -> Self {
        self.mailbox.capacity = Some(messages_max);
        self
    }

    /// What a full mailbox does with the next message.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.mailbox.overflow = Some(overflow);
        self
    }

    /// Runs before each restart, on the supervisor's task.
    #[must_use]
    pub fn cleanup(mut self, hook: impl Fn(&ChildRestart<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.cleanup = Some(Arc::new(hook));
        self
    }

    /// Runs at each failure of a child, on the supervisor's task.
    #[must_use]
    pub fn on_error(mut self, hook: impl Fn(&ChildFailure<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.on_error = Some(Arc::new(hook));
        self
    }

    /// Runs after each restart that succeeded, on the supervisor's task.
    #[must_use]
    pub fn on_restart(mut self, hook: impl Fn(&ChildRestart<'_>) + Send + Sync + 'static) -> Self {
        self.hooks.on_restart = Some(Arc::new(hook));
        self
    }

    /// Replaces all rules at once, say by those of a configuration.
    #[must_use]
    pub fn with_rules(mut self, rules: ChildRules) -> Self {
        self.rules = rules;
        self
    }

    /// The rules that children live by.
    pub fn rules(&self) -> &ChildRules {
        &self.rules
    }
}

impl fmt::Debug for ChildTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildTemplate").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// A launcher of the factory that a start brings along.
pub(crate) fn once<A, K, F>(factory: F) -> LaunchOnce
where
    A: Actor,
    F: IntoFactory<A, K> + Send + 'static,
{
    Box::new(move |seat, name, mailbox| -> Result<ActorHandle, _> {
        launch::<A, _>(seat, name, mailbox, factory.into_factory())
    })
}
