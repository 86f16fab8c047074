//! Names of the events that supervisors emit to a `Sink`, and of their fields.

/// A child failed. Fields: supervisor, child, exit, message, directive.
pub const CHILD_FAILED: &str = "supervision.child-failed";
/// A restart starts after a delay. Fields: supervisor, child, delay.
pub const RESTART_SCHEDULED: &str = "supervision.restart-scheduled";
/// A child came back. Fields: supervisor, child.
pub const CHILD_RESTARTED: &str = "supervision.child-restarted";
/// A child's own budget is spent. Fields: supervisor, child.
pub const BUDGET_SPENT: &str = "supervision.budget-spent";
/// A child did not end in time and is killed. Fields: supervisor, child.
pub const SHUTDOWN_TIMEOUT: &str = "supervision.shutdown-timeout";
/// A child that was told to stop ended otherwise. Fields: supervisor, child, exit, message.
pub const SHUTDOWN_ERROR: &str = "supervision.shutdown-error";
/// Dynamic children that were told to stop ended otherwise. Fields: supervisor, exit, message,
/// children; one event for each kind of end.
pub const SHUTDOWN_ERRORS: &str = "supervision.shutdown-errors";
/// Children did not end even though killed. Fields: supervisor, children.
pub const ABANDONED: &str = "supervision.abandoned";
/// A supervisor ended. Fields: supervisor, exit.
pub const SUPERVISOR_ENDED: &str = "supervision.ended";
/// The breaker of a root changed its state. Fields: supervisor, state, waiting.
pub const BREAKER_CHANGED: &str = "supervision.breaker-changed";

pub(crate) const SUPERVISOR: &str = "supervisor";
pub(crate) const CHILD: &str = "child";
pub(crate) const EXIT: &str = "exit";
pub(crate) const MESSAGE: &str = "message";
pub(crate) const DIRECTIVE: &str = "directive";
pub(crate) const DELAY: &str = "delay";
pub(crate) const CHILDREN: &str = "children";
pub(crate) const STATE: &str = "state";
pub(crate) const WAITING: &str = "waiting";
