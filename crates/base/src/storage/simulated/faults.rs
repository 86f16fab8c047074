//! What is to go wrong, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What becomes of one write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteFault {
    /// It fails after this many bytes were written.
    Error {
        /// With this error.
        kind: io::ErrorKind,
        /// The bytes that were written before.
        written: usize,
    },
    /// It succeeds and writes nothing.
    Lost,
    /// It succeeds and lands at another offset of the file.
    Misdirected {
        /// The offset at which it lands.
        offset: u64,
    },
}

/// What is set to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Changing calls so far.
    pub(super) steps: u64,
    pub(super) crash_at: Option<u64>,
    /// Syncs that fail, by their number from 0.
    pub(super) syncs: BTreeSet<u64>,
    /// Syncs of directories that fail, by their number from 0.
    pub(super) dir_syncs: BTreeSet<u64>,
    /// Writes that go wrong, by their number from 0.
    pub(super) writes: BTreeMap<u64, WriteFault>,
    pub(super) capacity: Option<u64>,
}

impl Faults {
    pub(super) fn crashed(&self) -> bool {
        self.crash_at.is_some_and(|at| self.steps >= at)
    }

    /// Fails if the power is cut.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.crashed() { Err(io::Error::other("the power is cut")) } else { Ok(()) }
    }

    /// Counts a changing call, or fails if the power is cut.
    pub(super) fn step(&mut self) -> io::Result<()> {
        self.check()?;
        self.steps += 1;
        Ok(())
    }
}
