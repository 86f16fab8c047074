//! `RootSupervisor`: the top of a system's tree.

use std::sync::Arc;

use steadfast_actor_core::{ShutdownReport, System};
use steadfast_base::FailureRecord;
use steadfast_breaker::State;

use crate::root::{Root, RootRules};
use crate::shell::{SupervisorActor, Tree};
use crate::{Supervisor, SupervisorError, SupervisorRef};

/// The top of a system's tree: a supervisor with a breaker over all restarts below it, a history
/// of failures, and the power to end the system.
///
/// - When it ends, the system shuts down; [`System::run`](steadfast_actor_core::System::run)
///   returns the reason: `Meltdown` when its restart budget is spent.
/// - More than 100 restarts within 60 s in the whole tree open the breaker: no restart is started,
///   and children show `restarting`. After 30 s one at a time is tried; when 3 have stayed up for
///   5 s each, the breaker closes.
/// - Every failure in the tree is kept, the last 1,000.
///
/// All numbers are in [`RootRules`].
///
/// ```
/// use std::time::Duration;
/// use steadfast_supervision::{ChildSpec, RootSupervisor, Supervisor};
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
/// let top = Supervisor::one_for_one()
///     .intensity(0, Duration::from_secs(60))
///     .child(ChildSpec::new("stock", || Worker(0)));
/// let root = RootSupervisor::of(top).start(&system, "root").await?;
/// let stock = root.supervisor().child("stock").await.ok_or("started")?;
/// stock.tell(Msg::Fail).await?;
/// assert_eq!(system.run().await.name(), "meltdown");
/// assert_eq!(root.error_history().len(), 1);
/// # system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct RootSupervisor {
    system: System,
    supervisor: SupervisorRef,
    root: Arc<Root>,
}

/// A [`RootSupervisor`] before it starts.
#[derive(Clone, Debug)]
#[must_use = "a root supervises nothing until `start`"]
pub struct RootBuilder {
    supervisor: Supervisor,
    rules: RootRules,
}

impl RootBuilder {
    /// Sets the limits of the breaker and of the history.
    pub fn rules(mut self, rules: RootRules) -> Self {
        self.rules = rules;
        self
    }

    /// Starts it under this name and waits until all children are up.
    ///
    /// # Errors
    ///
    /// As for [`Supervisor::start`], and `Root` if the rules are out of range.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future after its first poll leaves the root running.
    pub async fn start(
        self,
        system: &System,
        name: &str,
    ) -> Result<RootSupervisor, SupervisorError> {
        let Self { supervisor, rules } = self;
        supervisor.validate()?;
        let root = Root::new(system, &rules, supervisor.sink.clone())
            .map_err(|faults| SupervisorError::Root(Arc::new(faults)))?;
        let root = Arc::new(root);
        let tree = Tree { sink: None, root: Some(Arc::clone(&root)) };
        let factory = SupervisorActor::root_factory(&Arc::new(supervisor), &tree);
        let spawn = SupervisorActor::MAILBOX.apply(system.spawn(name, factory));
        let supervisor = SupervisorRef::new(spawn.await?);
        Ok(RootSupervisor { system: system.clone(), supervisor, root })
    }
}

impl RootSupervisor {
    /// Makes a supervisor the root of a system.
    pub fn of(supervisor: Supervisor) -> RootBuilder {
        RootBuilder { supervisor, rules: RootRules::default() }
    }

    /// The root as a supervisor.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// Shuts the whole system down in order: its phases, and the tree in reverse start order.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn system_shutdown(&self) -> ShutdownReport {
        self.system.shutdown().await
    }

    /// Kills all actors of the system at once; no hook runs. Done within 1 s, whatever they do.
    ///
    /// # Cancel safety
    ///
    /// The stop goes on if the future is dropped.
    pub async fn emergency_stop(&self) -> ShutdownReport {
        self.system.emergency_stop().await
    }

    /// The last failures of the whole tree, oldest first.
    pub fn error_history(&self) -> Vec<FailureRecord> {
        self.root.history().iter().cloned().collect()
    }

    /// Failures of the whole tree so far, kept or not.
    pub fn errors_total(&self) -> u64 {
        self.root.history().total()
    }

    /// Forgets the failures kept; [`errors_total`](Self::errors_total) stays.
    pub fn clear_error_history(&self) {
        self.root.history().clear();
    }

    /// The state of the breaker over all restarts.
    pub fn breaker_state(&self) -> State {
        self.root.state()
    }

    /// Restarts that the breaker holds back.
    pub fn restarts_waiting(&self) -> usize {
        self.root.waiting()
    }

    /// Closes the breaker and forgets what it counted. The restarts that it held back start, up to
    /// the limit.
    pub fn reset_breaker(&self) {
        self.root.reset();
    }
}

impl std::fmt::Debug for RootSupervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootSupervisor")
            .field("supervisor", &self.supervisor)
            .field("breaker", &self.breaker_state())
            .finish_non_exhaustive()
    }
}
