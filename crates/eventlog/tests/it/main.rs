//! Integration tests of the event log.

mod leases;
mod memory;
mod playing_again;
mod segment_store;
