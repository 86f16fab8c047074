//! Integration tests of the event log.

mod memory;
mod segment_store;
