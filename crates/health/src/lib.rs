//! Health checks, self-healing, graceful degradation and leak detection.
#![forbid(unsafe_code)]

mod resource;

pub use self::resource::{ReadingError, Resource, ResourceMonitor};
