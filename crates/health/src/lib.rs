//! Health checks, self-healing, graceful degradation and leak detection.
#![forbid(unsafe_code)]

mod check;
mod config_error;
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

pub use self::check::{
    BreakerCheck, BulkheadCheck, CheckSettings, CheckState, CheckStatus, ChecksConfig,
    ChecksFailed, FailedCheck, HealthChecker, HealthCheckerBuilder, HealthSummary, HttpAnswer,
};
pub use self::config_error::{ConfigError, ConfigFault};
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
