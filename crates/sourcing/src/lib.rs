//! Event-sourced actors and entities, recovery, read models, flight recorder, replay and time travel.
//!
//! | You want to | Start at |
//! |---|---|
//! | keep an actor's state as events | [`EventSourced`], [`Decide`], [`Effect`] |
//! | write down what entities are given | [`TurnRecorder`], [`Turn`], [`TurnInputs`] |
//! | read the log into a read model | [`projection`] |
//! | restart a plain actor from its last snapshot | [`persist`] |
#![forbid(unsafe_code)]

mod decide;
mod effect;
mod event_sourced;
pub mod persist;
pub mod projection;
mod recorder;

pub use self::decide::{Decide, EffectError, PERFORMS_MAX, TurnInputs};
pub use self::effect::Effect;
pub use self::event_sourced::EventSourced;
pub use self::recorder::{Turn, TurnOutcome, TurnRecorder};
