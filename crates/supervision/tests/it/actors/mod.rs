//! Acceptance scenarios on real actors, in virtual time.

mod auto_shutdown;
mod backoff;
mod basics;
mod groups;
mod intensity;
mod live;
mod messages;
mod policies;
mod root;
mod shutdown;
mod start;
mod world;
