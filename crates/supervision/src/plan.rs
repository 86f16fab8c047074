//! A supervisor and its children as plain data, checked before anything starts.

use serde::{Deserialize, Serialize};

use crate::fault::{Faults, check_children, check_rules};
use crate::{AutoShutdown, Backoff, Budget, RestartPolicy, Shutdown, Strategy};

/// Most children of one supervisor unless configured otherwise.
pub const CHILDREN_MAX: u32 = 4_000_000;

/// What the next incarnation of a child starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartState {
    /// A new value from the factory. The default.
    #[default]
    Fresh,
    /// The old value, moved; fresh where none is left (a kill, a failed start).
    Preserved,
    /// A value from the asynchronous source given with the child.
    Source,
}

/// Whether a child does work or supervises others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildKind {
    /// Does work. The default.
    #[default]
    Worker,
    /// Supervises children of its own.
    Supervisor,
}

/// The rules for one child, or for all children of a template.
///
/// | field | default |
/// |---|---|
/// | `kind` | worker |
/// | `restart` | on failure |
/// | `state` | fresh |
/// | `shutdown` | 5 s for workers, infinity for supervisors |
/// | `backoff` | 0.1 s, doubled, at most 30 s, 10 % jitter |
/// | `budget` | none of its own: restarts are charged to the supervisor |
/// | `significant` | no |
/// | `stop_children` | yes |
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildRules {
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// Which ends lead to a restart.
    pub restart: RestartPolicy,
    /// What a new incarnation starts from.
    pub state: RestartState,
    /// How it is ended.
    pub shutdown: Shutdown,
    /// The delay before a restart.
    pub backoff: Backoff,
    /// A budget of its own. Its restarts are then not charged to the supervisor; when spent,
    /// the child ends with `Meltdown`, or the supervisor with `Escalated` if the child is
    /// significant or restarts `Always`.
    pub budget: Option<Budget>,
    /// Whether its end can end the supervisor ([`AutoShutdown`]).
    pub significant: bool,
    /// Whether a restart stops the child's own children first.
    pub stop_children: bool,
}

impl Default for ChildRules {
    fn default() -> Self {
        Self {
            kind: ChildKind::Worker,
            restart: RestartPolicy::default(),
            state: RestartState::default(),
            shutdown: Shutdown::default(),
            backoff: Backoff::default(),
            budget: None,
            significant: false,
            stop_children: true,
        }
    }
}

impl ChildRules {
    /// Rules of a worker: restart on failure, 5 s to end.
    pub fn worker() -> Self {
        Self::default()
    }

    /// Rules of a nested supervisor: restart on failure, all the time it needs to end.
    pub fn supervisor() -> Self {
        Self { kind: ChildKind::Supervisor, shutdown: Shutdown::Infinity, ..Self::default() }
    }

    /// Sets which ends lead to a restart.
    #[must_use]
    pub fn with_restart(mut self, restart: RestartPolicy) -> Self {
        self.restart = restart;
        self
    }

    /// Sets what a new incarnation starts from.
    #[must_use]
    pub fn with_state(mut self, state: RestartState) -> Self {
        self.state = state;
        self
    }

    /// Sets how the child is ended.
    #[must_use]
    pub fn with_shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Sets the delay before restarts.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Gives the child a restart budget of its own.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Makes the child significant.
    #[must_use]
    pub fn with_significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }

    /// Sets whether a restart stops the child's own children first.
    #[must_use]
    pub fn with_stop_children(mut self, stop_children: bool) -> Self {
        self.stop_children = stop_children;
        self
    }
}

/// The rules of a supervisor; all of them can be changed while it runs.
///
/// | field | default |
/// |---|---|
/// | `strategy` | one for one |
/// | `budget` | 3 restarts in 60 s |
/// | `auto_shutdown` | never |
/// | `children_max` | 4,000,000 |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SupervisorRules {
    /// Who is restarted with whom. `Dynamic` cannot be left or entered while running.
    pub strategy: Strategy,
    /// Restarts it affords before it melts down.
    pub budget: Budget,
    /// Whether the end of significant children ends it.
    pub auto_shutdown: AutoShutdown,
    /// Most children; further ones are refused.
    pub children_max: u32,
}

impl Default for SupervisorRules {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            budget: Budget::default(),
            auto_shutdown: AutoShutdown::default(),
            children_max: CHILDREN_MAX,
        }
    }
}

impl SupervisorRules {
    /// Default rules with this strategy.
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, ..Self::default() }
    }

    /// Sets the restart budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets whether significant children end the supervisor.
    #[must_use]
    pub fn with_auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Sets the most children it takes.
    #[must_use]
    pub fn with_children_max(mut self, children_max: u32) -> Self {
        self.children_max = children_max;
        self
    }
}

/// One named child of a static supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildPlan {
    /// Unique among its siblings.
    pub name: String,
    /// The rules it lives by.
    #[serde(flatten)]
    pub rules: ChildRules,
}

impl ChildPlan {
    /// A child of this name.
    pub fn new(name: impl Into<String>, rules: ChildRules) -> Self {
        Self { name: name.into(), rules }
    }
}

/// A supervisor with its children, in start order, before it starts.
///
/// ```
/// use steadfast_supervision::{ChildPlan, ChildRules, Strategy, SupervisorPlan, SupervisorRules};
///
/// let plan = SupervisorPlan::new(SupervisorRules::new(Strategy::RestForOne))
///     .child(ChildPlan::new("store", ChildRules::worker()))
///     .child(ChildPlan::new("store", ChildRules::worker()));
/// let faults = plan.validate().expect_err("one name twice");
/// assert_eq!(faults.to_string(), "child store: name is used twice");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SupervisorPlan {
    /// The supervisor's own rules.
    #[serde(flatten)]
    pub rules: SupervisorRules,
    /// The children of a static supervisor, in start order.
    #[serde(default)]
    pub children: Vec<ChildPlan>,
    /// The template of a dynamic supervisor.
    #[serde(default)]
    pub template: Option<ChildRules>,
}

impl SupervisorPlan {
    /// A supervisor without children.
    pub fn new(rules: SupervisorRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// A dynamic supervisor of this template.
    pub fn dynamic(template: ChildRules) -> Self {
        let rules = SupervisorRules::new(Strategy::Dynamic);
        Self { rules, children: Vec::new(), template: Some(template) }
    }

    /// Adds a child at the end of the start order.
    #[must_use]
    pub fn child(mut self, child: ChildPlan) -> Self {
        self.children.push(child);
        self
    }

    /// Checks everything that can be known before the start.
    ///
    /// # Errors
    ///
    /// All faults found, in a stable order.
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        check_rules(&self.rules, &mut faults);
        check_children(self, &mut faults);
        faults.into_result()
    }
}
