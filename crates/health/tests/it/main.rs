//! Health checks, healing and degradation from outside, in virtual time.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::clone_on_ref_ptr,
    reason = "a helper that fails fails its test; clones become trait objects on the spot"
)]

mod chaos;
mod checks;
mod degradation;
mod healing;
mod settings;
mod support;
mod threads;
