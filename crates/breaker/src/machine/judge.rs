//! The rules: which of them a window exceeds.

use crate::config::Config;
use crate::event::Cause;
use crate::window::Counts;

/// The exceeded rules, in the order in which they are reported; the first one is the cause.
pub(super) type Exceeded = [Option<Cause>; 4];

/// Which rates `counts` reaches, if it holds at least `judged_from` results.
pub(super) fn rates(config: &Config, counts: Counts, judged_from: u32) -> Exceeded {
    if counts.total < judged_from {
        return [None; 4];
    }
    let reached = |rate: Option<f64>, threshold: Option<f64>| {
        rate.zip(threshold).filter(|(rate, threshold)| rate >= threshold).map(|(rate, _)| rate)
    };
    [
        reached(counts.failure_rate(), config.failure_rate).map(Cause::FailureRate),
        reached(counts.slow_rate(), config.slow_rate).map(Cause::SlowRate),
        None,
        None,
    ]
}

/// Which rules a closed window exceeds.
pub(super) fn closed(config: &Config, counts: Counts, streak: u32, over_limit: bool) -> Exceeded {
    let [failure_rate, slow_rate, ..] = rates(config, counts, config.judged_from());
    let consecutive = config.consecutive_failures.filter(|&failures| streak >= failures);
    let limit = config.failure_limit.filter(|_| over_limit);
    [
        failure_rate,
        slow_rate,
        consecutive.map(|_| Cause::ConsecutiveFailures(streak)),
        limit.map(|limit| Cause::FailureLimit(limit.failures)),
    ]
}
