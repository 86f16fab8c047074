//! Circuit breakers that stay correct under late results, dropped calls and stampedes.
#![forbid(unsafe_code)]

mod breaker;
mod config;
pub mod defaults;
mod event;
mod gate;
mod keyed;
pub mod limits;
mod machine;
mod metrics;
mod outcome;
mod rejection;
mod state;
mod sync;
mod window;

pub use self::breaker::{CircuitBreaker, HealthCheckRun, ListenerId, Permit};
pub use self::config::{
    AfterProbeWait, Config, ConfigBuilder, ConfigError, ConfigFault, FailureLimit, HalfOpen,
    OnDrop, OpenWait, ProbeVerdict, ProbeWait, Recovery, Window,
};
pub use self::event::{Cause, Event, EventKind};
pub use self::keyed::KeyedBreakers;
pub use self::machine::{Machine, Recorded, Ticket};
pub use self::metrics::{Metrics, Totals};
pub use self::outcome::{Classify, ErrorsFail, Failure, Outcome};
pub use self::rejection::{CallError, Rejection};
pub use self::state::{IllegalTransition, State};
pub use self::window::Counts;
