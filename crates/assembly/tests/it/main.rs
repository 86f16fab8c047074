//! Assembled systems from outside, in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::clone_on_ref_ptr,
    reason = "a helper that fails fails its test; clones become trait objects on the spot"
)]

mod actor_drills;
mod calls;
mod drills;
mod faults;
mod health;
mod reload;
mod support;
