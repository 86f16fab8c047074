//! Graceful degradation: named levels, entered and left by the use of resources, or by hand.

mod config;
mod handle;
mod machine;
mod reader;
mod shared;
mod start;
mod status;
mod switches;

#[cfg(test)]
mod machine_tests;

pub use self::config::{DegradationConfig, Level};
pub use self::handle::Degradation;
pub use self::start::DegradationBuilder;
pub use self::status::{DegradationStatus, ReadingStatus, UnknownFeature, UnknownLevel};
pub use self::switches::FeatureSwitch;
