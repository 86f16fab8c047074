//! Resources whose use is measured, and the trait of what measures one.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A resource by name: `cpu`, `memory`, `disk`, or any of your own.
///
/// It is serialized as its name.
///
/// # Example
///
/// ```
/// use steadfast_health::Resource;
///
/// assert_eq!(Resource::from("cpu"), Resource::CPU);
/// assert_eq!(Resource::from("gpu memory").to_string(), "gpu memory");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(Cow<'static, str>);

impl Resource {
    /// Processor time.
    pub const CPU: Self = Self(Cow::Borrowed("cpu"));
    /// Working memory.
    pub const MEMORY: Self = Self(Cow::Borrowed("memory"));
    /// Space of a file system.
    pub const DISK: Self = Self(Cow::Borrowed("disk"));

    /// The name.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(steadfast_health::Resource::DISK.as_str(), "disk");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Resource {
    fn from(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }
}

impl From<String> for Resource {
    fn from(name: String) -> Self {
        Self(Cow::Owned(name))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a monitor could not read its resource.
pub type ReadingError = Box<dyn std::error::Error + Send + Sync>;

/// Measures how much of one resource is in use.
///
/// Several monitors may measure the same resource (two disks): the highest reading counts. A monitor
/// that fails, panics or does not answer in time gives no reading; its last one counts for a while
/// longer.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use steadfast_health::{ReadingError, Resource, ResourceMonitor};
///
/// struct Connections {
///     used: u32,
///     max: u32,
/// }
///
/// #[async_trait]
/// impl ResourceMonitor for Connections {
///     fn name(&self) -> &str {
///         "database connections"
///     }
///
///     fn resource(&self) -> Resource {
///         Resource::from("connections")
///     }
///
///     async fn read(&self) -> Result<f64, ReadingError> {
///         Ok(f64::from(self.used) / f64::from(self.max))
///     }
/// }
/// # assert_eq!(Connections { used: 1, max: 2 }.name(), "database connections");
/// ```
#[async_trait]
pub trait ResourceMonitor: Send + Sync {
    /// The monitor's name, unique among those it runs with.
    fn name(&self) -> &str;

    /// What it measures; thresholds are set for resources.
    fn resource(&self) -> Resource;

    /// The share in use, 0 to 1; a number outside counts as the nearer end, NaN as no reading.
    ///
    /// # Errors
    ///
    /// Fails if the resource cannot be read now.
    ///
    /// # Cancel safety
    ///
    /// Implementations must be cancel safe: a reading that takes too long is dropped.
    async fn read(&self) -> Result<f64, ReadingError>;
}
