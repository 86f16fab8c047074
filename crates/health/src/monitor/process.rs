//! Open file handles of this process, and all of its uses at once.

use std::sync::Arc;

use async_trait::async_trait;

use crate::resource::{ReadingError, Resource, ResourceMonitor};

use super::counters::{Allowed, open_files_limit, share};
use super::files::{Files, SystemFiles, Unreadable, parsed};
use super::memory::process_share;

/// Measures the open file handles of this process as a share of what it may open.
///
/// Sockets are file handles too. Without a limit (`ulimit -n unlimited`) the share is 0.
///
/// # Example
///
/// ```
/// use steadfast_health::{FileHandlesMonitor, ResourceMonitor};
///
/// assert_eq!(FileHandlesMonitor::new().resource().as_str(), "file handles");
/// ```
#[derive(Clone, Debug)]
pub struct FileHandlesMonitor {
    files: Arc<dyn Files>,
}

impl FileHandlesMonitor {
    /// A monitor named `file handles`.
    #[expect(clippy::new_without_default, reason = "it reads this process: no neutral value")]
    pub fn new() -> Self {
        Self::with(Arc::new(SystemFiles))
    }

    pub(super) fn with(files: Arc<dyn Files>) -> Self {
        Self { files }
    }
}

#[async_trait]
impl ResourceMonitor for FileHandlesMonitor {
    fn name(&self) -> &'static str {
        "file handles"
    }

    fn resource(&self) -> Resource {
        Resource::from("file handles")
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        let limit = parsed(&*self.files, "/proc/self/limits", open_files_limit)?;
        let handles =
            self.files.handles().map_err(|error| Unreadable::io("/proc/self/fd", error))?;
        Ok(match limit {
            Allowed::Unlimited => 0.0,
            Allowed::At(limit) => share(handles.open, limit).min(1.0),
        })
    }
}

/// What this process uses; what cannot be read is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ProcessReading {
    /// Resident memory as a share of what it may have.
    pub(crate) memory: Option<f64>,
    /// Open file handles, sockets included.
    pub(crate) file_handles: Option<f64>,
    /// Open sockets.
    pub(crate) sockets: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "no process has 2^52 handles")]
pub(crate) fn process_reading(files: &dyn Files) -> ProcessReading {
    let handles = files.handles().ok();
    ProcessReading {
        memory: process_share(files).ok(),
        file_handles: handles.map(|handles| handles.open as f64),
        sockets: handles.map(|handles| handles.sockets as f64),
    }
}
