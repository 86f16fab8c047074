//! What every steadfast layer shares: time, randomness, ids, context, failures, health, limits.
//!
//! This crate sits below all others and knows none of them. It has no tokio in its default build
//! and no global state: whoever builds a system makes one [`Time`] and one [`Seed`] and hands them
//! down, so that a test can put a virtual clock and a fixed seed in their place and repeat a run
//! exactly.
//!
//! | Concern | Start at |
//! |---|---|
//! | Clock, timer, sleeping, time-outs | [`Time`], [`Clock`], [`Timer`], [`Sleep`] |
//! | Time in tests | `VirtualClock` (feature `test-util`) |
//! | Seeded randomness, derived by name | [`Seed`], [`Stream`] |
//! | Ids | [`IdSource`], [`EventId`], [`CorrelationId`], [`ActorId`] |
//! | What travels with a call | [`CallContext`], [`context`] |
//! | Failures and what to do about them | [`FailureRecord`], [`Recovery`], [`Recoverable`] |
//! | Health | [`Health`], [`HealthCheck`] |
//! | Observation without a global subscriber | [`Sink`], [`Event`] |
//! | Named limits | [`Limit`] |
//! | Configurations that cannot be used | [`ConfigError`], [`ConfigFaults`] |
//! | Rare waits on frequent paths | [`Outlined`] |
//! | Files, and a disk that fails on purpose | [`storage`] |
//! | Assertions that take a safe path in release builds | [`always!`], [`never!`] |
//!
//! # Features
//!
//! - `tokio`: `Time::tokio()`, which sleeps on the tokio time driver instead of an own thread.
//! - `test-util`: `VirtualClock`; `Time::tokio()` follows a paused runtime.
//!
//! # Example
//!
//! ```
//! use steadfast_base::{Seed, Time};
//!
//! let time = Time::system();
//! let started = time.now();
//! let mut jitter = Seed::new(7).stream("jitter");
//! assert!(jitter.below(100) < 100);
//! assert!(time.now() >= started);
//! ```

mod assert;
mod call_context;
mod config;
pub mod context;
mod failure;
mod health;
mod id;
mod limit;
mod outlined;
mod random;
mod recovery;
mod sink;
pub mod storage;
mod time;

pub use crate::assert::violations;
/// Runs the example of the README.
#[cfg(all(doctest, feature = "test-util"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(hidden)]
pub use crate::assert::{__violated, __violated_to};
pub use crate::call_context::{CallContext, Priority, RetryMark};
pub use crate::config::{ConfigError, ConfigFault, ConfigFaults};
pub use crate::failure::{FailureKind, FailureRecord, Severity};
pub use crate::health::{Health, HealthCheck, HealthReport};
pub use crate::id::{ActorId, CorrelationId, EventId, IdSource, ParseIdError};
pub use crate::limit::{Limit, LimitExceeded};
pub use crate::outlined::Outlined;
pub use crate::random::{Seed, Stream};
pub use crate::recovery::{Recoverable, Recovery};
pub use crate::sink::{Event, Fanout, MemorySink, NullSink, OwnedEvent, OwnedValue, Sink, Value};
#[cfg(feature = "test-util")]
pub use crate::time::VirtualClock;
pub use crate::time::{
    Clock, Elapsed, Instant, ParseTimestampError, Sleep, SystemClock, Time, Timeout, Timer,
    Timestamp,
};
