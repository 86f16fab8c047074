//! OTP-class supervision: who is restarted, when, how often, and with whom.
//!
//! | You want to | Use |
//! |---|---|
//! | describe a supervisor and check it before it starts | [`SupervisorPlan`], [`ChildRules`] |
//! | take all decisions of one supervisor | [`SupervisorCore`] |
//! | hold restarts of a whole tree while too many happen | [`RestartGate`] |
//! | keep the last failures | [`ErrorHistory`] |
//! | show a tree | [`TreeNode`] |
//!
//! Decisions are deterministic state machines stepped with an instant and an input; plans, rules,
//! figures and trees are plain data.
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
