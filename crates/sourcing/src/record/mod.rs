//! The flight recorder: what ordinary actors take in and give out, kept so that it can be replayed.
//!
//! Start at [`Recorder`] and [`Shape`]. Clocks, answers of other actors and whatever else a handler
//! takes in through its [`Cx`](steadfast_actor_core::Cx) is recorded with the turn; results of anything
//! else go through [`effect`].

mod any_bytes;
pub(crate) mod commands;
mod effects;
mod hash;
mod line;
pub(crate) mod opened;
mod recorder;
mod recording;
pub(crate) mod shape;
#[cfg(test)]
mod tests;
pub(crate) mod turn;
pub(crate) mod vocabulary;
pub(crate) mod wire;

use steadfast_eventlog::ActorName;

#[doc(hidden)]
pub use self::any_bytes::__read_any;
pub use self::effects::effect;
pub(crate) use self::effects::effect_by;
pub use self::hash::ValueHash;
pub use self::line::{
    GROUP_BYTES_MAX, GROUP_EVENTS_MAX, LINE_BYTES_MAX, LINE_RECORDS_MAX, WhenFull,
};
pub use self::opened::{Gap, GapReason};
pub use self::recorder::{Recorder, RecorderConfig, STATE_HASH_EVERY_DEFAULT};
pub use self::shape::Shape;
pub use self::turn::{Sent, TurnEnding};
pub use self::vocabulary::Vocabulary;

/// What the names of recordings begin with.
pub(crate) const TAPE: &str = "tape:";

/// The name under which the recording of the actor with this path lies in the log.
///
/// Not the path itself, so that a recording never mixes with the events of an event-sourced actor.
///
/// # Example
///
/// ```
/// let name = steadfast_sourcing::record::recording_of("/bank/acc-42");
/// assert_eq!(name.as_str(), "tape:/bank/acc-42");
/// ```
#[must_use]
pub fn recording_of(path: &str) -> ActorName {
    format!("{TAPE}{path}").into()
}
