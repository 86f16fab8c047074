//! Tools for tests of actors: virtual time, probes, and a trace of everything that happened.
//!
//! | tool | what it gives |
//! |---|---|
//! | [`TestSystem`] | a system on one thread whose time moves only when nothing else can happen |
//! | [`TestProbe`] | an actor that records what it gets, and expectations on it |
//! | [`Trace`] | what all actors did, line by line; equal for equal seeds |
//!
//! Tests written with it never sleep and take no real time. With the feature `test-util`.

mod drive;
mod probe;
mod system;
#[cfg(test)]
mod tests;
mod trace;

pub use probe::{EXPECT_WAIT_DEFAULT, PROBE_MESSAGES_MAX, TestProbe};
pub use system::{RUN_TIME_MAX, TestSystem, TestSystemBuilder};
pub use trace::{TRACE_LINES_MAX, Trace};
