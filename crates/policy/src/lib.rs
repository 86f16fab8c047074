//! Resilience policies and the pipeline that composes them.
//!
//! A call to anything that can fail needs a limit on its time, a bound on its retries, a breaker, a bound
//! on what is under way, and an answer for when all of that does not help. This crate has these policies,
//! each usable on its own, and a [`Pipeline`] that composes them statically: no boxed future, no dynamic
//! call, no allocation on the path of a success, and at most two readings of the clock per attempt.
//!
//! | You want to | Start at |
//! |---|---|
//! | compose policies around calls | [`Pipeline`] |
//! | try again, in bounds | [`Retry`], [`Budget`] |
//! | limit time | [`TimeLimit`] |
//! | stop calling what fails | [`Guard`], [`ByKey`] |
//! | answer all the same | [`Fallback`], [`LastGood`] |
//! | bound concurrency or rate | [`Bulkhead`], [`RateLimiter`], [`AdaptiveLimiter`] |
//! | shed load | [`Throttle`], [`LoadShedder`], [`OutlierEjection`] |
//! | not wait for the slowest | [`Hedge`] |
//! | change settings while it runs | [`PipelineSettings`], [`Pipeline::apply`] |
//! | add a policy of one's own | [`Stage`], [`Layer`], [`Tune`] |
//! | know what went wrong | [`Error`], [`Rejection`] |
//!
//! # Events
//!
//! With a sink ([`PipelineBuilder::sink`]) every decision is an event; their names and fields are in
//! [`names`]. Without one, nothing is built and no clock is read for it.
//!
//! # Features
//!
//! - `reload`: a settings file in TOML that is put in force whenever it changes.
//! - `tower`: the policies as `tower` layers.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use steadfast_policy::{BulkheadConfig, Fallback, Pipeline, Retry};
//!
//! let pipeline = Pipeline::builder()
//!     .fallback(Fallback::value(0))
//!     .retry(Retry::exponential(Duration::from_millis(1)))
//!     .bulkhead(BulkheadConfig::new(20))
//!     .build()?;
//! let parsed = pipeline.call(|_| "42".parse::<u32>());
//! assert_eq!(parsed, Ok(42));
//! # Ok::<(), steadfast_policy::ConfigError>(())
//! ```
#![forbid(unsafe_code)]

mod adaptive;
mod budget;
mod bulkhead;
mod chaos;
pub mod defaults;
mod error;
mod events;
mod fallback;
mod guard;
mod hedge;
pub mod limits;
pub mod names;
mod outlier;
mod pipeline;
mod rate_limit;
mod rejection;
mod retry;
mod serde_forms;
mod settings;
mod shed;
mod throttle;
mod timeout;
#[cfg(feature = "tower")]
pub mod tower;
mod waiting;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::adaptive::{
    AdaptiveAlgorithm, AdaptiveConfig, AdaptiveLimit, AdaptiveLimiter, AdaptivePermit,
    AdaptiveStatistics, Aimd, Gradient, Sample, SampleOutcome,
};
pub use self::budget::{Budget, BudgetSettings};
pub use self::bulkhead::{Bulkhead, BulkheadConfig, BulkheadPermit, BulkheadStatistics};
pub use self::chaos::{
    CallFault, CallRule, Chaos, ChaosConfig, ChaosSchedule, ChaosStage, ChaosTarget, SystemChaos,
    SystemFault, SystemRule,
};
pub use self::error::{Error, Last, TimedOut};
pub use self::events::Events;
pub use self::fallback::{
    Answer, ByFunction, ByValue, Fallback, FallbackStage, LastGood, LastGoodSettings,
    LastGoodStage, NoAnswer,
};
pub use self::guard::{Breakers, ByKey, Failures, Guard, GuardStage};
pub use self::hedge::{Hedge, HedgeConfig, HedgeDelay, HedgeLayer, HedgeStatistics, Idempotency};
pub use self::outlier::{
    OutlierCause, OutlierChange, OutlierChangeKind, OutlierConfig, OutlierDetector,
    OutlierEjection, OutlierStatistics,
};
pub use self::pipeline::{
    Bare, Call, Done, Environment, Layer, Layers, Next, NextSync, Pipeline, PipelineBuilder,
    Profile, Stage, Then,
};
pub use self::rate_limit::{
    RateAlgorithm, RateLimiter, RateLimiterConfig, RateLimiterStatistics, Reservation,
};
pub use self::rejection::{Reason, Rejection};
pub use self::retry::{
    Backoff, ByRecovery, Condition, ErrorsRetry, Growth, Retrier, Retry, RetrySettings,
    RetryStatistics, UnlessOk, Verdict, When,
};
pub use self::settings::{PipelineSettings, Reload, Settings, Tune};
#[cfg(feature = "reload")]
pub use self::settings::{ReloadError, SettingsFile, Watching};
pub use self::shed::{CoDel, LoadShedder, ShedConfig, ShedPermit, ShedStatistics};
pub use self::throttle::{
    Throttle, ThrottleBy, ThrottleConfig, ThrottlePermit, ThrottleStatistics,
};
pub use self::timeout::{TimeLimit, TimeLimitStage};
pub use steadfast_base::{ConfigError, ConfigFault};
