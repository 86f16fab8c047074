//! The main job: every flight that left New York City in 2013, digested by supervised actors.
//!
//! One actor per plane, airport and airline, and one for network operations, eat the year as
//! events in time order while faults are injected. At the end their states must equal those of
//! a plain single-threaded pass over the same file. Beside them a dispatch desk briefs each flight
//! with what two services say, which are down now and then.
//!
//! ```text
//! load ──> dataset ──> timeline ──> feeder ──> crew (state + inbox) ──> verdict ──> report
//!             │                      │  ^         │                      ^
//!             │                 ledger  └─ board ─┘ births               │
//!             ├──────────────> reference (no actors, no faults) ─────────┘      ^
//!             └─ records ──> services <── policies ── desk ─────────────────────┘
//! ```
//!
//! Everything but the actors themselves is a pure state machine or a pure function.
#![forbid(unsafe_code)]

pub mod calendar;
mod crew;
pub mod dataset;
pub mod desk;
pub mod event;
pub mod fault;
mod feeder;
pub mod figure;
pub mod inbox;
pub mod ledger;
pub mod load;
pub mod options;
pub mod out;
pub mod outage;
pub mod pace;
pub mod progress;
pub mod quiet;
pub mod records;
pub mod reference;
pub mod report;
pub mod roster;
pub mod route;
pub mod run;
pub mod service;
pub mod state;
pub mod table;
pub mod tally;
pub mod verdict;
