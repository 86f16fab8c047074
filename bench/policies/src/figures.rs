//! The bars for steadfast: what it is compared with, and how it must compare.

use crate::workload::{Kind, Workload};

/// What steadfast must stay below, or just reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// For orientation: nanoseconds on the machine that the bars were set on.
    pub nanos: f64,
    pub judged: Judged,
}

/// What decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// The ratio to another library in the same run.
    Ratio { peer: &'static str, most: f64 },
    /// The nanoseconds themselves: nobody to compare with.
    Nanos,
}

/// The bar of a workload. Ratios are the bar in nanoseconds over what the best peer took on the
/// machine that the bars were set on.
pub fn bar(workload: Workload) -> Option<Bar> {
    let over =
        |nanos, peer, took| Some(Bar { nanos, judged: Judged::Ratio { peer, most: nanos / took } });
    let alone = |nanos| Some(Bar { nanos, judged: Judged::Nanos });
    match (workload.kind, workload.threads) {
        (Kind::ClosedSync, 1) => over(10.0, "failsafe", 11.5),
        (Kind::ClosedSync, 2) => over(25.0, "failsafe", 43.2),
        (Kind::ClosedSyncSlow, 1) => over(43.4, "failsafe-default", 86.8),
        (Kind::ClosedSyncSlow, 2) => over(90.5, "failsafe-default", 181.0),
        (Kind::ClosedAsync, 1) => over(14.0, "failsafe", 15.8),
        (Kind::ClosedAsync, 2) => over(30.0, "failsafe", 86.1),
        (Kind::OpenSync, 1) => over(12.0, "failsafe", 30.7),
        (Kind::OpenSync, 2) => over(15.0, "recloser", 38.4),
        (Kind::OpenAsync, 1) => over(12.0, "failsafe", 37.7),
        (Kind::OpenAsync, 2) => over(15.0, "recloser", 67.3),
        (Kind::BulkheadFree, 1) => over(13.0, "tokio-semaphore", 13.3),
        (Kind::BulkheadFull, 1) => over(5.0, "tokio-semaphore", 2.3),
        (Kind::RetrySync, 1) => over(5.0, "backon", 5.5),
        (Kind::RetryAsync, 1) => over(9.0, "backon", 10.2),
        (Kind::RateAllowed, 1) => over(12.0, "governor", 12.2),
        (Kind::RateDenied, 1) => over(10.0, "governor", 10.4),
        (Kind::Pipeline5, 1) => alone(150.0),
        (Kind::KeyedHit, 1) => alone(40.0),
        (Kind::FeatureSwitch, 1) => alone(2.0),
        _ => None,
    }
}

/// Fewer than one allocation in a hundred calls count as none: starting the thread that calls.
pub const STRAY_ALLOCATIONS: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers;

    #[test]
    fn every_kind_has_a_bar_and_every_peer_of_a_bar_runs() {
        let cases = peers::all();
        for workload in Workload::all().into_iter().filter(|workload| workload.threads == 1) {
            // Beside `keyed-hit`, to be compared with it.
            if workload.kind == Kind::KeyedSpread {
                continue;
            }
            let bar = bar(workload).expect("a bar for one thread");
            if let Judged::Ratio { peer, .. } = bar.judged {
                let mut cases = cases.iter();
                assert!(cases.any(|case| case.kind == workload.kind && case.library == peer));
            }
        }
    }
}
