//! What holds for the repository as a whole, and across layers.
#![forbid(unsafe_code)]

mod corpora;
mod features;
