//! What each workload yields, what that is compared with, and the bars for steadfast.

use crate::workload::Workload;

/// The library that the others are compared with.
pub const RAW: &str = "raw";
pub const LIMIT: &str = "limit-4k";
pub const LIMIT_DIRECT: &str = "limit-direct";
pub const STEADFAST: &str = "steadfast";
pub const STEADFAST_MEMORY: &str = "steadfast-memory";
/// Who has the limits.
pub const MACHINE: &str = "machine";

/// One number that a workload yields.
#[derive(Debug)]
pub struct Figure {
    pub name: &'static str,
    pub workload: Workload,
    pub unit: &'static str,
    /// The figure of [`RAW`] in the same round that it is compared with.
    pub against: Option<&'static str>,
    /// Shown beside the workload's main figure.
    pub beside: bool,
}

/// What steadfast must reach, or stay below.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub figure: &'static str,
    pub library: &'static str,
    pub judged: Judged,
}

#[derive(Clone, Copy, Debug)]
pub enum Judged {
    Least(f64),
    Most(f64),
    /// So many times a library's figure of the same round.
    LeastOf(f64, &'static str, &'static str),
    MostOf(f64, &'static str, &'static str),
}

/// The figures of one workload, the main one first.
pub fn of(workload: Workload) -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().filter(move |figure| figure.workload == workload)
}

/// Whether a figure of one workload is compared with one of another.
pub fn compares(workload: Workload, other: Workload) -> bool {
    let mut references = of(workload).filter_map(|figure| named(figure.against?));
    references.any(|figure| figure.workload == other)
}

/// The figure with this name.
pub fn named(name: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.name == name)
}

const RATE: &str = "events/s";
const TURNS: &str = "turns/s";
const US: &str = "us";
const MS: &str = "ms";
const BYTES: &str = "B/event";
const SYNCS: &str = "syncs/append";
const GROUP: &str = "events/sync";

const DURABLE: Option<&str> = Some("durable-1");

const FIGURES: &[Figure] = &[
    limit("fdatasync-p50", US),
    limit("fdatasync-p99", US),
    limit("sequential-write", "MB/s"),
    limit("sequential-read", "MB/s"),
    Figure { against: DURABLE, ..main("durable-1", Workload::Durable1, RATE) },
    beside("durable-1-p50", Workload::Durable1, US),
    beside("durable-1-p99", Workload::Durable1, US),
    beside("durable-1-syncs", Workload::Durable1, SYNCS),
    beside("durable-1-group", Workload::Durable1, GROUP),
    Figure { against: DURABLE, ..main("durable-64", Workload::Durable64, RATE) },
    beside("durable-64-p50", Workload::Durable64, US),
    beside("durable-64-p99", Workload::Durable64, US),
    beside("durable-64-syncs", Workload::Durable64, SYNCS),
    beside("durable-64-group", Workload::Durable64, GROUP),
    Figure { against: DURABLE, ..main("durable-1024", Workload::Durable1024, RATE) },
    beside("durable-1024-p50", Workload::Durable1024, US),
    beside("durable-1024-p99", Workload::Durable1024, US),
    beside("durable-1024-syncs", Workload::Durable1024, SYNCS),
    beside("durable-1024-group", Workload::Durable1024, GROUP),
    Figure { against: DURABLE, ..main("command-64", Workload::Command64, RATE) },
    beside("command-64-p50", Workload::Command64, US),
    beside("command-64-p99", Workload::Command64, US),
    beside("command-64-syncs", Workload::Command64, SYNCS),
    beside("command-64-group", Workload::Command64, GROUP),
    main("relaxed-single", Workload::RelaxedSingle, US),
    Figure {
        against: Some("relaxed-single"),
        ..main("relaxed-pipelined", Workload::RelaxedPipelined, US)
    },
    main("relaxed-batch", Workload::RelaxedBatch, US),
    main("scan-borrowed", Workload::ScanBorrowed, RATE),
    main("scan-typed", Workload::ScanTyped, RATE),
    Figure { against: Some("scan-borrowed"), ..main("scan-sealed", Workload::ScanSealed, RATE) },
    main("actor-history", Workload::ActorHistory, MS),
    main("correlation", Workload::Correlation, MS),
    main("bytes-per-event", Workload::BytesPerEvent, BYTES),
    beside("bytes-reserved", Workload::BytesPerEvent, "MB"),
    main("reopen-clean", Workload::ReopenClean, MS),
    main("reopen-killed", Workload::ReopenKilled, MS),
    beside("reopen-killed-acknowledged", Workload::ReopenKilled, "events"),
    Figure { against: None, ..main("recovery-10k", Workload::Recovery10k, MS) },
    Figure { against: None, ..main("input-replay", Workload::InputReplay, TURNS) },
    Figure { against: None, ..main("recording", Workload::Recording, TURNS) },
    Figure { against: None, ..main("input-replay-segments", Workload::Recording, TURNS) },
    main("reopen-clean-10m", Workload::ReopenTenMillion, MS),
    main("reopen-killed-10m", Workload::ReopenTenMillion, MS),
    beside("reopen-killed-10m-acknowledged", Workload::ReopenTenMillion, "events"),
];

/// A figure that is compared with that of the same name.
const fn main(name: &'static str, workload: Workload, unit: &'static str) -> Figure {
    Figure { name, workload, unit, against: Some(name), beside: false }
}

const fn beside(name: &'static str, workload: Workload, unit: &'static str) -> Figure {
    Figure { name, workload, unit, against: None, beside: true }
}

const fn limit(name: &'static str, unit: &'static str) -> Figure {
    Figure { name, workload: Workload::Limits, unit, against: None, beside: false }
}

pub const BARS: &[Bar] = &[
    ours("durable-1", Judged::LeastOf(0.92, LIMIT, "durable-1")),
    ours("durable-1", Judged::LeastOf(1.3, RAW, "durable-1")),
    ours("durable-64", Judged::LeastOf(25.0, RAW, "durable-1")),
    ours("durable-64", Judged::LeastOf(2.5, "okaywal", "durable-64")),
    ours("durable-1024", Judged::LeastOf(60.0, RAW, "durable-1")),
    ours("command-64", Judged::LeastOf(0.8, STEADFAST, "durable-64")),
    Bar { library: STEADFAST_MEMORY, ..ours("relaxed-single", Judged::Most(1.0)) },
    ours("relaxed-single", Judged::MostOf(1.1, RAW, "relaxed-single")),
    ours("relaxed-batch", Judged::Most(0.4)),
    ours("scan-borrowed", Judged::Least(8e6)),
    ours("scan-borrowed", Judged::LeastOf(1.0, RAW, "scan-borrowed")),
    ours("scan-borrowed", Judged::LeastOf(1.0, "redb", "scan-borrowed")),
    ours("scan-typed", Judged::Least(4.5e6)),
    ours("scan-typed", Judged::LeastOf(1.0, RAW, "scan-typed")),
    ours("scan-typed", Judged::LeastOf(1.0, "redb", "scan-typed")),
    ours("scan-sealed", Judged::Least(2.5e6)),
    ours("actor-history", Judged::Most(1.5)),
    ours("correlation", Judged::Most(0.5)),
    ours("bytes-per-event", Judged::Most(64.0)),
    ours("reopen-clean", Judged::Most(10.0)),
    ours("reopen-killed", Judged::Most(150.0)),
    ours("recovery-10k", Judged::Most(1_000.0)),
    ours("input-replay", Judged::Least(1e6)),
    ours("recording", Judged::Least(3e5)),
    ours("input-replay-segments", Judged::Least(1e6)),
    ours("reopen-clean-10m", Judged::Most(1_000.0)),
    ours("reopen-killed-10m", Judged::Most(1_000.0)),
];

const fn ours(figure: &'static str, judged: Judged) -> Bar {
    Bar { figure, library: STEADFAST, judged }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::peers;

    #[test]
    fn every_workload_has_a_figure_and_every_figure_a_name_of_its_own() {
        for workload in Workload::value_variants() {
            assert!(of(*workload).next().is_some(), "{workload:?}");
        }
        let mut names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIGURES.len());
    }

    #[test]
    fn many_writers_bring_the_single_one_they_are_compared_with() {
        assert!(compares(Workload::Durable64, Workload::Durable1));
        assert!(!compares(Workload::Durable1, Workload::Durable64));
        assert!(!compares(Workload::Limits, Workload::Durable1));
    }

    #[test]
    fn bars_and_comparisons_name_figures_that_their_libraries_yield() {
        let yields = |library: &str, figure: &str| {
            let workload = named(figure).expect("a figure of this name").workload;
            peers::all().iter().any(|entry| entry.name == library && entry.takes(workload))
        };
        for bar in BARS {
            assert!(yields(bar.library, bar.figure), "{bar:?}");
            if let Judged::LeastOf(_, library, figure) | Judged::MostOf(_, library, figure) =
                bar.judged
            {
                assert!(yields(library, figure), "{bar:?}");
            }
        }
        for figure in FIGURES {
            assert!(figure.against.is_none_or(|other| yields(RAW, other)), "{figure:?}");
        }
    }
}
