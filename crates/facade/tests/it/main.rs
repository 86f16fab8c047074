//! What a user of the facade can name, and what stands behind it.
#![forbid(unsafe_code)]

mod features;
mod paths;
mod public_paths;
