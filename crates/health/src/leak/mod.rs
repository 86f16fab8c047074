//! Leak detection: what is held too long, what is used too much, what grows towards its limit.

mod config;
mod detector;
mod gauge;
mod ledger;
mod report;
mod sampler;
mod scan;
mod start;
#[cfg(test)]
mod tests;
mod tracker;

pub use self::config::{GrowthConfig, LeakConfig};
pub use self::detector::LeakDetector;
pub use self::report::{LeakCause, LeakKind, LeakReport, Site, Suspect};
pub use self::start::LeakDetectorBuilder;
pub use self::tracker::{LeakTracker, Tracked};
