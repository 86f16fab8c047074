//! OTP-class supervision: who is restarted, when, how often, and with whom.
//!
//! | You want to | Use |
//! |---|---|
//! | describe a tree of supervisors, check it, start it | [`Supervisor`], [`ChildSpec`] |
//! | start and stop many children of one kind | [`Supervisor::dynamic`], [`ChildTemplate`] |
//! | ask, change and stop a running supervisor | [`SupervisorRef`] |
//! | put a breaker and a failure history over a whole system | [`RootSupervisor`] |
//! | decide on failures yourself | [`Supervisor::decider`], [`ChildFailure`], [`Directive`] |
//! | see a tree as text, DOT or JSON | [`SupervisorRef::tree`], [`TreeNode`] |
//! | take the decisions without actors | [`SupervisorCore`], [`SupervisorPlan`] |
//!
//! Decisions are deterministic state machines stepped with an instant and an input; plans, rules,
//! figures and trees are plain data. The supervisor is an actor around such a machine.
#![forbid(unsafe_code)]

mod backoff;
mod budget;
mod child_error;
mod child_id;
mod directive;
mod exit;
mod fault;
mod machine;
pub mod names;
mod plan;
mod policy;
mod root;
mod root_supervisor;
mod shell;
mod shutdown;
mod spec;
mod strategy;
mod supervisor;
mod supervisor_ref;
mod tree;

pub use backoff::{
    BACKOFF_BASE, BACKOFF_CAP, BACKOFF_FACTOR, BACKOFF_JITTER, BACKOFF_RESET, Backoff, Growth,
};
pub use budget::{BUDGET_PERIOD, BUDGET_RESTARTS, Budget, BudgetWindow};
pub use child_error::{ChildError, SupervisorError};
pub use child_id::ChildId;
pub use directive::Directive;
pub use exit::{Exit, ExitKind};
pub use fault::{Fault, Faults};
pub use machine::{
    Affected, ChildHealth, ChildKey, ChildStatus, Choice, Command, CommandId, Effect, Event,
    Granted, Impact, Input, KILL_WAIT, Origin, Outcome, Refusal, SupervisorCore, SupervisorStats,
};
pub use plan::{
    CHILDREN_MAX, ChildKind, ChildPlan, ChildRules, RestartState, SupervisorPlan, SupervisorRules,
};
pub use policy::RestartPolicy;
pub use root::{
    ErrorHistory, HISTORY_MAX, OPEN_WAIT, RESTARTS_MAX, RESTARTS_WINDOW, RestartGate, RootFaults,
    RootRules, STAY_UP, TRIALS,
};
pub use root_supervisor::{RootBuilder, RootSupervisor};
pub use shutdown::{Shutdown, WORKER_SHUTDOWN};
pub use spec::{ChildFailure, ChildRestart, ChildSpec, ChildTemplate, FAILURES_KEPT, FailureStage};
pub use strategy::{AutoShutdown, Strategy};
pub use supervisor::Supervisor;
pub use supervisor_ref::{ChildCount, ChildInfo, SupervisorRef, TREE_DEPTH_MAX};
pub use tree::{TREE_CHILDREN_MAX, TreeNode};
