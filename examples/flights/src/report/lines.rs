//! One line per airline, airport and plane, read off the actors' states.

use serde::Serialize;

use super::Run;
use crate::dataset::Dataset;
use crate::roster::{AirlineId, AirportId, PlaneId, Role};
use crate::state::State;

/// How many planes are shown: those that took over most delay from their own earlier legs.
const PLANES_MAX: usize = 5;

/// An airline's totals.
#[derive(Debug, Serialize)]
pub(super) struct AirlineLine {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) flights: i64,
    pub(super) cancelled: i64,
    pub(super) diverted: i64,
    pub(super) on_time_ratio: Option<f64>,
    pub(super) mean_departure_delay_minutes: Option<f64>,
    pub(super) mean_arrival_delay_minutes: Option<f64>,
}

/// An airport's totals.
#[derive(Debug, Serialize)]
pub(super) struct AirportLine {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) departures: i64,
    pub(super) cancelled_departures: i64,
    pub(super) arrivals: i64,
    pub(super) cancelled_arrivals: i64,
    pub(super) mean_departure_delay_minutes: Option<f64>,
    pub(super) mean_arrival_delay_minutes: Option<f64>,
    pub(super) queue_max: i64,
}

/// A plane's rotation.
#[derive(Debug, Serialize)]
pub(super) struct PlaneLine {
    pub(super) tail: String,
    pub(super) model: Option<String>,
    pub(super) carrier: String,
    pub(super) legs: i64,
    pub(super) departure_delay_minutes: i64,
    pub(super) inherited_delay_minutes: i64,
}

/// All airlines, the one with most flights first.
pub(super) fn airlines(dataset: &Dataset, run: &Run) -> Vec<AirlineLine> {
    let line = |role, state: &State| match role {
        Role::Airline(id) => airline(dataset, id, state),
        _ => None,
    };
    let mut lines: Vec<AirlineLine> =
        states(dataset, run).filter_map(|(role, state)| line(role, state)).collect();
    lines.sort_by(|a, b| b.flights.cmp(&a.flights).then_with(|| a.code.cmp(&b.code)));
    lines
}

/// All airports, those with most departures and then most arrivals first.
pub(super) fn airports(dataset: &Dataset, run: &Run) -> Vec<AirportLine> {
    let line = |role, state: &State| match role {
        Role::Airport(id) => airport(dataset, id, state),
        _ => None,
    };
    let mut lines: Vec<AirportLine> =
        states(dataset, run).filter_map(|(role, state)| line(role, state)).collect();
    lines.sort_by(|a, b| {
        let busy = |line: &AirportLine| (line.departures, line.arrivals);
        busy(b).cmp(&busy(a)).then_with(|| a.code.cmp(&b.code))
    });
    lines
}

/// The planes that inherited most delay.
pub(super) fn planes(dataset: &Dataset, run: &Run) -> Vec<PlaneLine> {
    let mut most: Vec<(i64, PlaneId, &State)> = states(dataset, run)
        .filter_map(|(role, state)| match role {
            Role::Plane(id) => Some((state.figure("inherited_delay_minutes"), id, state)),
            _ => None,
        })
        .collect();
    most.sort_by_key(|&(inherited, id, _)| (std::cmp::Reverse(inherited), id));
    most.truncate(PLANES_MAX);
    most.into_iter().filter_map(|(_, id, state)| plane(dataset, id, state)).collect()
}

fn airline(dataset: &Dataset, id: AirlineId, state: &State) -> Option<AirlineLine> {
    let entry = dataset.roster.airline(id)?;
    Some(AirlineLine {
        code: entry.code.clone(),
        name: entry.name.clone(),
        flights: state.figure("scheduled"),
        cancelled: state.figure("cancelled"),
        diverted: state.figure("diverted"),
        on_time_ratio: ratio(state.figure("on_time"), state.figure("arrived")),
        mean_departure_delay_minutes: mean_departure_delay(state),
        mean_arrival_delay_minutes: mean_arrival_delay(state),
    })
}

fn airport(dataset: &Dataset, id: AirportId, state: &State) -> Option<AirportLine> {
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

fn plane(dataset: &Dataset, id: PlaneId, state: &State) -> Option<PlaneLine> {
    let entry = dataset.roster.plane(id)?;
    let carrier = dataset.roster.airline(entry.carrier)?;
    Some(PlaneLine {
        tail: entry.tail.clone(),
        model: entry.model.clone(),
        carrier: carrier.code.clone(),
        legs: state.figure("departed"),
        departure_delay_minutes: state.figure("departure_delay_minutes"),
        inherited_delay_minutes: state.figure("inherited_delay_minutes"),
    })
}

fn states<'a>(dataset: &'a Dataset, run: &'a Run) -> impl Iterator<Item = (Role, &'a State)> {
    let states = run.states.iter().map(Option::as_ref);
    dataset.roster.roles().zip(states).filter_map(|(role, state)| Some((role, state?)))
}

fn mean_departure_delay(state: &State) -> Option<f64> {
    ratio(state.figure("departure_delay_minutes"), state.figure("departed"))
}

fn mean_arrival_delay(state: &State) -> Option<f64> {
    ratio(state.figure("arrival_delay_minutes"), state.figure("arrived"))
}

/// A quotient for display; `None` when there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "shown with few digits; counts are below 2^52")]
fn ratio(sum: i64, count: i64) -> Option<f64> {
    (count != 0).then(|| sum as f64 / count as f64)
}
