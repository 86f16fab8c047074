//! The actor: reads the timeline minute by minute, looks up what is due, writes the briefings.

use std::convert::Infallible;
use std::sync::Arc;

use steadfast::actor_core::{Actor, ActorRef, Cx, Flow, Reply};
use steadfast::base::Seed;

use super::briefing::Briefings;
use super::known::{Observed, Registered, Standing};
use crate::calendar::Minute;
use crate::event::{Event, EventKind};
use crate::outage::{OutagePlan, Service};
use crate::roster::{AirportId, PlaneId, Roster};
use crate::service::{Client, DeskTime, Finding, Query, Request, ServiceReport};

/// Lookups that are made at the same time.
const BATCH_MAX: usize = 64;

/// Keys of airports lie above those of planes.
const AIRPORT_KEYS: u64 = 1 << 32;

/// What the desk is told.
#[derive(Debug)]
pub(crate) enum Msg {
    /// The year has come so far: the events before this index have happened.
    UpTo(u32),
    /// What all briefings and lookups came to; the year is over.
    Report(Reply<DeskReport>),
}

/// The desk's answer to [`Msg::Report`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeskReport {
    pub(crate) briefings: Briefings,
    /// In the order of [`Service::ALL`].
    pub(crate) services: [ServiceReport; 2],
}

/// What the desk needs to begin.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) roster: Arc<Roster>,
    pub(crate) events: Arc<[Event]>,
    pub(crate) outages: Arc<OutagePlan>,
    pub(crate) seed: u64,
}

/// One thing to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Aircraft(PlaneId),
    Airport(AirportId),
    /// The weather during the hour from this minute on.
    Weather(AirportId, Minute),
}

/// The dispatch desk.
pub(crate) struct Dispatcher {
    setup: Setup,
    time: DeskTime,
    clients: [Client; 2],
    /// Events before this index are done with.
    done: usize,
    planes: Vec<Registered>,
    airports: Vec<Registered>,
    weather: Vec<Observed>,
    briefings: Briefings,
}

impl Dispatcher {
    pub(crate) fn new(setup: Setup, providers: [ActorRef<Request>; 2]) -> Self {
        let first = setup.events.first().map_or(Minute::default(), |event| event.at);
        let time = DeskTime::starting_at(first);
        let [weather, registry] = providers;
        let client = |service: Service, provider| {
            Client::new(service, provider, &time, Seed::new(setup.seed ^ service.salt()))
        };
        let clients = [client(Service::Weather, weather), client(Service::Registry, registry)];
        let (planes, airports) = (setup.roster.planes.len(), setup.roster.airports.len());
        Self {
            setup,
            time,
            clients,
            done: 0,
            planes: vec![Registered::default(); planes],
            airports: vec![Registered::default(); airports],
            weather: vec![Observed::default(); airports],
            briefings: Briefings::default(),
        }
    }

    /// Briefs the flights of all minutes that are over by now, so that it makes no difference how
    /// often the desk is told.
    async fn brief_up_to(&mut self, end: usize) {
        let events = Arc::clone(&self.setup.events);
        let is_all = end >= events.len();
        let known = events.get(self.done..end.min(events.len())).unwrap_or_default();
        let now = known.last().map(|event| event.at);
        for minute in known.chunk_by(|a, b| a.at == b.at) {
            if !is_all && minute.first().map(|event| event.at) == now {
                return;
            }
            self.brief(minute).await;
            self.done += minute.len();
        }
    }

    /// Briefs the flights that are due to leave in one minute.
    async fn brief(&mut self, minute: &[Event]) {
        let due = || minute.iter().filter(|event| event.kind == EventKind::Scheduled);
        let mut needs = Vec::new();
        for event in due() {
            self.note_needs(event, &mut needs);
        }
        if let Some(event) = minute.first() {
            self.time.move_to(event.at);
        }
        for batch in needs.chunks(BATCH_MAX) {
            self.look_up(batch).await;
        }
        for event in due() {
            let aircraft = event.plane.map(|id| standing(&self.planes, id.0));
            let ends = [event.origin, event.destination];
            let airports = ends.map(|id| standing(&self.airports, id.0));
            let weather = self.weather.get(usize::from(event.origin.0)).copied();
            self.briefings.add(aircraft, airports, weather.unwrap_or_default().standing);
        }
    }

    fn note_needs(&self, event: &Event, needs: &mut Vec<Need>) {
        let is_due = |known: &[Registered], id: u16| {
            known.get(usize::from(id)).is_some_and(|one| one.is_due(event.at))
        };
        let hour = event.at.hour_start();
        let observed = self.weather.get(usize::from(event.origin.0));
        let all = [
            event.plane.filter(|id| is_due(&self.planes, id.0)).map(Need::Aircraft),
            is_due(&self.airports, event.origin.0).then_some(Need::Airport(event.origin)),
            is_due(&self.airports, event.destination.0).then_some(Need::Airport(event.destination)),
            observed
                .is_some_and(|one| one.is_due(hour))
                .then_some(Need::Weather(event.origin, hour)),
        ];
        for need in all.into_iter().flatten() {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
    }

    async fn look_up(&mut self, needs: &[Need]) {
        let mut lookups = Vec::with_capacity(needs.len());
        for &need in needs {
            if let Some((query, key)) = question(&self.setup.roster, need) {
                lookups.push(client(&mut self.clients, query.service()).look_up(query, key));
            }
        }
        let findings = self.time.run_all(lookups).await;
        for (&need, finding) in needs.iter().zip(findings) {
            self.learn(need, finding);
        }
    }

    fn learn(&mut self, need: Need, finding: Finding) {
        let now = self.time.minute();
        let (service, registered) = match need {
            Need::Weather(id, hour) => {
                if let Some(observed) = self.weather.get_mut(usize::from(id.0)) {
                    observed.learn(finding, hour);
                }
                (Service::Weather, None)
            }
            Need::Aircraft(id) => (Service::Registry, self.planes.get_mut(usize::from(id.0))),
            Need::Airport(id) => (Service::Registry, self.airports.get_mut(usize::from(id.0))),
        };
        if let Some(registered) = registered {
            registered.learn(finding, now);
        }
        client(&mut self.clients, service).count(finding);
    }

    fn report(&self) -> DeskReport {
        let [weather, registry] = &self.clients;
        let outages = |service: Service| self.setup.outages.of(service).len() as u64;
        DeskReport {
            briefings: self.briefings,
            services: [
                weather.report(outages(Service::Weather)),
                registry.report(outages(Service::Registry)),
            ],
        }
    }
}

fn client(clients: &mut [Client; 2], service: Service) -> &mut Client {
    let [weather, registry] = clients;
    match service {
        Service::Weather => weather,
        Service::Registry => registry,
    }
}

fn standing(known: &[Registered], id: u16) -> Standing {
    known.get(usize::from(id)).map(|one| one.standing).unwrap_or_default()
}

/// The question behind a need, and the key of its last good answer; the roster knows all ids.
fn question(roster: &Roster, need: Need) -> Option<(Query, u64)> {
    Some(match need {
        Need::Aircraft(id) => {
            let tail = roster.plane(id)?.tail.clone();
            (Query::Aircraft { tail }, u64::from(id.0))
        }
        Need::Airport(id) => {
            let code = roster.airport(id)?.code.clone();
            (Query::Airport { code }, AIRPORT_KEYS + u64::from(id.0))
        }
        Need::Weather(id, hour) => {
            let airport = roster.airport(id)?.code.clone();
            (Query::Weather { airport, hour }, u64::from(id.0))
        }
    })
}

impl Actor for Dispatcher {
    type Msg = Msg;
    type Error = Infallible;

    async fn handle(&mut self, message: Msg, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match message {
            Msg::UpTo(end) => self.brief_up_to(end as usize).await,
            Msg::Report(reply) => {
                self.brief_up_to(usize::MAX).await;
                reply.send(self.report());
            }
        }
        Ok(Flow::Continue)
    }
}
