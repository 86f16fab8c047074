//! What each workload yields, what that is compared with, and the bars for steadfast.

use crate::workload::Workload;

/// The peer that the others are compared with.
pub const BASELINE: &str = "tokio-unbounded";

/// One number that a workload yields.
#[derive(Debug)]
pub struct Figure {
    pub workload: Workload,
    /// The workload's name where it yields one number only.
    pub name: &'static str,
    pub unit: &'static str,
    pub against: Against,
    pub bar: Option<Bar>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The same figure of [`BASELINE`] in the same round.
    Baseline,
    /// Another figure of the same sample, by name; the unit is the same.
    Figure(&'static str),
    Nothing,
}

/// What steadfast must stay below, or just reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    Ratio(f64),
    Median(f64),
}

impl Bar {
    /// None if there is no ratio to judge.
    pub fn met(self, median: f64, ratio: Option<f64>) -> Option<bool> {
        match self {
            Bar::Ratio(most) => ratio.map(|ratio| ratio <= most),
            Bar::Median(most) => Some(median <= most),
        }
    }
}

/// The figures of one workload, in the order in which a sample reports them.
pub fn of(workload: Workload) -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().filter(move |figure| figure.workload == workload)
}

/// Fewer than one allocation in a thousand operations count as none: the
/// runtime's own bookkeeping.
const STRAY_ALLOCATIONS: f64 = 0.001;

/// "Flat" allows for what the machine adds: with a million actors nothing is
/// in a cache any more and every page is new.
const FLAT_TIME: f64 = 2.0;
const FLAT_MEMORY: f64 = 1.2;

const NS: &str = "ns/op";
const BYTES: &str = "bytes/actor";

const FIGURES: &[Figure] = &[
    ratio(Workload::Tell, NS, Some(0.75)),
    ratio(Workload::TellCurrentThread, NS, Some(0.70)),
    ratio(Workload::Tell64b, NS, None),
    ratio(Workload::FanIn, NS, Some(0.40)),
    ratio(Workload::Ask, NS, Some(1.0)),
    ratio(Workload::AskCurrentThread, NS, Some(0.90)),
    ratio(Workload::AskConcurrent, NS, Some(0.95)),
    ratio(Workload::PingPong, NS, Some(0.85)),
    ratio(Workload::SpawnStop, NS, Some(0.50)),
    ratio(Workload::SpawnStopSupervised, NS, Some(0.80)),
    Figure { bar: Some(Bar::Median(650.0)), ..ratio(Workload::IdleMemory, BYTES, None) },
    Figure { bar: Some(Bar::Median(950.0)), ..ratio(Workload::IdleMemorySupervised, BYTES, None) },
    ratio(Workload::Skynet, NS, Some(0.90)),
    ratio(Workload::Restart, NS, Some(0.80)),
    Figure {
        name: "control-latency",
        unit: "ns",
        against: Against::Figure("control-latency-idle"),
        bar: Some(Bar::Ratio(2.0)),
        workload: Workload::ControlLatency,
    },
    alone(Workload::ControlLatency, "control-latency-idle", "ns", None),
    alone(Workload::StartMillion, "start-million", "s", Some(10.0)),
    alone(Workload::StartMillion, "start-million-memory", "bytes", Some(1.3e9)),
    per_actor("cost-per-actor-1000", "ns/actor", "cost-per-actor-1000", None),
    per_actor("cost-per-actor-1000", BYTES, "cost-per-actor-1000", None),
    per_actor("cost-per-actor-10000", "ns/actor", "cost-per-actor-1000", Some(FLAT_TIME)),
    per_actor("cost-per-actor-10000", BYTES, "cost-per-actor-1000", Some(FLAT_MEMORY)),
    per_actor("cost-per-actor-100000", "ns/actor", "cost-per-actor-1000", Some(FLAT_TIME)),
    per_actor("cost-per-actor-100000", BYTES, "cost-per-actor-1000", Some(FLAT_MEMORY)),
    per_actor("cost-per-actor-1000000", "ns/actor", "cost-per-actor-1000", Some(FLAT_TIME)),
    per_actor("cost-per-actor-1000000", BYTES, "cost-per-actor-1000", Some(FLAT_MEMORY)),
    alone(Workload::Allocations, "allocations-tell", "allocations/op", Some(STRAY_ALLOCATIONS)),
    alone(
        Workload::Allocations,
        "allocations-ask",
        "allocations/op",
        Some(1.0 + STRAY_ALLOCATIONS),
    ),
];

const fn ratio(workload: Workload, unit: &'static str, most: Option<f64>) -> Figure {
    let bar = match most {
        Some(most) => Some(Bar::Ratio(most)),
        None => None,
    };
    Figure { workload, name: workload.name(), unit, against: Against::Baseline, bar }
}

const fn alone(
    workload: Workload,
    name: &'static str,
    unit: &'static str,
    most: Option<f64>,
) -> Figure {
    let bar = match most {
        Some(most) => Some(Bar::Median(most)),
        None => None,
    };
    Figure { workload, name, unit, against: Against::Nothing, bar }
}

const fn per_actor(
    name: &'static str,
    unit: &'static str,
    against: &'static str,
    most: Option<f64>,
) -> Figure {
    let bar = match most {
        Some(most) => Some(Bar::Ratio(most)),
        None => None,
    };
    Figure { workload: Workload::CostPerActor, name, unit, against: Against::Figure(against), bar }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_workload_yields_a_figure_named_after_it() {
        for workload in Workload::value_variants() {
            assert!(of(*workload).count() > 0, "{workload:?}");
            for figure in of(*workload) {
                assert!(figure.name.starts_with(workload.name()), "{}", figure.name);
            }
        }
    }

    #[test]
    fn a_figure_is_compared_with_one_of_the_same_workload_and_unit() {
        for figure in FIGURES {
            let Against::Figure(name) = figure.against else { continue };
            assert!(
                of(figure.workload).any(|other| other.name == name && other.unit == figure.unit),
                "{}",
                figure.name
            );
        }
    }

    #[test]
    fn sizes_and_figures_of_cost_per_actor_agree() {
        let names: Vec<_> = of(Workload::CostPerActor).map(|figure| figure.name).collect();
        let expected: Vec<_> = Workload::CostPerActor
            .sizes(false)
            .iter()
            .flat_map(|size| [format!("cost-per-actor-{size}"), format!("cost-per-actor-{size}")])
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_bar_is_met_when_just_reached() {
        assert_eq!(Bar::Ratio(0.75).met(100.0, Some(0.75)), Some(true));
        assert_eq!(Bar::Ratio(0.75).met(100.0, Some(0.76)), Some(false));
        assert_eq!(Bar::Ratio(0.75).met(100.0, None), None);
        assert_eq!(Bar::Median(650.0).met(650.0, Some(9.0)), Some(true));
    }
}
