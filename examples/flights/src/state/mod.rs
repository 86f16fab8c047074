//! What the actors keep: pure state machines stepped by events, in whole numbers only.

mod airline;
mod airport;
mod network;
mod plane;
#[cfg(test)]
mod tests;

pub use airline::Airline;
pub use airport::Airport;
pub use network::Network;
pub use plane::Plane;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::figure::{Digest, Figure};
use crate::roster::Role;

/// The state of one actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Of network operations.
    Network(Network),
    /// Of an airline.
    Airline(Airline),
    /// Of an airport.
    Airport(Box<Airport>),
    /// Of a plane.
    Plane(Plane),
}

impl State {
    /// The state before the first event.
    #[must_use]
    pub fn new(role: Role) -> Self {
        match role {
            Role::Network => Self::Network(Network::default()),
            Role::Airline(_) => Self::Airline(Airline::default()),
            Role::Airport(id) => Self::Airport(Box::new(Airport::new(id))),
            Role::Plane(_) => Self::Plane(Plane::default()),
        }
    }

    /// Takes in the next event that concerns the actor.
    pub fn apply(&mut self, event: &Event) {
        match self {
            Self::Network(state) => state.apply(event),
            Self::Airline(state) => state.apply(event),
            Self::Airport(state) => state.apply(event),
            Self::Plane(state) => state.apply(event),
        }
    }

    /// The numbers of the state, in a fixed order.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        match self {
            Self::Network(state) => state.figures(),
            Self::Airline(state) => state.figures(),
            Self::Airport(state) => state.figures(),
            Self::Plane(state) => state.figures(),
        }
    }

    /// One figure by name, 0 when the state has none of that name.
    #[must_use]
    pub fn figure(&self, name: &str) -> i64 {
        self.figures().iter().find(|figure| figure.name == name).map_or(0, |figure| figure.value)
    }

    /// A stable digest of the whole state, also of what has no figure of its own.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::default();
        self.figures().into_iter().for_each(|figure| digest.figure(figure));
        if let Self::Airport(state) = self {
            state.digest_queue(&mut digest);
        }
        digest.get()
    }
}
