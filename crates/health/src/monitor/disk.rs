//! Space of a file system.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::resource::{ReadingError, Resource, ResourceMonitor};
use crate::shell::Seat;

use super::counters::share;
use super::files::{Files, Space, SystemFiles, Unreadable};

/// Measures how full the file system of a path is, in space or inodes.
///
/// As `df` counts: what only the administrator may use is not there. The fuller of space and inodes
/// counts. The reading is made on a thread of its own, since a file system on a network may take its time;
/// while one reading hangs, further ones fail at once, so there is never more than one such thread.
///
/// # Example
///
/// ```
/// use steadfast_health::{DiskMonitor, ResourceMonitor};
///
/// let monitor = DiskMonitor::new("/");
/// assert_eq!(monitor.name(), "disk /");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// let used = runtime.block_on(monitor.read())?;
/// assert!((0.0..=1.0).contains(&used));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug)]
pub struct DiskMonitor {
    name: String,
    path: PathBuf,
    files: Arc<dyn Files>,
    seat: Seat,
}

impl DiskMonitor {
    /// A monitor named `disk` and the path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with(path.into(), Arc::new(SystemFiles))
    }

    pub(super) fn with(path: PathBuf, files: Arc<dyn Files>) -> Self {
        Self { name: format!("disk {}", path.display()), path, files, seat: Seat::default() }
    }
}

#[async_trait]
impl ResourceMonitor for DiskMonitor {
    fn name(&self) -> &str {
        &self.name
    }

    fn resource(&self) -> Resource {
        Resource::DISK
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        let (files, path) = (Arc::clone(&self.files), self.path.clone());
        let used = on_own_thread(&self.seat, "disk-reading", move || used(&*files, &path));
        Ok(used.await??)
    }
}

/// Runs what may block on a thread of its own, unless it still runs from the last time.
pub(crate) async fn on_own_thread<T: Send + 'static>(
    seat: &Seat,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReadingError> {
    let taken = seat.take().ok_or_else(|| Unreadable::new("the last reading still hangs"))?;
    let (answer, answered) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = work();
        drop(taken);
        // Whoever asked may have given up.
        drop(answer.send(result));
    })?;
    Ok(answered.await?)
}

fn used(files: &dyn Files, path: &Path) -> Result<f64, Unreadable> {
    let space =
        files.space(path).map_err(|error| Unreadable::io(&path.display().to_string(), error))?;
    Ok(fuller(space))
}

/// The larger share of space and inodes in use.
fn fuller(space: Space) -> f64 {
    let used = space.blocks.saturating_sub(space.blocks_free);
    let blocks = share(used, used.saturating_add(space.blocks_available));
    let inodes = share(space.inodes.saturating_sub(space.inodes_free), space.inodes);
    blocks.max(inodes).min(1.0)
}
