//! The report at the end: for machines as one JSON object, for people as tables.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::dataset::Dataset;
use crate::fault::FaultKind;
use crate::roster::{AirportId, Role};
use crate::state::State;
use crate::table::{Table, grouped};
use crate::tally::{RestartCause, Tally};
use crate::verdict::{Difference, Verdict};

/// Airports that get a line of their own; the others share one.
const AIRPORT_LINES_MAX: usize = 15;

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
    /// Actors killed from outside.
    pub kills: u64,
    /// Messages that reached no actor.
    pub dead_letters: u64,
    /// From the first event fed to the last state collected.
    pub elapsed: Duration,
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
    dead_letters: u64,
    elapsed_s: f64,
    events_per_s: f64,
    airlines: Vec<AirlineLine>,
    airports: Vec<AirportLine>,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    injected: u64,
    absorbed: u64,
}

#[derive(Debug, Serialize)]
struct AirlineLine {
    code: String,
    name: String,
    flights: i64,
    cancelled: i64,
    diverted: i64,
    on_time_ratio: Option<f64>,
    mean_departure_delay_minutes: Option<f64>,
    mean_arrival_delay_minutes: Option<f64>,
}

#[derive(Debug, Serialize)]
struct AirportLine {
    code: String,
    name: String,
    region: String,
    departures: i64,
    cancelled_departures: i64,
    arrivals: i64,
    cancelled_arrivals: i64,
    mean_departure_delay_minutes: Option<f64>,
    mean_arrival_delay_minutes: Option<f64>,
    queue_max: i64,
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
            dead_letters: run.dead_letters,
            elapsed_s,
            events_per_s: float(run.events) / elapsed_s.max(f64::EPSILON),
            airlines: airline_lines(dataset, run),
            airports: airport_lines(dataset, run),
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
        let mut text = String::new();
        self.write_airlines(&mut text);
        self.write_airports(&mut text);
        self.write_faults(&mut text);
        self.write_summary(&mut text);
        text
    }

    fn write_airlines(&self, text: &mut String) {
        let mut table = Table::new(
            2,
            &["airline", "", "flights", "cancelled", "diverted", "on time", "mean dep", "mean arr"],
        );
        for line in &self.airlines {
            table.row(vec![
                line.code.clone(),
                line.name.clone(),
                count(line.flights),
                count(line.cancelled),
                count(line.diverted),
                percent(line.on_time_ratio),
                minutes(line.mean_departure_delay_minutes),
                minutes(line.mean_arrival_delay_minutes),
            ]);
        }
        text.push_str(&table.render());
        text.push('\n');
    }

    fn write_airports(&self, text: &mut String) {
        let mut table = Table::new(
            3,
            &[
                "airport",
                "",
                "region",
                "departures",
                "cancelled",
                "arrivals",
                "cancelled",
                "mean dep",
                "mean arr",
                "queue max",
            ],
        );
        for line in self.airports.iter().take(AIRPORT_LINES_MAX) {
            table.row(vec![
                line.code.clone(),
                line.name.clone(),
                line.region.clone(),
                count(line.departures),
                count(line.cancelled_departures),
                count(line.arrivals),
                count(line.cancelled_arrivals),
                minutes(line.mean_departure_delay_minutes),
                minutes(line.mean_arrival_delay_minutes),
                count(line.queue_max),
            ]);
        }
        let others = self.airports.get(AIRPORT_LINES_MAX..).unwrap_or_default();
        if !others.is_empty() {
            let sum = |of: fn(&AirportLine) -> i64| count(others.iter().map(of).sum());
            table.row(vec![
                format!("and {} others", others.len()),
                String::new(),
                String::new(),
                sum(|line| line.departures),
                sum(|line| line.cancelled_departures),
                sum(|line| line.arrivals),
                sum(|line| line.cancelled_arrivals),
            ]);
        }
        text.push_str(&table.render());
        text.push('\n');
    }

    fn write_faults(&self, text: &mut String) {
        let mut table = Table::new(1, &["fault", "injected", "absorbed"]);
        for kind in FaultKind::ALL {
            if let Some(line) = self.faults.get(kind.name()) {
                let (injected, absorbed) = (grouped(line.injected), grouped(line.absorbed));
                table.row(vec![kind.name().to_owned(), injected, absorbed]);
            }
        }
        let (injected, absorbed) = (grouped(self.faults_injected), grouped(self.faults_absorbed));
        table.row(vec!["all".to_owned(), injected, absorbed]);
        text.push_str(&table.render());
        text.push('\n');

        let mut table = Table::new(1, &["restarts by cause", ""]);
        for cause in RestartCause::ALL {
            let restarts = self.restarts_by_cause.get(cause.name()).copied().unwrap_or_default();
            table.row(vec![cause.name().to_owned(), grouped(restarts)]);
        }
        table.row(vec!["all".to_owned(), grouped(self.restarts)]);
        text.push_str(&table.render());
        text.push('\n');
    }

    fn write_summary(&self, text: &mut String) {
        let flights = grouped(self.flights as u64);
        let (events, actors) = (grouped(self.events), grouped(self.actors as u64));
        let (deliveries, again) = (grouped(self.deliveries), grouped(self.redeliveries));
        let (kills, dead) = (grouped(self.kills), grouped(self.dead_letters));
        let verdict = match &self.difference {
            None => "EQUAL: the actors' totals are those of a plain single-threaded pass over \
                     the same file"
                .to_owned(),
            Some(difference) => format!("DIFFERENT: {difference}"),
        };
        let lines = [
            format!("{flights} flights, {events} events, {actors} actors"),
            format!(
                "{deliveries} deliveries, {again} redeliveries, {kills} kills, {dead} dead letters"
            ),
            format!(
                "{:.2} s, {:.0} events/s, seed {}",
                self.elapsed_s, self.events_per_s, self.seed
            ),
            format!("verdict {verdict}"),
        ];
        for line in lines {
            *text += &("  ".to_owned() + &line + "\n");
        }
    }
}

fn airline_lines(dataset: &Dataset, run: &Run) -> Vec<AirlineLine> {
    let mut lines: Vec<AirlineLine> = states(dataset, run)
        .filter_map(|(role, state)| {
            let Role::Airline(id) = role else { return None };
            let entry = dataset.roster.airline(id)?;
            let figure = |name| state.figure(name);
            Some(AirlineLine {
                code: entry.code.clone(),
                name: entry.name.clone(),
                flights: figure("scheduled"),
                cancelled: figure("cancelled"),
                diverted: figure("diverted"),
                on_time_ratio: ratio(figure("on_time"), figure("arrived")),
                mean_departure_delay_minutes: mean_departure_delay(state),
                mean_arrival_delay_minutes: mean_arrival_delay(state),
            })
        })
        .collect();
    lines.sort_by(|a, b| b.flights.cmp(&a.flights).then_with(|| a.code.cmp(&b.code)));
    lines
}

/// Airports with departures first, then by arrivals.
fn airport_lines(dataset: &Dataset, run: &Run) -> Vec<AirportLine> {
    let mut lines: Vec<AirportLine> = states(dataset, run)
        .filter_map(|(role, state)| {
            let Role::Airport(id) = role else { return None };
            airport_line(dataset, id, state)
        })
        .collect();
    lines.sort_by(|a, b| {
        let busy = |line: &AirportLine| (line.departures, line.arrivals);
        busy(b).cmp(&busy(a)).then_with(|| a.code.cmp(&b.code))
    });
    lines
}

fn airport_line(dataset: &Dataset, id: AirportId, state: &State) -> Option<AirportLine> {
    let entry = dataset.roster.airport(id)?;
    let region = dataset.roster.regions.get(usize::from(entry.region.0))?;
    Some(AirportLine {
        code: entry.code.clone(),
        name: entry.name.clone(),
        region: region.clone(),
        departures: state.figure("departed"),
        cancelled_departures: state.figure("cancelled"),
        arrivals: state.figure("arrived"),
        cancelled_arrivals: state.figure("inbound_cancelled"),
        mean_departure_delay_minutes: mean_departure_delay(state),
        mean_arrival_delay_minutes: mean_arrival_delay(state),
        queue_max: state.figure("queue_max"),
    })
}

fn states<'a>(dataset: &'a Dataset, run: &'a Run) -> impl Iterator<Item = (Role, &'a State)> {
    dataset
        .roster
        .roles()
        .zip(&run.states)
        .filter_map(|(role, state)| Some((role, state.as_ref()?)))
}

fn mean_departure_delay(state: &State) -> Option<f64> {
    ratio(state.figure("departure_delay_minutes"), state.figure("departed"))
}

fn mean_arrival_delay(state: &State) -> Option<f64> {
    ratio(state.figure("arrival_delay_minutes"), state.figure("arrived"))
}

fn count(value: i64) -> String {
    u64::try_from(value).map_or_else(|_| value.to_string(), grouped)
}

fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
}

fn minutes(mean: Option<f64>) -> String {
    mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.1} min"))
}

/// A quotient for display; `None` when there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn ratio(sum: i64, count: i64) -> Option<f64> {
    (count != 0).then(|| sum as f64 / count as f64)
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}
