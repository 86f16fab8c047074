//! The breaker from outside, in virtual time. Numbers in test names are those of the acceptance scenarios.

mod asynchronous;
mod bench;
mod closed;
mod control;
mod half_open;
mod listening;
mod memory;
mod model;
mod open;
mod threads;
