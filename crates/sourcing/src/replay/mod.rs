//! Replay and time travel: what was recorded is played again, in a world of its own.
//!
//! Start at [`ReplayController`]. What a replay needs to know of the actors is a
//! [`Shape`](crate::record::Shape) and a way to build each one on a [`Stage`].

mod actor_player;
mod breakpoint;
mod builder;
mod checkpoints;
mod command_player;
mod controller;
mod difference;
mod entity_player;
mod error;
mod feed;
mod moments;
mod pace;
pub(crate) mod playback;
mod player;
mod read_only;
mod roles;
mod stage;
pub(crate) mod stages;
mod state_at;
mod travel;
mod view;
mod what_if;

pub use self::breakpoint::{Breakpoint, Upcoming};
pub use self::builder::{LEFT_OUT_MAX, REPLAY_ACTORS_MAX, ReplayBuilder};
pub use self::checkpoints::{CHECKPOINT_EVERY, NAMED_CHECKPOINTS_MAX};
pub use self::controller::{GAPS_LISTED_MAX, Halt, Last, ReplayController};
pub use self::difference::{
    Difference, NonDeterminism, STATE_DIFFERENCES_MAX, StateDifference, state_differences,
};
pub use self::entity_player::state_hash;
pub use self::error::ReplayError;
pub use self::moments::NamedCheckpoint;
pub use self::pace::PauseSwitch;
pub use self::read_only::ReadOnly;
pub use self::stage::Stage;
pub use self::state_at::state_at;
pub use self::what_if::{Exploration, TURN_DIFFERENCES_MAX, TurnDifference};
