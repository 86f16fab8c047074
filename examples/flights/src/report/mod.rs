//! The report at the end: for machines as one JSON object, for people as tables.

mod lines;
mod services;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use lines::{AirlineLine, AirportLine, PlaneLine};

use crate::dataset::Dataset;
use crate::desk::Briefings;
use crate::fault::FaultKind;
use crate::outage::Service;
use crate::service::ServiceReport;
use crate::state::State;
use crate::tally::{RestartCause, Tally};
use crate::verdict::{Difference, Verdict};

/// What a run hands to the report.
#[derive(Debug)]
pub struct Run {
    /// The state of each actor at the end, by actor index; `None` for one that gave none.
    pub states: Vec<Option<State>>,
    /// Events fed.
    pub events: u64,
    /// Inputs sent to actors, without repeats.
    pub deliveries: u64,
    /// Inputs sent again after restarts.
    pub repeats: u64,
    /// Faults and restarts.
    pub tally: Tally,
    /// Processes killed; this version kills none.
    pub kills: u64,
    /// Actors killed.
    pub actor_kills: u64,
    /// Messages that reached no actor.
    pub dead_letters: u64,
    /// From the first event fed to the last state collected.
    pub elapsed: Duration,
    /// The briefings of the dispatch desk.
    pub briefings: Briefings,
    /// Its calls to the services, in the order of [`Service::ALL`].
    pub services: [ServiceReport; 2],
}

/// The report, serializable as it is.
#[derive(Debug, Serialize)]
pub struct Report {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
    seed: u64,
    fault_rate: f64,
    flights: usize,
    events: u64,
    actors: usize,
    deliveries: u64,
    redeliveries: u64,
    faults_injected: u64,
    faults_absorbed: u64,
    faults: BTreeMap<&'static str, FaultLine>,
    restarts: u64,
    restarts_by_cause: BTreeMap<&'static str, u64>,
    kills: u64,
    actor_kills: u64,
    dead_letters: u64,
    elapsed_s: f64,
    events_per_s: f64,
    airlines: Vec<AirlineLine>,
    airports: Vec<AirportLine>,
    planes: Vec<PlaneLine>,
    services: BTreeMap<&'static str, ServiceReport>,
    briefings: Briefings,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    injected: u64,
    absorbed: u64,
}

impl Report {
    /// Puts a run and its verdict into a report.
    #[must_use]
    pub fn new(dataset: &Dataset, seed: u64, fault_rate: f64, run: &Run, verdict: Verdict) -> Self {
        let (verdict, difference) = match verdict {
            Verdict::Equal => ("equal", None),
            Verdict::Different(difference) => ("different", Some(difference)),
        };
        let tally = &run.tally;
        let fault_line = |kind: FaultKind| {
            let count = tally.faults(kind);
            (kind.name(), FaultLine { injected: count.injected, absorbed: count.absorbed })
        };
        let elapsed_s = run.elapsed.as_secs_f64();
        Self {
            verdict,
            difference,
            seed,
            fault_rate,
            flights: dataset.flights.len(),
            events: run.events,
            actors: dataset.roster.actors(),
            deliveries: run.deliveries,
            redeliveries: run.repeats,
            faults_injected: tally.faults_injected(),
            faults_absorbed: tally.faults_absorbed(),
            faults: FaultKind::ALL.into_iter().map(fault_line).collect(),
            restarts: tally.restarts_total(),
            restarts_by_cause: RestartCause::ALL
                .into_iter()
                .map(|cause| (cause.name(), tally.restarts(cause)))
                .collect(),
            kills: run.kills,
            actor_kills: run.actor_kills,
            dead_letters: run.dead_letters,
            elapsed_s,
            events_per_s: per_second(run.events, elapsed_s),
            airlines: lines::airlines(dataset, run),
            airports: lines::airports(dataset, run),
            planes: lines::planes(dataset, run),
            services: Service::ALL
                .into_iter()
                .map(Service::name)
                .zip(run.services.iter().cloned())
                .collect(),
            briefings: run.briefings,
        }
    }

    /// Whether the actors came to what the reference says.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.difference.is_none()
    }

    /// The report as one line of JSON.
    ///
    /// # Errors
    ///
    /// None that this struct can cause: it has string keys and finite numbers only.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The report as tables.
    #[must_use]
    pub fn text(&self) -> String {
        text::render(self)
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
