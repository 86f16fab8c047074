//! Figures about a log, and the report of a verification.

use crate::event::{ActorName, Position, Seq};
use crate::read::ReadError;

/// How much a log holds and what writing it has cost since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Events that retention has left.
    pub events: u64,
    /// Actors that ever had an event.
    pub actors: u64,
    /// Bytes the store takes: on disk, or in memory for one that lives there.
    pub bytes: u64,
    /// Bytes the same events take uncompressed, with names and payloads.
    pub raw_bytes: u64,
    /// Pieces the log consists of.
    pub segments: u64,
    /// Pieces that are still in the form in which they were written.
    pub segments_unsealed: u64,
    /// Appends acknowledged since the store was opened.
    pub appends_total: u64,
    /// Appends that were duplicates, since then.
    pub duplicates_total: u64,
    /// Appends that failed, since then.
    pub failures_total: u64,
    /// Times data was synced, since then.
    pub syncs_total: u64,
    /// Events written, since then.
    pub written_total: u64,
    /// Decompressed blocks of sealed segments that a look-up found in memory, since then.
    pub block_hits_total: u64,
    /// Blocks that a look-up had to read and decompress, since then.
    pub block_misses_total: u64,
    /// Bytes in memory of what finds events in sealed segments, beside the names of actors and the filters of ids.
    pub sealed_index_bytes: u64,
}

/// What a verification found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Events that were read.
    pub events: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is wrong, at most [`FAULTS_MAX`](Self::FAULTS_MAX), in the order of the log.
    pub faults: Vec<VerifyFault>,
    /// How many faults there were.
    pub faults_total: u64,
}

impl VerifyReport {
    /// The most faults listed; further ones are counted.
    pub const FAULTS_MAX: usize = 1_000;

    /// Adds a fault, to the list if there is room.
    pub fn add(&mut self, fault: VerifyFault) {
        self.faults_total = self.faults_total.saturating_add(1);
        if self.faults.len() < Self::FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults_total == 0
    }
}

/// One thing that is wrong with a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum VerifyFault {
    /// Something could not be read.
    Unreadable(ReadError),
    /// A position does not follow the one before.
    Position {
        /// The position before.
        before: Position,
        /// The position found.
        found: Position,
    },
    /// An actor's number does not follow the one before.
    Seq {
        /// The actor.
        actor: ActorName,
        /// Where.
        position: Position,
        /// The number that should be there.
        expected: Seq,
        /// The number found.
        found: Seq,
    },
    /// An index says something else than the log.
    Index {
        /// The first position of the segment it belongs to.
        segment: Position,
        /// Which index.
        name: &'static str,
    },
    /// Two writers wrote at the same time: an older epoch follows a newer one.
    Epoch {
        /// Where.
        position: Position,
    },
}
