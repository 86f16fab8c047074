//! The verdict: are the actors' states what the reference says, and if not, where do they part?

use std::fmt;

use serde::Serialize;

use crate::dataset::Dataset;
use crate::event::Event;
use crate::figure::Figure;
use crate::reference;
use crate::roster::Roster;
use crate::state::State;
use crate::views::Views;

/// The outcome of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All states are equal.
    Equal,
    /// The first difference, in the order of actors and figures.
    Different(Difference),
}

/// Where an actor and the reference part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which actor.
    pub actor: String,
    /// Which figure of its state.
    pub field: String,
    /// What the reference says.
    pub expected: String,
    /// What the actor says.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { actor, field, expected, found } = self;
        write!(f, "{actor}: `{field}` is {found}, expected {expected}")
    }
}

/// What the states are compared with.
#[derive(Debug)]
pub struct Reference {
    tallies: Vec<Vec<Figure>>,
    states: Vec<State>,
    views: Views,
}

impl Reference {
    /// Computes it, on this thread, from the file's rows and events.
    #[must_use]
    pub fn new(dataset: &Dataset, events: &[Event]) -> Self {
        Self {
            tallies: reference::tally(dataset),
            states: reference::straight_pass(&dataset.roster, events),
            views: Views::expected(dataset),
        }
    }

    /// Compares all that a run came to.
    #[must_use]
    pub fn judge_all(&self, roster: &Roster, found: &[Option<State>], views: &Views) -> Verdict {
        match self.judge(roster, found) {
            Verdict::Equal => self.judge_views(views),
            different @ Verdict::Different(_) => different,
        }
    }

    fn judge_views(&self, found: &Views) -> Verdict {
        let total = |views: &Views| {
            let minutes: i64 = views.delay_minutes_by_day.values().sum();
            let cancelled: i64 = views.cancelled_by_airline.values().sum();
            format!("{minutes} minutes, {cancelled} cancelled")
        };
        if *found == self.views {
            return Verdict::Equal;
        }
        Verdict::Different(Difference {
            actor: "the read models".to_owned(),
            field: "totals".to_owned(),
            expected: total(&self.views),
            found: total(found),
        })
    }

    /// Compares the states of all actors, by actor index; `None` for one that gave none.
    #[must_use]
    pub fn judge(&self, roster: &Roster, found: &[Option<State>]) -> Verdict {
        let expected = self.tallies.iter().zip(&self.states);
        for (index, (role, (tally, state))) in roster.roles().zip(expected).enumerate() {
            let found = found.get(index).and_then(Option::as_ref);
            let parted = match found {
                None => Some(("state", "present".to_owned(), "missing".to_owned())),
                Some(found) => part(tally, state, found),
            };
            if let Some((field, expected, found)) = parted {
                let (actor, field) = (roster.name(role), field.to_owned());
                return Verdict::Different(Difference { actor, field, expected, found });
            }
        }
        Verdict::Equal
    }
}

/// Where a state parts from the tally of the rows, from the straight pass, or in anything else.
fn part(tally: &[Figure], state: &State, found: &State) -> Option<(&'static str, String, String)> {
    let figures = found.figures();
    let value_of = |name| figures.iter().find(|figure| figure.name == name);
    for expected in tally.iter().chain(&state.figures()) {
        let value = value_of(expected.name).map(|figure| figure.value);
        if value != Some(expected.value) {
            let found = value.map_or_else(|| "missing".to_owned(), |value| value.to_string());
            return Some((expected.name, expected.value.to_string(), found));
        }
    }
    let (expected, digest) = (state.digest(), found.digest());
    let parted = state != found || expected != digest;
    parted.then(|| ("digest", format!("{expected:016x}"), format!("{digest:016x}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::calendar::{Day, Minute};
    use crate::dataset::{Flight, Outcome};
    use crate::event::timeline;
    use crate::roster::{
        AirlineEntry, AirlineId, AirportEntry, AirportId, PlaneEntry, PlaneId, RegionId, Role,
    };

    fn dataset() -> Dataset {
        let carrier = AirlineId(0);
        let airport = |code: &str| AirportEntry {
            code: code.to_owned(),
            name: code.to_owned(),
            region: RegionId(0),
        };
        let roster = Roster {
            airlines: vec![AirlineEntry { code: "AA".to_owned(), name: "AA".to_owned() }],
            airports: vec![airport("JFK"), airport("MIA")],
            planes: vec![PlaneEntry { tail: "N1".to_owned(), model: None, carrier }],
            regions: vec!["here".to_owned()],
        };
        let flown = Outcome::Flown { departure_delay: 20, arrival_delay: 15, air_minutes: 100 };
        let outcomes = [flown, Outcome::Cancelled, Outcome::Diverted { departure_delay: -3 }];
        let flights = (0_u32..)
            .zip(outcomes)
            .map(|(row, outcome)| Flight {
                scheduled: Minute::new(1_000 * row),
                day: Day::default(),
                airline: carrier,
                plane: Some(PlaneId(0)),
                origin: AirportId(0),
                destination: AirportId(1),
                distance_miles: 1_089,
                outcome,
            })
            .collect();
        Dataset { flights, roster, records: Arc::default() }
    }

    fn judge(change: impl FnOnce(&mut Vec<Option<State>>)) -> Verdict {
        let dataset = dataset();
        let events = timeline(&dataset);
        let reference = Reference::new(&dataset, &events);
        let pass = reference::straight_pass(&dataset.roster, &events);
        let mut found = pass.into_iter().map(Some).collect();
        change(&mut found);
        reference.judge(&dataset.roster, &found)
    }

    fn different(actor: &str, field: &str, expected: &str, found: &str) -> Verdict {
        let [actor, field, expected, found] = [actor, field, expected, found].map(str::to_owned);
        Verdict::Different(Difference { actor, field, expected, found })
    }

    #[test]
    fn the_straight_pass_agrees_with_the_tally_of_the_rows() {
        assert_eq!(judge(|_| {}), Verdict::Equal);
    }

    #[test]
    fn a_missing_actor_is_a_difference() {
        let missing = different("airport MIA", "state", "present", "missing");
        assert_eq!(judge(|found| found[3] = None), missing);
        assert_eq!(judge(|found| found.truncate(3)), missing);
    }

    #[test]
    fn one_lost_event_is_found_and_named() {
        let dataset = dataset();
        let events = timeline(&dataset);
        let lost = |found: &mut Vec<Option<State>>| {
            let mut state = State::new(Role::Airline(AirlineId(0)));
            events.iter().take(events.len() - 1).for_each(|event| state.apply(event));
            found[1] = Some(state);
        };
        assert_eq!(judge(lost), different("airline AA", "diverted", "1", "0"));
    }

    #[test]
    fn one_repeated_event_is_found_and_named() {
        let dataset = dataset();
        let events = timeline(&dataset);
        let repeated = |found: &mut Vec<Option<State>>| {
            found[0].as_mut().expect("the network is there").apply(&events[0]);
        };
        assert_eq!(judge(repeated), different("network operations", "scheduled", "3", "4"));
    }
}
