//! Scheduled health checks: when they run, what their results mean, what the whole is worth.

mod answer;
mod checker;
mod graph;
mod judge;
mod machine;
mod parts;
mod plan;
mod scheduler;
mod settings;
mod start;
mod status;

pub use self::answer::HttpAnswer;
pub use self::checker::HealthChecker;
pub use self::parts::{BreakerCheck, BulkheadCheck};
pub use self::settings::{CheckSettings, ChecksConfig};
pub use self::start::HealthCheckerBuilder;
pub use self::status::{CheckState, CheckStatus, ChecksFailed, FailedCheck, HealthSummary};
