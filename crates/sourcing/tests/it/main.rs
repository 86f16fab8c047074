//! Integration tests of sourcing.

mod crashing;
mod persisting;
mod projecting;
mod views;
