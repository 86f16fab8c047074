//! What a life of the process tells the one that watches over it: lines of JSON.

use serde::{Deserialize, Serialize};

use crate::desk::Briefings;
use crate::look_back::LookBack;
use crate::progress::Progress;
use crate::service::ServiceReport;
use crate::state::State;
use crate::tally::Tally;
use crate::views::Views;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// The log is open, and the feed goes on from here.
    Resumed(Resumed),
    /// What is fed since then is stored: all that it concerns is back at work.
    BackAtWork {
        /// Since the opening of the log began, in milliseconds.
        after_ms: f64,
    },
    /// How far it is; what went wrong in this life.
    Progress(Progress, Tally),
    /// The place where it is to be killed: commands are under way, and nothing more is fed.
    AtTheEdge {
        /// Events fed.
        fed: u32,
    },
    /// It is over.
    Done(Box<Done>),
}

/// How a life began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resumed {
    /// Events that were fed and stored before.
    pub fed: u32,
    /// Events in the log.
    pub logged: u64,
    /// How long opening the log took, in milliseconds.
    pub open_ms: f64,
}

/// What a run came to.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// The state of each entity, by actor index; `None` for one that gave none.
    pub states: Vec<Option<State>>,
    /// Inputs of entities.
    pub deliveries: u64,
    /// Faults of the whole run; restarts of this life only.
    pub tally: Tally,
    /// Messages that reached no actor, in this life.
    pub dead_letters: u64,
    /// The briefings of the dispatch desk.
    pub briefings: Briefings,
    /// Its calls to the services.
    pub services: [ServiceReport; 2],
    /// The read models.
    pub views: Views,
    /// What the log says afterwards.
    pub look_back: LookBack,
}
