//! The dispatch desk: a briefing for each flight, made of what the services say.
//!
//! It reads the same timeline as the feeder, on its own and beside the actors: nothing that it
//! does or fails to do reaches their totals. It asks for an aircraft or an airport once a month and
//! for the weather once per airport and hour; where an answer is wanting, the next flight that
//! needs it asks again.

mod briefing;
mod dispatcher;
mod known;
#[cfg(test)]
mod tests;
mod tree;

pub use briefing::Briefings;
pub(crate) use dispatcher::{DeskReport, Msg, Setup};
pub(crate) use tree::{SERVICES, desk, services};
