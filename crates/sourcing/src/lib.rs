//! Event-sourced actors and entities, recovery, read models, flight recorder, replay and time travel.
//!
//! | You want to | Start at |
//! |---|---|
//! | keep an actor's state as events | [`EventSourced`], [`Decide`], [`Effect`] |
#![forbid(unsafe_code)]

mod decide;
mod effect;
mod event_sourced;

pub use self::decide::Decide;
pub use self::effect::Effect;
pub use self::event_sourced::EventSourced;
