//! Integration tests of sourcing.
//!
//! `sNN_` in a test's name is the number of its scenario in the semantics of the event log.
#![expect(clippy::indexing_slicing, reason = "a wrong index fails the test, as it should")]
#![expect(clippy::panic, reason = "entities of the tests panic as they are told")]

mod account;
mod commands;
mod crashing;
mod disk_crash;
mod faulty;
mod keyed;
mod memory;
mod model;
mod moments;
mod own_time;
mod persisting;
mod projecting;
mod recovery;
mod replay;
mod retention;
mod room;
mod views;
