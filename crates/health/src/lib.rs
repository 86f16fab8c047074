//! Health checks, self-healing, graceful degradation and leak detection.
//!
//! | You want to | Start at |
//! |---|---|
//! | run health checks on a schedule | [`HealthChecker`], [`CheckSettings`] |
//! | answer liveness, readiness and startup probes | [`HttpAnswer`] |
//! | have breakers and bulkheads among the checks | [`BreakerCheck`], [`BulkheadCheck`] |
//! | repair what is unwell, within bounds | [`SelfHealing`], [`HealingRule`], [`HealingAction`] |
//! | switch features off while resources run short | [`Degradation`], [`FeatureSwitch`] |
//! | measure a resource | [`ResourceMonitor`], [`CpuMonitor`], [`MemoryMonitor`], [`DiskMonitor`] |
//! | find what leaks | [`LeakDetector`] |
//! | kill actors and part groups of them on purpose | [`ActorChaos`] |
//! | see or change settings | [`ChecksConfig`], [`HealingConfig`], [`DegradationConfig`], [`defaults`], [`limits`] |
//! | hear what happens | [`names`] of the events |
//!
//! Everything runs in tasks of a [`System`](steadfast_actor_core::System), on its time, and ends with it.
//! No actor is needed. Decisions are state machines without clock, lock or await; the code of yours
//! that they call may hang or panic without holding up anything else.
//!
//! The README has an example of all parts together.
#![forbid(unsafe_code)]

mod chaos;
mod check;
pub mod defaults;
mod degradation;
mod healing;
mod leak;
pub mod limits;
mod monitor;
pub mod names;
mod resource;
mod serde_forms;
mod shell;

pub use self::chaos::{ActorChaos, ChaosRun};
pub use self::check::{
    BreakerCheck, BulkheadCheck, CheckSettings, CheckState, CheckStatus, ChecksConfig,
    ChecksFailed, FailedCheck, HealthChecker, HealthCheckerBuilder, HealthSummary, HttpAnswer,
};
pub use self::degradation::{
    Degradation, DegradationBuilder, DegradationConfig, DegradationStatus, FeatureSwitch, Level,
    ReadingStatus, UnknownFeature, UnknownLevel,
};
pub use self::healing::{
    Approval, ApprovalRequest, BreakerOpen, CheckUnhealthy, ComponentStatus, Condition,
    GovernorConfig, GovernorRule, HealBy, HealingAction, HealingConfig, HealingError,
    HealingOutcome, HealingPhase, HealingRecord, HealingRule, HealingSettings, HealingStats,
    OnExpiry, ResetBreaker, ResizeBulkhead, RestartActor, SelfHealing, SelfHealingBuilder,
    UnknownRequest,
};
pub use self::leak::{
    GrowthConfig, LeakCause, LeakConfig, LeakDetector, LeakDetectorBuilder, LeakKind, LeakReport,
    LeakTracker, Site, Suspect, Tracked,
};
pub use self::monitor::{
    CpuMonitor, DiskMonitor, FileHandlesMonitor, FnMonitor, Forecaster, MemoryMonitor,
    ProcessCpuMonitor, ProcessMemoryMonitor,
};
pub use self::resource::{ReadingError, Resource, ResourceMonitor};
pub use steadfast_base::{ConfigError, ConfigFault};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
