//! The actor behind a service: looks records up, and fails when its outages say so.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use steadfast::actor_core::{Actor, Cx, Flow, Reply};

use super::answers::{Query, Record, ServiceError};
use crate::calendar::Minute;
use crate::fault::Draws;
use crate::outage::{OutageKind, OutagePlan, Service};
use crate::records::{NotFound, Records};

/// How long an answer takes: at least, and at most so much longer.
const USUAL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(100));

/// The same during an outage of slowness.
const SLOW: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(3));

/// A question, when it is asked in simulated time, and its number among those to this service.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) query: Query,
    pub(crate) at: Minute,
    pub(crate) number: u32,
    pub(crate) reply: Reply<Answer>,
}

/// What a service answers, and when.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) result: Result<Record, ServiceError>,
    /// In simulated time; `None` for an answer that never arrives.
    pub(crate) takes: Option<Duration>,
}

/// One of the services.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    service: Service,
    seed: u64,
    records: Arc<Records>,
    outages: Arc<OutagePlan>,
}

impl Provider {
    pub(crate) fn new(
        service: Service,
        seed: u64,
        records: &Arc<Records>,
        outages: &Arc<OutagePlan>,
    ) -> Self {
        let (records, outages) = (Arc::clone(records), Arc::clone(outages));
        Self { service, seed, records, outages }
    }

    /// The answer to a request: the same for the same request, whoever asks.
    pub(crate) fn answer(&self, query: &Query, at: Minute, number: u32) -> Answer {
        let outage = self.outages.at(self.service, at);
        let (least, span) = if outage == Some(OutageKind::Slowness) { SLOW } else { USUAL };
        let mut draws = Draws::new(self.seed ^ self.service.salt(), number);
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let takes = Some(least + Duration::from_nanos(draws.below(nanos)));
        match outage {
            Some(OutageKind::Errors) => {
                Answer { result: Err(ServiceError::Unavailable(self.service)), takes }
            }
            Some(OutageKind::Silence) => Answer { result: self.look_up(query), takes: None },
            Some(OutageKind::Slowness) | None => Answer { result: self.look_up(query), takes },
        }
    }

    fn look_up(&self, query: &Query) -> Result<Record, ServiceError> {
        self.record(query).map_err(ServiceError::NotFound)
    }

    fn record(&self, query: &Query) -> Result<Record, NotFound> {
        Ok(match query {
            Query::Weather { airport, hour } => {
                Record::Weather(self.records.weather(airport, *hour)?)
            }
            Query::Aircraft { tail } => {
                Record::Aircraft { seats: self.records.aircraft(tail)?.seats }
            }
            Query::Airport { code } => self.records.airport(code).map(|_| Record::Airport)?,
        })
    }
}

impl Actor for Provider {
    type Msg = Request;
    type Error = Infallible;

    async fn handle(&mut self, request: Request, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        let Request { query, at, number, reply } = request;
        reply.send(self.answer(&query, at, number));
        Ok(Flow::Continue)
    }
}
