//! What the services answer and how simulated time passes, without a system around them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use steadfast::base::{Recoverable, Recovery};

use super::answers::{Query, Record, ServiceError};
use super::desk_time::{DeskTime, Task};
use super::provider::Provider;
use crate::calendar::Minute;
use crate::outage::{Outage, OutageKind, OutagePlan, Service};
use crate::records::{Aircraft, NotFound, Records, Weather};

const NOON: Minute = Minute::new(12 * 60);
const LATER: Minute = Minute::new(18 * 60);
const WEATHER: Weather = Weather { wind_mph: Some(8.0), visibility_miles: 10.0 };

/// A service that fails for the hour from noon on.
fn provider(service: Service, kind: OutageKind) -> Provider {
    let mut records = Records::default();
    records.weather.insert("JFK".to_owned(), HashMap::from([(NOON, WEATHER)]));
    records.aircraft.insert("N1".to_owned(), Aircraft { model: None, seats: 149 });
    let outage = Outage { begins: NOON, ends: NOON.plus(60), kind };
    let outages = Arc::new(OutagePlan::only(service, outage));
    Provider::new(service, 7, &Arc::new(records), &outages)
}

fn weather(airport: &str) -> Query {
    Query::Weather { airport: airport.to_owned(), hour: NOON }
}

fn aircraft(tail: &str) -> Query {
    Query::Aircraft { tail: tail.to_owned() }
}

#[test]
fn what_is_on_record_is_answered_and_what_is_not_is_named_and_not_worth_a_retry() {
    let services = provider(Service::Weather, OutageKind::Errors);
    let ask = |query| services.answer(&query, LATER, 0).result;
    assert_eq!(ask(weather("JFK")), Ok(Record::Weather(WEATHER)));
    assert_eq!(ask(aircraft("N1")), Ok(Record::Aircraft { seats: 149 }));
    let tail = "N2".to_owned();
    assert_eq!(
        ask(aircraft("N2")),
        Err(ServiceError::NotFound(NotFound::Aircraft { tail: tail.clone() }))
    );
    let code = "SJU".to_owned();
    for (query, missing) in [
        (weather("SJU"), NotFound::Weather { airport: code.clone(), hour: NOON }),
        (Query::Airport { code: code.clone() }, NotFound::Airport { code }),
    ] {
        let error = ask(query).expect_err("not on record");
        assert_eq!(error, ServiceError::NotFound(missing));
        assert_eq!(error.recovery(), Recovery::Never);
    }
}

#[test]
fn an_outage_fails_in_its_own_way_and_only_while_it_lasts() {
    let answer = |kind, at| provider(Service::Weather, kind).answer(&weather("JFK"), at, 3);
    let usual = answer(OutageKind::Errors, LATER);
    assert!(usual.result.is_ok() && usual.takes < Some(Duration::from_millis(200)));
    assert!(answer(OutageKind::Errors, NOON.plus(-1)).result.is_ok());

    let error = answer(OutageKind::Errors, NOON).result.expect_err("an outage");
    assert_eq!(error, ServiceError::Unavailable(Service::Weather));
    assert_eq!(error.recovery(), Recovery::Retry);
    assert_eq!(answer(OutageKind::Silence, NOON).takes, None);
    let slow = answer(OutageKind::Slowness, NOON);
    assert!(slow.result.is_ok() && slow.takes >= Some(Duration::from_secs(2)), "{slow:?}");
}

#[test]
fn calls_wait_in_simulated_time_at_once_and_the_clock_moves_to_what_they_wait_for() {
    let time = DeskTime::starting_at(NOON);
    let waiting = |minutes| -> Task<'_, Minute> {
        let time = time.clone();
        Box::pin(async move {
            time.time().sleep(Duration::from_mins(minutes)).await;
            time.minute()
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("for the test");
    let ended = runtime.block_on(time.run_all(vec![waiting(90), waiting(30), waiting(60)]));
    assert_eq!(ended, [90, 30, 60].map(|minutes| NOON.plus(minutes)));
    assert_eq!(time.minute(), NOON.plus(90));
    time.move_to(NOON);
    assert_eq!(time.minute(), NOON.plus(90), "never back");
    time.move_to(LATER);
    assert_eq!(time.minute(), LATER);
}
