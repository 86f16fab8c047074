//! The services that the dispatch desk calls: the weather and the registry, each an actor.
//!
//! They answer from the records, and fail where there is none; outages come on top. A service says
//! with each answer how long it takes in simulated time, and the wire to it lets that
//! time pass for the caller: the actors themselves never wait.

mod answers;
mod client;
mod desk_time;
mod history;
mod provider;
mod report;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use answers::{Finding, Query, Record};
pub(crate) use client::Client;
pub(crate) use desk_time::DeskTime;
pub(crate) use provider::{Provider, Request};
pub use report::{BreakerChange, Fallbacks, ServiceReport};
