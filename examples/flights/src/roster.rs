//! Who takes part: airlines, airports by region, planes by carrier, and their actor indexes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The region of airports that `airports.csv` does not place.
pub const UNKNOWN_REGION: &str = "unknown";

/// An airline, numbered by first appearance in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AirlineId(pub u16);

/// An airport, numbered by first appearance in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AirportId(pub u16);

/// A plane, numbered by first appearance in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlaneId(pub u16);

/// A region of airports, numbered by first appearance in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegionId(pub u16);

/// An airline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirlineEntry {
    /// Two-letter carrier code.
    pub code: String,
    /// Full name, or the code again when `airlines.csv` lacks it.
    pub name: String,
}

/// An airport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirportEntry {
    /// FAA code.
    pub code: String,
    /// Full name, or the code again when `airports.csv` lacks it.
    pub name: String,
    /// Its time zone's region.
    pub region: RegionId,
}

/// A plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneEntry {
    /// Tail number.
    pub tail: String,
    /// Model, where `planes.csv` has one.
    pub model: Option<String>,
    /// The carrier of its first flight: where its actor hangs.
    pub carrier: AirlineId,
}

/// What one actor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Network operations: sees every event.
    Network,
    /// An airline.
    Airline(AirlineId),
    /// An airport.
    Airport(AirportId),
    /// A plane.
    Plane(PlaneId),
}

/// The dense number of an actor: network, airlines, airports, planes, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorIndex(pub u32);

impl ActorIndex {
    /// As an index into a table with one row per actor.
    #[must_use]
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// Everybody who takes part.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// Airlines by [`AirlineId`].
    pub airlines: Vec<AirlineEntry>,
    /// Airports by [`AirportId`].
    pub airports: Vec<AirportEntry>,
    /// Planes by [`PlaneId`].
    pub planes: Vec<PlaneEntry>,
    /// Region names (time zones) by [`RegionId`].
    pub regions: Vec<String>,
}

impl Roster {
    /// How many actors the roster asks for.
    #[must_use]
    pub fn actors(&self) -> usize {
        1 + self.airlines.len() + self.airports.len() + self.planes.len()
    }

    /// All roles in the order of their indexes.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        std::iter::once(Role::Network)
            .chain((0..count(self.airlines.len())).map(|id| Role::Airline(AirlineId(id))))
            .chain((0..count(self.airports.len())).map(|id| Role::Airport(AirportId(id))))
            .chain((0..count(self.planes.len())).map(|id| Role::Plane(PlaneId(id))))
    }

    /// The dense number of a role of this roster.
    #[must_use]
    pub fn index(&self, role: Role) -> ActorIndex {
        let airports_from = 1 + u32::from(count(self.airlines.len()));
        let planes_from = airports_from + u32::from(count(self.airports.len()));
        ActorIndex(match role {
            Role::Network => 0,
            Role::Airline(AirlineId(id)) => 1 + u32::from(id),
            Role::Airport(AirportId(id)) => airports_from + u32::from(id),
            Role::Plane(PlaneId(id)) => planes_from + u32::from(id),
        })
    }

    /// What to call an actor: `airport JFK`.
    #[must_use]
    pub fn name(&self, role: Role) -> String {
        let known = match role {
            Role::Network => return "network operations".to_owned(),
            Role::Airline(id) => self.airline(id).map(|entry| ("airline", &entry.code)),
            Role::Airport(id) => self.airport(id).map(|entry| ("airport", &entry.code)),
            Role::Plane(id) => self.plane(id).map(|entry| ("plane", &entry.tail)),
        };
        known.map_or_else(|| format!("{role:?}"), |(kind, code)| format!("{kind} {code}"))
    }

    /// An airline by id.
    #[must_use]
    pub fn airline(&self, id: AirlineId) -> Option<&AirlineEntry> {
        self.airlines.get(usize::from(id.0))
    }

    /// An airport by id.
    #[must_use]
    pub fn airport(&self, id: AirportId) -> Option<&AirportEntry> {
        self.airports.get(usize::from(id.0))
    }

    /// A plane by id.
    #[must_use]
    pub fn plane(&self, id: PlaneId) -> Option<&PlaneEntry> {
        self.planes.get(usize::from(id.0))
    }
}

fn count(length: usize) -> u16 {
    u16::try_from(length).expect("`Codes` hands out no id above u16::MAX")
}

/// Numbers codes by first appearance; holds at most 65,535 of a kind.
#[derive(Debug, Default)]
pub struct Codes {
    ids: HashMap<String, u16>,
}

impl Codes {
    /// The id of a code and whether it is new; `None` when no id is left.
    pub fn intern(&mut self, code: &str) -> Option<(u16, bool)> {
        if let Some(&id) = self.ids.get(code) {
            return Some((id, false));
        }
        let id = u16::try_from(self.ids.len()).ok().filter(|&id| id < u16::MAX)?;
        self.ids.insert(code.to_owned(), id);
        Some((id, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster() -> Roster {
        let named = |code: &str| (code.to_owned(), format!("{code} in full"));
        let mut roster = Roster { regions: vec!["here".to_owned()], ..Roster::default() };
        for code in ["AA", "UA"] {
            let (code, name) = named(code);
            roster.airlines.push(AirlineEntry { code, name });
        }
        for code in ["JFK", "EWR", "LGA"] {
            let (code, name) = named(code);
            roster.airports.push(AirportEntry { code, name, region: RegionId(0) });
        }
        let carrier = AirlineId(1);
        roster.planes.push(PlaneEntry { tail: "N1".to_owned(), model: None, carrier });
        roster
    }

    #[test]
    fn actor_indexes_are_dense_and_in_the_order_of_the_roles() {
        let roster = roster();
        let indexes: Vec<u32> = roster.roles().map(|role| roster.index(role).0).collect();
        assert_eq!(indexes, (0..7).collect::<Vec<u32>>());
        assert_eq!(roster.actors(), 7);
    }

    #[test]
    fn actors_are_called_by_their_codes() {
        let roster = roster();
        let names: Vec<String> = roster.roles().map(|role| roster.name(role)).collect();
        assert_eq!(
            names,
            [
                "network operations",
                "airline AA",
                "airline UA",
                "airport JFK",
                "airport EWR",
                "airport LGA",
                "plane N1"
            ]
        );
    }

    #[test]
    fn codes_are_numbered_by_first_appearance() {
        let mut codes = Codes::default();
        assert_eq!(codes.intern("b"), Some((0, true)));
        assert_eq!(codes.intern("a"), Some((1, true)));
        assert_eq!(codes.intern("b"), Some((0, false)));
    }
}
