//! Health checks, self-healing, graceful degradation and leak detection.
#![forbid(unsafe_code)]

mod check;
mod config_error;
pub mod defaults;
pub mod limits;
mod monitor;
pub mod names;
mod resource;
mod serde_forms;
mod shell;

pub use self::check::{
    BreakerCheck, CheckSettings, CheckState, CheckStatus, ChecksConfig, ChecksFailed, FailedCheck,
    FailureRateCheck, HealthChecker, HealthCheckerBuilder, HealthSummary, HttpAnswer,
    failure_rate_report,
};
pub use self::config_error::{ConfigError, ConfigFault};
pub use self::monitor::{
    CpuMonitor, DiskMonitor, FileHandlesMonitor, FnMonitor, MemoryMonitor, ProcessCpuMonitor,
    ProcessMemoryMonitor,
};
pub use self::resource::{ReadingError, Resource, ResourceMonitor};
