//! A monitor made of a function.

use std::fmt;

use async_trait::async_trait;

use crate::resource::{ReadingError, Resource, ResourceMonitor};

/// Measures a resource by calling a function.
///
/// For what is known without waiting: a queue, a pool, a counter. What has to be asked for implements
/// [`ResourceMonitor`] itself.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use steadfast_health::FnMonitor;
///
/// let queued = Arc::new(AtomicU32::new(0));
/// let queue = FnMonitor::new("mail queue", "queue", {
///     let queued = Arc::clone(&queued);
///     move || Ok(f64::from(queued.load(Ordering::Relaxed)) / 10_000.0)
/// });
/// # drop(queue);
/// ```
pub struct FnMonitor<F> {
    name: String,
    resource: Resource,
    read: F,
}

impl<F> FnMonitor<F>
where
    F: Fn() -> Result<f64, ReadingError> + Send + Sync,
{
    /// A monitor of this name for this resource; `read` answers with the share in use, 0 to 1.
    pub fn new(name: impl Into<String>, resource: impl Into<Resource>, read: F) -> Self {
        Self { name: name.into(), resource: resource.into(), read }
    }
}

#[async_trait]
impl<F> ResourceMonitor for FnMonitor<F>
where
    F: Fn() -> Result<f64, ReadingError> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn resource(&self) -> Resource {
        self.resource.clone()
    }

    async fn read(&self) -> Result<f64, ReadingError> {
        (self.read)()
    }
}

impl<F> fmt::Debug for FnMonitor<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnMonitor")
            .field("name", &self.name)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
