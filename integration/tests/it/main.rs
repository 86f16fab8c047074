//! What holds for the repository as a whole, and across layers.
#![forbid(unsafe_code)]

mod absences;
mod corpora;
mod features;
