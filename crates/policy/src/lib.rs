//! Resilience policies and the pipeline that composes them.
#![forbid(unsafe_code)]

mod adaptive;
mod budget;
pub mod defaults;
mod bulkhead;
mod chaos;
mod error;
mod events;
mod fallback;
mod fault;
mod hedge;
mod guard;
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
    Answer, ByFunction, ByValue, Fallback, FallbackStage, LastGood, LastGoodStage, NoAnswer,
};
pub use self::fault::{ConfigError, Fault};
pub use self::hedge::{Hedge, HedgeConfig, HedgeDelay, HedgeLayer, HedgeStatistics, Idempotency};
pub use self::outlier::{
    OutlierCause, OutlierChange, OutlierChangeKind, OutlierConfig, OutlierDetector,
    OutlierEjection, OutlierStatistics,
};
pub use self::guard::{Breakers, ByKey, Failures, Guard, GuardStage};
pub use self::pipeline::{
    Bare, Call, Done, Environment, Layer, Layers, Next, NextSync, Pipeline, PipelineBuilder,
    Profile, Stage, Then,
};
pub use self::rate_limit::{
    RateAlgorithm, RateLimiter, RateLimiterConfig, RateLimiterStatistics, Reservation,
};
pub use self::rejection::{Reason, Rejection};
pub use self::shed::{CoDel, LoadShedder, ShedConfig, ShedPermit, ShedStatistics};
pub use self::throttle::{Throttle, ThrottleBy, ThrottleConfig, ThrottlePermit, ThrottleStatistics};
pub use self::retry::{
    Backoff, ByRecovery, Condition, ErrorsRetry, Growth, Retrier, Retry, RetrySettings,
    RetryStatistics, UnlessOk, Verdict, When,
};
#[cfg(feature = "reload")]
pub use self::settings::{ReloadError, SettingsFile, Watching};
pub use self::settings::{PipelineSettings, Reload, Settings, Tune};
pub use self::timeout::{TimeLimit, TimeLimitStage};
