//! Integration tests of snapshots.

mod files;
mod order;
mod suites;
