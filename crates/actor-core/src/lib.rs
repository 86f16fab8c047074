//! Typed actors: mailboxes, refs, asks, timers, watch, groups, the system, and a testkit.
//!
//! Start at [`System`] and [`Actor`]. One message enum per actor lies inline in a bounded mailbox;
//! a control lane is served before it; a ref stays valid over restarts; an ask always has a
//! deadline; a message that was not consumed comes back with the error.

mod actor;
mod actor_ref;
mod ask;
mod blocking;
mod cell;
mod cx;
mod dead_letters;
mod error;
mod exit;
mod extras;
mod factory;
mod group;
mod handle;
mod hatch;
mod live;
mod mailbox;
mod nest;
mod overflow;
mod pipe;
mod probe;
mod recipient;
mod reply;
mod signal;
mod slot;
#[cfg(feature = "tracing")]
mod span;
mod spawn;
mod stopped;
mod sync;
mod system;
pub mod tape;
mod tell;
#[cfg(feature = "test-util")]
pub mod testkit;
mod timers;
mod turn;
mod waits;
mod wards;

pub use actor::{Actor, BoxError, Flow, Started};
pub use actor_ref::ActorRef;
pub use ask::Ask;
pub use cell::{CHILD_STOP_WAIT, Order, Status, VISITS_MAX, Visit};
pub use cx::Cx;
pub use dead_letters::{DEAD_LETTERS_HELD, DeadLetter, DeadLetterSubscription, DeadReason};
pub use error::{AskError, SendError, StartError, VisitError};
pub use exit::{EndWith, ExitReason, Failure};
pub use extras::{PIPES_MAX, STASH_MAX};
pub use factory::{Async, Direct, Factory, Fallible, IntoFactory, Plain, StartKind, direct};
pub use group::{Group, GroupChange, GroupTypeError, JoinError};
pub use handle::ActorHandle;
pub use hatch::HatchError;
pub use nest::Nest;
pub use overflow::{Overflow, ROOM_WAIT_DEFAULT};
pub use probe::Probe;
pub use recipient::{Asking, Recipient};
pub use reply::Reply;
pub use signal::{ChildEvent, ChildStage, Signal};
pub use spawn::{Spawn, Starting};
pub use stopped::Stopped;
pub use system::{
    ASK_TIMEOUT_DEFAULT, BuildError, CAPACITY_DEFAULT, NAME_BYTES_MAX, PHASE_TIMEOUT_DEFAULT,
    Phase, PhaseError, PhaseOutcome, ShutdownReport, System, SystemBuilder,
};
pub use tell::Tell;
pub use timers::{TIMERS_MAX, TimerKey, TooManyTimers};
pub use wards::{WARDS_WAIT, Wards};

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
