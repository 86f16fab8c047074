//! Acceptance scenarios and model tests of the supervisor machine, in virtual time.
//!
//! `sNN_` in a test's name is the number of its scenario in the semantics of supervision.
#![expect(clippy::indexing_slicing, reason = "a wrong index fails the test, as it should")]

mod actors;
mod auto_shutdown;
mod backoff;
mod boot;
mod chaos;
mod commands;
mod dynamic;
mod live;
mod model;
mod permits;
mod policies;
mod shutdown;
mod specs;
mod stage;
mod strategies;
mod windows;
