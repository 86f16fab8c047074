//! The living part: the actors, their supervision tree, and what they share.

mod board;
mod budget;
mod participant;
mod tree;

pub(crate) use board::{Birth, Board};
pub(crate) use participant::{Msg, Report};
pub(crate) use tree::{ROOT, plant};

use std::sync::Arc;

use crate::event::Event;
use crate::fault::FaultPlan;
use crate::roster::Roster;

/// What all actors of one run share. Only the board changes.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) roster: Arc<Roster>,
    /// The year; messages hold indexes into it.
    pub(crate) events: Arc<[Event]>,
    pub(crate) plan: FaultPlan,
    pub(crate) board: Board,
}
