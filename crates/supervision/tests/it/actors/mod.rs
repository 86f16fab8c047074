//! Acceptance scenarios on real actors, in virtual time.

mod basics;
mod groups;
mod intensity;
mod policies;
mod start;
mod world;
