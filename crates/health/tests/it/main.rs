//! Health checks, healing and degradation from outside, in virtual time.

mod checks;
mod degradation;
mod healing;
mod settings;
mod support;
mod threads;
