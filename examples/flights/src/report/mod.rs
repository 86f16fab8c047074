//! The report at the end: for machines as one JSON object, for people as tables.

mod lines;
mod memory;
mod services;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use lines::{AirlineLine, AirportLine, PlaneLine};

use crate::dataset::Dataset;
use crate::desk::Briefings;
use crate::fault::FaultKind;
use crate::look_back::LookBack;
use crate::message::Done;
use crate::outage::Service;
use crate::service::ServiceReport;
use crate::state::State;
use crate::tally::{RestartCause, Tally};
use crate::verdict::{Difference, Verdict};
use crate::views::Views;

/// What a run hands to the report.
#[derive(Debug)]
pub struct Run {
    /// The state of each actor at the end, by actor index; `None` for one that gave none.
    pub states: Vec<Option<State>>,
    /// Events fed.
    pub events: u64,
    /// Inputs of actors.
    pub deliveries: u64,
    /// Faults and restarts.
    pub tally: Tally,
    /// The lives of the process.
    pub lives: Vec<LifeLine>,
    /// Messages that reached no actor.
    pub dead_letters: u64,
    /// From the start of the first life to the end of the last one.
    pub elapsed: Duration,
    /// The briefings of the dispatch desk.
    pub briefings: Briefings,
    /// Its calls to the services, in the order of [`Service::ALL`].
    pub services: [ServiceReport; 2],
    /// The read models.
    pub views: Views,
    /// What the log says afterwards.
    pub look_back: LookBack,
}

impl Run {
    /// Puts together what the last life came to, and what is known of those before.
    #[must_use]
    pub fn new(
        done: Done,
        lives: Vec<LifeLine>,
        earlier: &Tally,
        dead_letters: u64,
        events: u32,
        elapsed: Duration,
    ) -> Self {
        let Done { states, deliveries, mut tally, briefings, services, views, look_back, .. } =
            done;
        tally.add(earlier);
        Self {
            states,
            events: u64::from(events),
            deliveries,
            tally,
            lives,
            dead_letters: dead_letters + done.dead_letters,
            elapsed,
            briefings,
            services,
            views,
            look_back,
        }
    }
}

/// One life of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LifeLine {
    /// The event it went on from.
    pub resumed_at: u32,
    /// Events in the log when it began.
    pub logged: u64,
    /// How long opening the log took, in milliseconds.
    pub open_ms: f64,
    /// How long until a window of events was stored with all whom it concerns, in milliseconds.
    pub back_ms: Option<f64>,
    /// The event it was killed at.
    pub killed_at: Option<u32>,
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
    lives: Vec<LifeLine>,
    log: LookBack,
    saved_ratio: f64,
    views: Views,
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
            faults_injected: tally.faults_injected(),
            faults_absorbed: tally.faults_absorbed(),
            faults: FaultKind::ALL.into_iter().map(fault_line).collect(),
            restarts: tally.restarts_total(),
            restarts_by_cause: RestartCause::ALL
                .into_iter()
                .map(|cause| (cause.name(), tally.restarts(cause)))
                .collect(),
            kills: run.lives.iter().filter(|life| life.killed_at.is_some()).count() as u64,
            actor_kills: tally.faults(FaultKind::Kill).injected,
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
            lives: run.lives.clone(),
            log: run.look_back.clone(),
            saved_ratio: saved(&run.look_back),
            views: run.views.clone(),
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

/// The share of the raw bytes that the log does not take.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn saved(log: &LookBack) -> f64 {
    if log.bytes_raw > 0 { 1.0 - log.bytes_on_disk as f64 / log.bytes_raw as f64 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
