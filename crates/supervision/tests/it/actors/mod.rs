//! Acceptance scenarios on real actors, in virtual time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails its test")]

mod auto_shutdown;
mod backoff;
mod basics;
mod groups;
mod intensity;
mod live;
mod messages;
mod nests;
mod policies;
mod root;
mod shutdown;
mod start;
mod stress;
mod world;
