//! One dependency for the whole suite: actors, supervision, policies, health, event log.
//!
//! Start at the [`prelude`]. Each layer is a module named after its crate, and is that crate: what
//! you read there holds here. An item has one path, the prelude aside.
//!
//! | module | what it is for | feature |
//! |---|---|---|
//! | [`actor_core`] | actors, mailboxes, asks, timers, groups, the system | always there |
//! | [`base`] | time, randomness, ids, context, failures, health | always there |
//! | [`supervision`] | strategies, budgets, backoff, trees, the root supervisor | `supervision`, default |
//! | [`breaker`] | circuit breakers, for actors and for all else | `breaker`, default |
//! | [`policy`] | retries, limits, bulkheads, fallbacks, and the pipeline of them | `policy`, default |
//! | [`health`] | checks, self-healing, degradation, leaks | `health`, default |
//! | [`reliability`] | trends, time to a threshold, MTBF, MTTR | `reliability`, default |
//! | [`cascade`] | quarantine of poison, emergency mode | `cascade`, default |
//! | [`assembly`] | a complete protected system from one configuration | `assembly`, default |
//! | [`eventlog`] | a log that loses nothing it acknowledged | `eventlog`, default |
//! | [`snapshot`] | snapshots of states, checked before they are used | `snapshot`, default |
//! | [`sourcing`] | event-sourced entities, read models, kept states | `sourcing`, default |
//!
//! `drill` adds drills of an assembled system, `reload` files with the settings of pipelines, `tower` the
//! policies as its layers, `tracing` spans of what actors do. `full` is all that needs no external service.
//! `test-util` adds virtual time and `actor_core::testkit`; use it among the dev-dependencies.
//!
//! # Example
//!
//! A panic in a handler ends one incarnation of one actor. Its supervisor starts the next one under
//! the same ref, and the caller goes on.
//!
//! ```
//! use steadfast::prelude::*;
//!
//! struct Divider;
//!
//! struct Divide(u32, u32, Reply<u32>);
//!
//! impl Actor for Divider {
//!     type Msg = Divide;
//!     type Error = std::convert::Infallible;
//!
//!     async fn handle(&mut self, msg: Divide, _cx: &mut Cx<Self>) -> Result<Flow, Self::Error> {
//!         let Divide(dividend, divisor, reply) = msg;
//!         reply.send(dividend / divisor); // panics on zero
//!         Ok(Flow::Continue)
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let system = System::builder("math").build()?;
//!     let tree = Supervisor::one_for_one().child(ChildSpec::new("divider", || Divider));
//!     let tree = tree.start(&system, "tree").await?;
//!     let divider: ActorRef<Divide> = tree.child("divider").await.ok_or("no divider")?;
//!
//!     assert!(divider.ask(|reply| Divide(1, 0, reply)).await.is_err());
//!     assert_eq!(divider.ask(|reply| Divide(6, 3, reply)).await?, 2);
//!     system.shutdown().await;
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

#[doc(inline)]
pub use steadfast_actor_core as actor_core;
#[cfg(feature = "assembly")]
#[doc(inline)]
pub use steadfast_assembly as assembly;
#[doc(inline)]
pub use steadfast_base as base;
#[cfg(feature = "breaker")]
#[doc(inline)]
pub use steadfast_breaker as breaker;
#[cfg(feature = "cascade")]
#[doc(inline)]
pub use steadfast_cascade as cascade;
#[cfg(feature = "eventlog")]
#[doc(inline)]
pub use steadfast_eventlog as eventlog;
#[cfg(feature = "health")]
#[doc(inline)]
pub use steadfast_health as health;
#[cfg(feature = "policy")]
#[doc(inline)]
pub use steadfast_policy as policy;
#[cfg(feature = "reliability")]
#[doc(inline)]
pub use steadfast_reliability as reliability;
#[cfg(feature = "snapshot")]
#[doc(inline)]
pub use steadfast_snapshot as snapshot;
#[cfg(feature = "sourcing")]
#[doc(inline)]
pub use steadfast_sourcing as sourcing;
#[cfg(feature = "supervision")]
#[doc(inline)]
pub use steadfast_supervision as supervision;

pub mod prelude {
    //! What nearly every program names: `use steadfast::prelude::*;`.

    pub use crate::actor_core::{Actor, ActorRef, Cx, ExitReason, Flow, Reply, Started, System};
    #[cfg(feature = "assembly")]
    pub use crate::assembly::Steadfast;
    #[cfg(feature = "breaker")]
    pub use crate::breaker::CircuitBreaker;
    #[cfg(feature = "policy")]
    pub use crate::policy::Pipeline;
    #[cfg(feature = "supervision")]
    pub use crate::supervision::{ChildSpec, RootSupervisor, Supervisor, SupervisorRef};
}

/// Compiles and runs the examples of the README.
#[cfg(all(doctest, feature = "supervision", feature = "sourcing"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
