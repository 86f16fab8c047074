//! A complete protected system from one configuration: components, health, healing, drills.
//!
//! [`Steadfast`] gathers, by name, how calls to each component of a program are protected (time limits,
//! retries with a budget, circuit breaker, bulkhead, rate limit, fallback), health checks, healing rules
//! and degradation; from code, and from one file that is put in force again whenever it changes.
//!
//! | You want to | Start at |
//! |---|---|
//! | build and start a system | [`Steadfast::builder`], [`Builder`] |
//! | protect a call | [`Steadfast::protect`], [`Steadfast::component`], [`Component`] |
//! | see or change settings | [`Config`], [`ComponentConfig`], [`defaults`], [`limits`] |
//! | know how everything is doing | [`Steadfast::health`], [`SystemHealth`] |
//! | have components repaired | [`Steadfast::start_self_healing`] |
//! | switch features off under load | [`Steadfast::degradation`], [`Steadfast::feature`] |
//! | change settings while it runs | [`Steadfast::reconfigure`], [`Builder::config_file`] |
//! | try the settings before an outage does | `drill` (feature `drill`) |
//!
//! # Features
//!
//! - `drill`: the drills, which bring the virtual time of the test system with them.
//!
//! The README has an example of all parts together.
#![forbid(unsafe_code)]

mod builder;
mod component;
mod config;
pub mod defaults;
#[cfg(feature = "drill")]
pub mod drill;
mod error;
mod fault;
mod file;
mod known;
pub mod limits;
pub mod names;
mod protect;
mod recent;
mod stack;
mod status;
mod steadfast;

pub use self::builder::Builder;
pub use self::component::Component;
pub use self::config::{ComponentConfig, Config};
pub use self::error::{Error, SetupError, UnknownComponent};
pub use self::fault::{ConfigError, Fault};
pub use self::known::FailedCall;
pub use self::protect::Protect;
pub use self::status::{ComponentHealth, SystemHealth};
pub use self::steadfast::Steadfast;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
