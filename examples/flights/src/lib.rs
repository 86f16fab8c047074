//! The main job: every flight that left New York City in 2013, digested by supervised actors.
//!
//! One event-sourced entity per plane, airport and airline, and one for network operations, eat the year
//! as events in time order while faults are injected, and while the whole process is killed and started again.
//! At the end their states must equal those of a plain single-threaded pass over the same file. Beside them a
//! dispatch desk briefs each flight with what two services say, which are down now and then.
//!
//! ```text
//! lives ── starts, kills ──> life (a process) ──────── says what it came to ──> verdict ──> report
//!                              │                                                   ^
//! load ──> dataset ──> timeline ──> feeder ──> delivery ──> fleet (entities)       │
//!             │                        └── position ─────> log <──┘                │
//!             │                                             │ └──> views, look back┤
//!             ├──────────────> reference (no actors, no faults) ───────────────────┘
//!             └─ records ──> services <── policies ── desk
//! ```
//!
//! Everything but the actors themselves is a pure state machine or a pure function.
#![forbid(unsafe_code)]

pub mod calendar;
pub mod dataset;
mod delivery;
pub mod desk;
pub mod event;
pub mod fault;
mod feeder;
pub mod figure;
mod fleet;
pub mod interrupt;
mod journal;
pub mod life;
pub mod lives;
pub mod load;
pub mod look_back;
pub mod message;
pub mod options;
pub mod out;
pub mod outage;
pub mod pace;
mod participant;
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
pub mod views;
