//! Memory in use: of the machine, of the control group, of the process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::resource::{ReadingError, Resource, ResourceMonitor};

use super::cgroup;
use super::counters::{keyed_kilobytes, share};
use super::files::{Files, SystemFiles, Unreadable, parsed};

/// Measures the memory in use, of the machine or of the control group.
///
/// Of the machine: what is not available to new work without swapping (`MemAvailable`). Of each control
/// group with a limit: what cannot be dropped at once (without unused pages of files). The highest share
/// counts.
///
/// # Example
///
/// ```
/// use steadfast_health::{MemoryMonitor, Resource, ResourceMonitor};
///
/// assert_eq!(MemoryMonitor::new().resource(), Resource::MEMORY);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryMonitor {
    files: Arc<dyn Files>,
}

impl MemoryMonitor {
    /// A monitor named `memory`.
    #[expect(clippy::new_without_default, reason = "it reads this machine: no neutral value")]
    pub fn new() -> Self {
        Self::with(Arc::new(SystemFiles))
    }

    pub(super) fn with(files: Arc<dyn Files>) -> Self {
        Self { files }
    }
}

#[async_trait]
impl ResourceMonitor for MemoryMonitor {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn resource(&self) -> Resource {
        Resource::MEMORY
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        Ok(memory_share(&*self.files)?)
    }
}

/// Measures the resident memory of this process as a share of what it may have.
///
/// That is the machine's memory, or the lowest limit of a control group that it is in.
///
/// # Example
///
/// ```
/// use steadfast_health::{ProcessMemoryMonitor, ResourceMonitor};
///
/// assert_eq!(ProcessMemoryMonitor::new().resource().as_str(), "process memory");
/// ```
#[derive(Clone, Debug)]
pub struct ProcessMemoryMonitor {
    files: Arc<dyn Files>,
}

impl ProcessMemoryMonitor {
    /// A monitor named `process memory`.
    #[expect(clippy::new_without_default, reason = "it reads this process: no neutral value")]
    pub fn new() -> Self {
        Self::with(Arc::new(SystemFiles))
    }

    pub(super) fn with(files: Arc<dyn Files>) -> Self {
        Self { files }
    }
}

#[async_trait]
impl ResourceMonitor for ProcessMemoryMonitor {
    fn name(&self) -> &'static str {
        "process memory"
    }

    fn resource(&self) -> Resource {
        Resource::from("process memory")
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        Ok(process_share(&*self.files)?)
    }
}

fn memory_share(files: &dyn Files) -> Result<f64, Unreadable> {
    let (total, available) = parsed(files, "/proc/meminfo", |text| {
        Some((keyed_kilobytes(text, "MemTotal")?, keyed_kilobytes(text, "MemAvailable")?))
    })?;
    let machine = share(total.saturating_sub(available), total);
    let groups = cgroup::memory(files);
    Ok(groups.iter().map(|group| share(group.used, group.limit)).fold(machine, f64::max).min(1.0))
}

/// The resident memory of this process as a share of what it may have.
pub(super) fn process_share(files: &dyn Files) -> Result<f64, Unreadable> {
    let resident = parsed(files, "/proc/self/status", |text| keyed_kilobytes(text, "VmRSS"))?;
    let total = parsed(files, "/proc/meminfo", |text| keyed_kilobytes(text, "MemTotal"))?;
    let limits = cgroup::memory(files).into_iter().map(|group| group.limit);
    Ok(share(resident, limits.fold(total, u64::min)).min(1.0))
}
