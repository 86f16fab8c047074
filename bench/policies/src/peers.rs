//! The libraries measured, one module each.

mod backon;
mod bare;
mod breaker;
mod failsafe;
mod governor;
mod recloser;
mod steadfast;
mod tokio_retry;
mod tokio_semaphore;
mod tower_bulkhead;
mod tower_circuitbreaker;

use std::time::Duration;

use crate::case::Case;

/// The unprotected call, which all are compared with.
pub const BARE: &str = "bare";

/// The library that the bars are for.
pub const STEADFAST: &str = "steadfast";

/// An open breaker stays open for the whole run.
const LONG: Duration = Duration::from_secs(24 * 3600);

pub fn all() -> Vec<Case> {
    [
        bare::cases(),
        steadfast::cases(),
        failsafe::cases(),
        recloser::cases(),
        breaker::cases(),
        tower_circuitbreaker::cases(),
        tokio_semaphore::cases(),
        tower_bulkhead::cases(),
        backon::cases(),
        tokio_retry::cases(),
        governor::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The names of the libraries, each once.
pub fn names(cases: &[Case]) -> Vec<&'static str> {
    let mut names: Vec<_> = cases.iter().map(|case| case.library).collect();
    names.sort_unstable();
    names.dedup();
    names
}
