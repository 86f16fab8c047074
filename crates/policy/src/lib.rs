//! Resilience policies and the pipeline that composes them.
#![forbid(unsafe_code)]

mod budget;
pub mod defaults;
mod bulkhead;
mod error;
mod events;
mod fault;
pub mod limits;
pub mod names;
mod pipeline;
mod rate_limit;
mod rejection;
mod serde_forms;
mod waiting;

pub use self::budget::{Budget, BudgetSettings};
pub use self::bulkhead::{Bulkhead, BulkheadConfig, BulkheadPermit, BulkheadStatistics};
pub use self::error::{Error, Last, TimedOut};
pub use self::events::Events;
pub use self::fault::{ConfigError, Fault};
pub use self::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
pub use self::rate_limit::{
    RateAlgorithm, RateLimiter, RateLimiterConfig, RateLimiterStatistics, Reservation,
};
pub use self::rejection::{Reason, Rejection};
