//! Circuit breakers that stay correct under late results, dropped calls and stampedes.
//!
//! A breaker watches the results of calls. When too many fail or take too long it opens: calls are
//! rejected at once, with the time to come back, instead of waiting for a callee that does not answer.
//! After the open wait a few probes are let through, and their results close it or open it again.
//!
//! | You want to | Start at |
//! |---|---|
//! | protect calls from many threads or tasks | [`CircuitBreaker`] |
//! | have one breaker for each host, shard or tenant | [`KeyedBreakers`] |
//! | use a breaker inside something single-threaded, stepped with the time | [`Machine`] |
//! | see or change the settings | [`Config`], [`defaults`], [`limits`] |
//! | say what a result means | [`Outcome`], [`Classify`] |
//! | hear what happens | [`CircuitBreaker::on_change`], [`Event`], [`Cause`] |
//!
//! There are no actors and no tokio in here; asynchronous calls run on any runtime, and time is the
//! injected [`Time`](steadfast_base::Time).
//!
//! # Dropped calls
//!
//! A dropped future is how a Rust call is cancelled. If cancelled calls counted as nothing, a breaker
//! inside a time-out would never see the time-outs; if they counted as failures, impatient callers
//! would open it. So by default a call dropped after `slow_call` or later is a slow failure, and one
//! dropped earlier gives its permit back without a trace ([`OnDrop`] has the other rules).
//!
//! # Late results
//!
//! Every change of state starts a new epoch, and a permit carries the epoch that gave it. A result of
//! an older epoch feeds the [`Totals`] only: a slow call admitted while closed can neither close nor
//! open a breaker that is probing by now, nor free a place that it never took.
//!
//! # Probes that never answer
//!
//! A half-open breaker lets at most [`HalfOpen::calls`] probes run at once. If one of them is still
//! unanswered after [`HalfOpen::max_wait`] (counted from its own start), probing ends without a verdict
//! and the breaker opens again. Without probes a half-open breaker waits for traffic as long as it takes.
//!
//! # Example
//!
//! ```
//! use steadfast_base::Time;
//! use steadfast_breaker::{CircuitBreaker, Config};
//!
//! let breaker = CircuitBreaker::new("inventory", Config::default(), Time::system())?;
//! let stock = breaker.call(|| "42".parse::<u32>());
//! assert_eq!(stock, Ok(42));
//! # Ok::<(), steadfast_breaker::ConfigError>(())
//! ```
//!
//! The rules follow resilience4j where it is right; Nygard, "Release It!", describes the pattern.
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
pub use self::keyed::{KeyHasher, KeyedBreakers};
pub use self::machine::{Machine, Recorded, Ticket};
pub use self::metrics::{Metrics, Totals};
pub use self::outcome::{Classify, ErrorsFail, Failure, Outcome};
pub use self::rejection::{CallError, Rejection};
pub use self::state::{IllegalTransition, State};
pub use self::window::Counts;
