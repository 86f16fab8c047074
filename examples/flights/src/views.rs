//! Read models: what the log says about days and airlines, followed while it is written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use steadfast::actor_core::{BoxError, System};
use steadfast::base::storage::FileSystem;
use steadfast::supervision::{ChildSpec, Supervisor};
use steadfast_eventlog::{Event as Logged, EventStore, Position};
use steadfast_sourcing::projection::{
    FileView, Interest, Projection, ProjectionSettings, Projector, ProjectorHandle, ViewOpenError,
};

use crate::calendar::Day;
use crate::dataset::{Dataset, Outcome};
use crate::event::EventKind;
use crate::fleet::Fleet;
use crate::participant::{HAPPENED, Happened};

/// Events in one unit of output: the views are written whole for each, so seldom.
const UNIT_EVENTS: usize = 50_000;

/// How long a unit waits for more events.
const LINGER: Duration = Duration::from_millis(500);

/// What both read models hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Views {
    /// Minutes late of all departures, early ones counting against, by the flight's day.
    pub delay_minutes_by_day: BTreeMap<Day, i64>,
    /// Flights cancelled, by airline.
    pub cancelled_by_airline: BTreeMap<u16, i64>,
}

impl Views {
    /// What they must hold, straight from the rows of the file.
    #[must_use]
    pub fn expected(dataset: &Dataset) -> Self {
        let mut views = Self::default();
        for flight in &dataset.flights {
            match flight.outcome {
                Outcome::Cancelled => {
                    *views.cancelled_by_airline.entry(flight.airline.0).or_default() += 1;
                }
                Outcome::Diverted { departure_delay } | Outcome::Flown { departure_delay, .. } => {
                    let minutes = views.delay_minutes_by_day.entry(flight.day).or_default();
                    *minutes += i64::from(departure_delay);
                }
            }
        }
        views
    }

    /// The day with most minutes late, and how many.
    #[must_use]
    pub fn worst_day(&self) -> Option<(Day, i64)> {
        let worst = self.delay_minutes_by_day.iter().max_by_key(|(_, minutes)| **minutes)?;
        Some((*worst.0, *worst.1))
    }
}

/// Adds up one figure of each event of network operations, which sees them all.
struct Sum {
    figure: fn(&Happened) -> Option<(u16, i64)>,
}

impl Projection for Sum {
    type Output = BTreeMap<u16, i64>;
    type Error = BoxError;

    fn interest(&self) -> Interest {
        Interest::all().actors([Fleet::operations()]).types([HAPPENED])
    }

    async fn handle(&self, event: &Logged, sums: &mut Self::Output) -> Result<(), BoxError> {
        if let Some((key, value)) = (self.figure)(&event.payload.decode()?) {
            *sums.entry(key).or_default() += value;
        }
        Ok(())
    }
}

fn delay(happened: &Happened) -> Option<(u16, i64)> {
    match happened.event.kind {
        EventKind::Departed { delay } => Some((happened.event.day.get(), i64::from(delay))),
        _ => None,
    }
}

fn cancellation(happened: &Happened) -> Option<(u16, i64)> {
    let cancelled = happened.event.kind == EventKind::Cancelled;
    cancelled.then_some((happened.event.airline.0, 1))
}

type View = FileView<BTreeMap<u16, i64>>;

/// The read models of one life.
pub(crate) struct ReadModels {
    models: [(View, ProjectorHandle); 2],
}

impl ReadModels {
    /// Opens them in files of a directory; `add` puts what runs them under a supervisor.
    pub(crate) fn open(
        log: &Arc<dyn EventStore>,
        directory: &Path,
        system: &System,
    ) -> Result<(Self, Supervisor), ViewOpenError> {
        let settings =
            ProjectionSettings::default().with_batch_events_max(UNIT_EVENTS).with_linger(LINGER);
        let open = |name: &'static str, figure| -> Result<_, ViewOpenError> {
            let view: View = FileView::open(Arc::new(FileSystem), directory.join(name), 1)?;
            let (log, time) = (Arc::clone(log), system.time().clone());
            let projector = Projector::new(name, Sum { figure }, log, view.clone(), time);
            let projector = projector.with_settings(settings.clone());
            let handle = projector.handle();
            let child = ChildSpec::new(name, move || projector.actor());
            Ok((view, handle, child))
        };
        let (by_day, days, first) = open("delay-by-day", delay)?;
        let (by_airline, airlines, second) = open("cancelled-by-airline", cancellation)?;
        let models = [(by_day, days), (by_airline, airlines)];
        Ok((Self { models }, Supervisor::one_for_one().child(first).child(second)))
    }

    /// What they hold once everything up to a position is in them; `None` if one stands still.
    pub(crate) async fn at(&self, position: Position) -> Option<Views> {
        for (_, handle) in &self.models {
            if !handle.reached(position).await {
                return None;
            }
        }
        let [(by_day, _), (by_airline, _)] = &self.models;
        let day = |(day, minutes): (&u16, &i64)| (Day::new(*day), *minutes);
        Some(Views {
            delay_minutes_by_day: by_day.read(|sums| sums.iter().map(day).collect()),
            cancelled_by_airline: by_airline.read(BTreeMap::clone),
        })
    }
}
