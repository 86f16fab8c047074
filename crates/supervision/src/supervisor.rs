//! `Supervisor`: a supervisor as data, before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use steadfast_actor_core::{Actor, Cx, System};
use steadfast_base::Sink;

use crate::shell::{SupervisorActor, Tree};
use crate::{
    AutoShutdown, Budget, ChildFailure, ChildSpec, ChildTemplate, Directive, Fault, Faults,
    Strategy, SupervisorError, SupervisorPlan, SupervisorRef, SupervisorRules,
};

/// Decides on one failure.
pub(crate) type Decider = Arc<dyn Fn(&ChildFailure<'_>) -> Directive + Send + Sync>;

/// A supervisor before it starts: strategy, budget, decider, children. Plain data, to be cloned,
/// checked and nested.
///
/// | setting | default |
/// |---|---|
/// | [`intensity`](Self::intensity) | 3 restarts in 60 s; the 4th failure is a meltdown |
/// | [`auto_shutdown`](Self::auto_shutdown) | never |
/// | [`decider`](Self::decider) | restart |
/// | [`children_max`](Self::children_max) | 4,000,000 |
/// | [`sink`](Self::sink) | that of the supervisor above, else none |
///
/// Children start in the order in which they are listed and stop in reverse.
///
/// # Budgets of nested supervisors
///
/// Restarts multiply across levels: each restart of a nested supervisor brings back its whole
/// budget (OTP design principles, "Tuning the Intensity and Period"). With 3 in 60 s on three
/// levels, a worker that always fails is restarted up to 63 times before the top melts down. Give
/// the levels near the top a small budget, and the leaves the generous one.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use steadfast_supervision::{Backoff, ChildSpec, Directive, Supervisor};
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
/// let supervisor = Supervisor::rest_for_one()
///     .intensity(5, Duration::from_secs(10))
///     .decider(|failure| match failure.panic_text() {
///         Some(_) => Directive::Escalate,
///         None => Directive::Restart,
///     })
///     .child(ChildSpec::new("stock", || Worker(0)).permanent().backoff(Backoff::none()))
///     .child(ChildSpec::new("orders", || Worker(0)));
/// supervisor.validate()?;
/// let supervisor = supervisor.start(&system, "shop").await?;
/// let stock = supervisor.child("stock").await.ok_or("started")?;
/// stock.tell(Msg::Add).await?;
/// stock.tell(Msg::Fail).await?;
/// assert_eq!(stock.ask(Msg::Get).await?, 0); // the same ref, a fresh state
/// # system.shutdown().await;
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct Supervisor {
    pub(crate) rules: SupervisorRules,
    pub(crate) children: Vec<ChildSpec>,
    pub(crate) template: Option<ChildTemplate>,
    pub(crate) decider: Option<Decider>,
    pub(crate) sink: Option<Arc<dyn Sink>>,
}

impl Supervisor {
    /// A supervisor with this strategy and no children yet.
    pub fn new(strategy: Strategy) -> Self {
        Self {
            rules: SupervisorRules::new(strategy),
            children: Vec::new(),
            template: None,
            decider: None,
            sink: None,
        }
    }

    /// Only the child that failed is restarted.
    pub fn one_for_one() -> Self {
        Self::new(Strategy::OneForOne)
    }

    /// All children are restarted when one fails.
    pub fn all_for_one() -> Self {
        Self::new(Strategy::AllForOne)
    }

    /// The child that failed and those after it are restarted.
    pub fn rest_for_one() -> Self {
        Self::new(Strategy::RestForOne)
    }

    /// Many children of one template, started and stopped while it runs.
    pub fn dynamic(template: ChildTemplate) -> Self {
        Self { template: Some(template), ..Self::new(Strategy::Dynamic) }
    }

    /// Affords `restarts` within any `period`; one more is a meltdown.
    #[must_use]
    pub fn intensity(self, restarts: u32, period: Duration) -> Self {
        self.budget(Budget::new(restarts, period))
    }

    /// Sets the restart budget.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.rules.budget = budget;
        self
    }

    /// Ends the supervisor when significant children have ended.
    #[must_use]
    pub fn auto_shutdown(mut self, when: AutoShutdown) -> Self {
        self.rules.auto_shutdown = when;
        self
    }

    /// The most children it takes.
    #[must_use]
    pub fn children_max(mut self, children_max: u32) -> Self {
        self.rules.children_max = children_max;
        self
    }

    /// Decides what is done about each failure. It runs on the supervisor's task, so it must not
    /// block; its panic ends the supervisor.
    ///
    /// `Restart` is then filtered by the child's policy; `Resume` spends no budget.
    #[must_use]
    pub fn decider(
        mut self,
        decide: impl Fn(&ChildFailure<'_>) -> Directive + Send + Sync + 'static,
    ) -> Self {
        self.decider = Some(Arc::new(decide));
        self
    }

    /// Adds a child at the end of the start order.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.children.push(spec);
        self
    }

    /// Emits an event for every decision here, and below unless set otherwise there.
    #[must_use]
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Replaces all rules at once, say by those of a configuration.
    #[must_use]
    pub fn with_rules(mut self, rules: SupervisorRules) -> Self {
        self.rules = rules;
        self
    }

    /// The same as serializable data, without factories and hooks.
    pub fn plan(&self) -> SupervisorPlan {
        SupervisorPlan {
            rules: self.rules,
            children: self.children.iter().map(ChildSpec::plan).collect(),
            template: self.template.as_ref().map(|template| template.rules.clone()),
        }
    }

    /// Checks everything that can be known before the start, nested supervisors included.
    ///
    /// # Errors
    ///
    /// All faults found, in a stable order.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = self.plan().validate().err().unwrap_or_default();
        for child in &self.children {
            if child.has_foreign_source() {
                faults.push(Fault::ForeignSource(child.name().to_owned()));
            }
            for fault in child.nested.as_slice() {
                let supervisor = child.name().to_owned();
                faults.push(Fault::Nested { supervisor, fault: Box::new(fault.clone()) });
            }
        }
        faults.into_result()
    }

    /// Starts it at the top of a system, under this name, and waits until all children are up.
    ///
    /// # Errors
    ///
    /// [`SupervisorError`]: faults of the description, the first child that did not start, or the
    /// supervisor's own failure to start. Nothing runs then, and all names are free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future after its first poll leaves the supervisor running.
    pub async fn start(
        self,
        system: &System,
        name: &str,
    ) -> Result<SupervisorRef, SupervisorError> {
        self.validate()?;
        let factory = SupervisorActor::factory(&Arc::new(self), &Tree::default());
        let spawn = SupervisorActor::MAILBOX.apply(system.spawn(name, factory));
        Ok(SupervisorRef::new(spawn.await?))
    }

    /// As [`start`](Self::start), as a child of the actor that calls it: it ends with that actor.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future after its first poll leaves the supervisor running.
    pub async fn start_in<A: Actor>(
        self,
        cx: &mut Cx<A>,
        name: &str,
    ) -> Result<SupervisorRef, SupervisorError> {
        self.validate()?;
        let factory = SupervisorActor::factory(&Arc::new(self), &Tree::default());
        let spawn = SupervisorActor::MAILBOX.apply(cx.spawn(name, factory));
        Ok(SupervisorRef::new(spawn.await?))
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("rules", &self.rules)
            .field("children", &self.children)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}
