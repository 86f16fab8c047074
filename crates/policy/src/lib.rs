//! Resilience policies and the pipeline that composes them.
#![forbid(unsafe_code)]

mod error;
mod events;
mod fault;
pub mod names;
mod pipeline;
mod rejection;
mod waiting;

pub use self::error::{Error, Last, TimedOut};
pub use self::events::Events;
pub use self::fault::{ConfigError, Fault};
pub use self::pipeline::{Call, Done, Environment, Layer, Next, NextSync, Profile, Stage};
pub use self::rejection::{Reason, Rejection};
