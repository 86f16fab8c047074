//! The libraries measured, one module each.

mod actix;
mod acto;
mod coerce;
mod kameo;
mod ractor;
mod steadfast;
mod tokio_task;
mod xtra;

use crate::{
    figures::BASELINE,
    measure,
    message::{Narrow, Wide},
    peer::Peer,
    workload::{Audience, Workload},
};

use self::tokio_task::{Bounded, TokioTask, Unbounded};

/// Our own name among the libraries.
pub const STEADFAST: &str = "steadfast";

/// A second baseline, whose ratio to the first is shown like any other.
const BOUNDED_BASELINE: &str = "tokio-bounded";

/// A library with its type erased.
pub struct Entry {
    pub name: &'static str,
    gap: fn(Workload) -> Option<&'static str>,
    sample: Box<dyn Fn(Workload, u64) -> Vec<f64>>,
}

/// Whether a library takes part in a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Takes,
    /// With the reason.
    Cannot(&'static str),
    NotAsked,
}

impl Entry {
    fn new<P: Peer>(name: &'static str, start: fn() -> P) -> Self {
        Self {
            name,
            gap: P::gap,
            sample: Box::new(move |workload, ops| measure::sample(start, workload, ops)),
        }
    }

    /// As `new`; `W` is the same peer with messages of 64 bytes.
    fn with_wide<P: Peer, W: Peer>(
        name: &'static str,
        start: fn() -> P,
        start_wide: fn() -> W,
    ) -> Self {
        Self {
            name,
            gap: P::gap,
            sample: Box::new(move |workload, ops| match workload {
                Workload::Tell64b => measure::sample(start_wide, workload, ops),
                _ => measure::sample(start, workload, ops),
            }),
        }
    }

    pub fn is_baseline(&self) -> bool {
        [BASELINE, BOUNDED_BASELINE].contains(&self.name)
    }

    pub fn part(&self, workload: Workload) -> Part {
        let asked = match workload.audience() {
            Audience::Everyone => true,
            Audience::Baselines => self.is_baseline() || self.name == STEADFAST,
            Audience::Steadfast => self.name == STEADFAST,
        };
        match (self.gap)(workload) {
            _ if !asked => Part::NotAsked,
            Some(reason) => Part::Cannot(reason),
            None => Part::Takes,
        }
    }

    /// Takes a sample in this process.
    pub fn sample(&self, workload: Workload, ops: u64) -> Vec<f64> {
        let workload = if self.is_baseline() { workload.plain() } else { workload };
        (self.sample)(workload, ops)
    }
}

pub fn all() -> Vec<Entry> {
    vec![
        Entry::with_wide(
            BASELINE,
            TokioTask::<Unbounded, Narrow>::new,
            TokioTask::<Unbounded, Wide>::new,
        ),
        Entry::with_wide(
            BOUNDED_BASELINE,
            TokioTask::<Bounded, Narrow>::new,
            TokioTask::<Bounded, Wide>::new,
        ),
        Entry::with_wide(
            STEADFAST,
            steadfast::Steadfast::<Narrow>::new,
            steadfast::Steadfast::<Wide>::new,
        ),
        Entry::new("ractor", || ractor::Ractor),
        Entry::new("kameo-unbounded", || kameo::Kameo::UNBOUNDED),
        Entry::new("kameo-bounded", || kameo::Kameo::BOUNDED),
        Entry::new("actix", || actix::Actix),
        Entry::new("actix-arbiter", actix::ActixArbiter::new),
        Entry::new("xtra-unbounded", || xtra::Xtra::UNBOUNDED),
        Entry::new("xtra-bounded", || xtra::Xtra::BOUNDED),
        Entry::new("acto-bounded", acto::Acto::new),
        Entry::new("coerce", coerce::Coerce::new),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steadfast_is_asked_for_what_it_alone_has() {
        for entry in all().iter().filter(|entry| entry.name != STEADFAST) {
            assert_eq!(entry.part(Workload::StartMillion), Part::NotAsked, "{}", entry.name);
        }
    }

    #[test]
    fn baselines_run_the_plain_workload_for_a_supervised_one() {
        let entries = all();
        let asked: Vec<_> = entries
            .iter()
            .filter(|entry| entry.part(Workload::SpawnStopSupervised) == Part::Takes)
            .filter(|entry| entry.name != STEADFAST)
            .map(|entry| entry.name)
            .collect();
        assert_eq!(asked, [BASELINE, BOUNDED_BASELINE]);
        assert_eq!(entries[0].sample(Workload::SpawnStopSupervised, 100).len(), 1);
    }

    #[test]
    fn every_library_passes_the_checks_of_every_workload_on_few_operations() {
        use clap::ValueEnum as _;
        for entry in all() {
            for &workload in Workload::value_variants() {
                // xtra's round trips between two workers now and then take seconds.
                if entry.part(workload) != Part::Takes || entry.name.starts_with("xtra") {
                    continue;
                }
                let figures = crate::figures::of(workload).count() / workload.sizes(true).len();
                let numbers = entry.sample(workload, 1_000);
                assert_eq!(numbers.len(), figures, "{} {workload:?}", entry.name);
                assert!(numbers.iter().all(|number| *number >= 0.0), "{} {workload:?}", entry.name);
            }
        }
    }
}
