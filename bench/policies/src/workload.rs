//! What is measured: a kind of protected call, and how many threads make it.

use std::{fmt, str::FromStr};

use clap::ValueEnum;

/// Threads at which every kind is measured.
pub const THREADS: [usize; 4] = [1, 2, 4, 8];

/// A kind of call; the names are those on the command line and in the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    ClosedSync,
    ClosedSyncSlow,
    ClosedAsync,
    OpenSync,
    OpenAsync,
    BulkheadFree,
    BulkheadFull,
    RetrySync,
    RetryAsync,
    RateAllowed,
    RateDenied,
    #[value(name = "pipeline-5")]
    Pipeline5,
    KeyedHit,
    KeyedSpread,
    FeatureSwitch,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::ClosedSync => "closed-sync",
            Kind::ClosedSyncSlow => "closed-sync-slow",
            Kind::ClosedAsync => "closed-async",
            Kind::OpenSync => "open-sync",
            Kind::OpenAsync => "open-async",
            Kind::BulkheadFree => "bulkhead-free",
            Kind::BulkheadFull => "bulkhead-full",
            Kind::RetrySync => "retry-sync",
            Kind::RetryAsync => "retry-async",
            Kind::RateAllowed => "rate-allowed",
            Kind::RateDenied => "rate-denied",
            Kind::Pipeline5 => "pipeline-5",
            Kind::KeyedHit => "keyed-hit",
            Kind::KeyedSpread => "keyed-spread",
            Kind::FeatureSwitch => "feature-switch",
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Kind::ClosedSync => "a closed breaker around a closure that returns Ok",
            Kind::ClosedSyncSlow => "the same, with the rate of slow calls watched",
            Kind::ClosedAsync => "a closed breaker around a future that is ready with Ok",
            Kind::OpenSync => "an open breaker rejects a closure",
            Kind::OpenAsync => "an open breaker rejects a future",
            Kind::BulkheadFree => "a bulkhead with room around a future that is ready with Ok",
            Kind::BulkheadFull => "a full bulkhead rejects a future",
            Kind::RetrySync => "a retry around a closure that succeeds at once",
            Kind::RetryAsync => "a retry around a future that succeeds at once",
            Kind::RateAllowed => "a rate limiter allows the call",
            Kind::RateDenied => "a rate limiter denies the call",
            Kind::Pipeline5 => {
                "fallback, retry with budget, breaker, bulkhead and timeout around a future that is \
                 ready with Ok"
            }
            Kind::KeyedHit => {
                "a closed breaker found by its key among 100,000, of which 64 are busy"
            }
            Kind::KeyedSpread => "the same where all 100,000 are asked for in turn",
            Kind::FeatureSwitch => "asking whether a feature is on",
        }
    }

    /// Whether the protected call is a future.
    pub fn is_async(self) -> bool {
        matches!(
            self,
            Kind::ClosedAsync
                | Kind::OpenAsync
                | Kind::BulkheadFree
                | Kind::BulkheadFull
                | Kind::RetryAsync
                | Kind::Pipeline5
        )
    }

    /// Whether heap allocations per call are counted too.
    pub fn counts_allocations(self) -> bool {
        matches!(self, Kind::ClosedAsync | Kind::Pipeline5)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    pub kind: Kind,
    pub threads: usize,
}

impl Workload {
    pub fn all() -> Vec<Self> {
        let of = |kind: &Kind| THREADS.map(|threads| Self { kind: *kind, threads });
        Kind::value_variants().iter().flat_map(of).collect()
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if self.threads > 1 { write!(f, "-{}t", self.threads) } else { Ok(()) }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::all().into_iter().find(|workload| workload.to_string() == text).ok_or_else(|| {
            let names: Vec<_> = Kind::value_variants().iter().map(|kind| kind.name()).collect();
            format!("there are {}, and each with -2t, -4t or -8t", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_found_by_its_name() {
        for workload in Workload::all() {
            assert_eq!(workload.to_string().parse(), Ok(workload));
            let kind = workload.kind;
            assert_eq!(Kind::from_str(kind.name(), false), Ok(kind));
        }
        assert!("closed-sync-3t".parse::<Workload>().is_err());
    }
}
