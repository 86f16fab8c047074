//! Acceptance scenarios on real actors, in virtual time.

mod basics;
mod world;
