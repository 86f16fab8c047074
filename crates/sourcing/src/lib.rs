//! Event-sourced actors and entities, recovery, read models, flight recorder, replay and time travel.
//!
//! | You want to | Start at |
//! |---|---|
//! | keep an actor's state as events | [`EventSourced`], [`Decide`], [`Effect`] |
//! | have many of them, in memory or not | [`Entities`], [`EntityRef`] |
//! | try a command again without doing it twice | [`CommandId`], [`EntityAsk::keyed`] |
//! | know why a command came to nothing | [`CommandError`], [`CommandFault`] |
//! | see a state as it was | [`EntityRef::state_at`], [`EntityRef::replay`] |
//! | keep the log short | [`Entities::retain`] |
//! | write down what entities are given | [`TurnRecorder`], [`Turn`], [`TurnInputs`] |
//! | read the log into a read model | [`projection`] |
//! | record what plain actors take in and give out | [`record::Recorder`], [`record::Shape`] |
//! | take a recording again, step through it, travel in it | [`replay::ReplayController`] |
//! | see an event-sourced actor as it was, without a system | [`replay::state_at`] |
//! | find out whether a handler can be replayed at all | [`determinism::Check`] |
//! | restart a plain actor from its last snapshot | [`persist`] |
#![forbid(unsafe_code)]

mod command_id;
mod decide;
pub mod determinism;
mod effect;
mod entities;
mod event_sourced;
pub mod names;
pub mod persist;
pub mod projection;
pub mod record;
mod recorder;
pub mod replay;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use self::command_id::CommandId;
pub use self::decide::{Decide, EffectError, PERFORMS_MAX, TurnInputs};
pub use self::effect::Effect;
pub use self::entities::{
    CommandError, CommandFault, Entities, EntitiesBuilder, EntitiesConfig, EntitiesError,
    EntitiesStatistics, EntityAsk, EntityRef, Moment, PASSIVATE_AFTER, PersistFailed,
    RECOVERIES_MAX, RESIDENT_MAX, RETRY_AFTER, ROOM_WAIT, Recovered, RecoveryCause, RecoveryFailed,
    RetainError, Retained, SNAPSHOT_EVERY, SNAPSHOT_WAITS_MAX, SnapshotFault, UnpinFault,
};
pub use self::event_sourced::EventSourced;
pub use self::recorder::{Turn, TurnOutcome, TurnRecorder};
