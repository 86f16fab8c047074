//! The task that reads the monitors, and what is known of each.

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::Instant;

use crate::resource::{ReadingError, Resource, ResourceMonitor};
use crate::shell::{Answer, Crew, Seat, shortened, wait};

use super::shared::Shared;
use super::status::ReadingStatus;

/// What is known of one monitor.
pub(super) struct Known {
    name: String,
    pub(super) resource: Resource,
    reading: Option<(f64, Instant)>,
    error: Option<String>,
    silent: bool,
}

pub(super) type Attempt = Answer<Result<f64, ReadingError>>;

/// That a monitor became silent or gave a reading again.
pub(super) struct Told {
    pub(super) monitor: String,
    pub(super) silent: bool,
    pub(super) error: Option<String>,
}

impl Known {
    pub(super) fn new(monitor: &dyn ResourceMonitor) -> Self {
        Self {
            name: monitor.name().to_owned(),
            resource: monitor.resource(),
            reading: None,
            error: None,
            silent: false,
        }
    }

    /// The last reading, if it still counts.
    pub(super) fn fresh(&self, now: Instant, stale_after: Duration) -> Option<f64> {
        let (reading, at) = self.reading?;
        (now - at <= stale_after).then_some(reading)
    }

    pub(super) fn status(&self, now: Instant, stale_after: Duration) -> ReadingStatus {
        ReadingStatus {
            monitor: self.name.clone(),
            resource: self.resource.clone(),
            reading: self.reading.map(|(reading, _)| reading),
            age: self.reading.map(|(_, at)| now - at),
            stale: self.fresh(now, stale_after).is_none(),
            error: self.error.clone(),
        }
    }

    /// Takes in an attempt to read; tells if it made the monitor silent, or ended that.
    pub(super) fn take(
        &mut self,
        now: Instant,
        answer: Attempt,
        stale_after: Duration,
    ) -> Option<Told> {
        let read = match answer {
            Answer::Given(Ok(reading)) if reading.is_nan() => Err("is not a number".to_owned()),
            Answer::Given(Ok(reading)) => Ok(reading.clamp(0.0, 1.0)),
            Answer::Given(Err(error)) => Err(shortened(&error.to_string())),
            Answer::Panicked(text) => Err(text),
            Answer::Late => Err("did not answer in time".to_owned()),
        };
        match read {
            Ok(reading) => {
                self.reading = Some((reading, now));
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
        let silent = self.fresh(now, stale_after).is_none();
        let changed = silent != std::mem::replace(&mut self.silent, silent);
        changed.then(|| Told { monitor: self.name.clone(), silent, error: self.error.clone() })
    }
}

/// The task that reads the monitors.
pub(super) struct Reader {
    shared: Arc<Shared>,
    monitors: Vec<(Arc<dyn ResourceMonitor>, Seat)>,
    crew: Crew,
}

impl Reader {
    pub(super) fn new(
        shared: &Arc<Shared>,
        monitors: Vec<Arc<dyn ResourceMonitor>>,
        crew: &Crew,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            monitors: monitors.into_iter().map(|monitor| (monitor, Seat::default())).collect(),
            crew: crew.clone(),
        }
    }

    pub(super) async fn run(self) {
        let mut next = self.crew.time().now();
        loop {
            let reads = self.monitors.iter().map(|(monitor, seat)| {
                let monitor = Arc::clone(monitor);
                (seat.clone(), async move { monitor.read().await })
            });
            let answers = self.crew.gather(self.shared.pace().timeout, reads.collect()).await;
            let now = self.crew.time().now();
            self.shared.take_readings(now, answers);
            next = (next + self.shared.pace().interval).max(now);
            wait(self.crew.time(), Some(next), self.shared.kick()).await;
            // New settings are followed at once.
            next = next.min(self.crew.time().now());
        }
    }
}
