//! What every library is put behind.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::Result;

use crate::{
    event::{Event, EventRef, Id},
    race::{Race, Raced},
};

/// What is asked of an open log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An append returns once its events are on the disk.
    Durable,
    /// An append returns as early as the library allows; `sync` brings all to the disk.
    Relaxed,
    /// As relaxed, and full segments stay in the form in which they were written.
    Unsealed,
}

pub type Visit<'a> = dyn FnMut(EventRef<'_>) + 'a;

/// An open log of events.
pub trait Journal: Send + Sync {
    /// Appends the events as one unit.
    fn append(&self, events: &[Event]) -> Result<()>;

    /// Appends the events by one call each, without waiting for the answer of one before the next call.
    fn pipeline(&self, _events: &[Event]) -> Result<()> {
        anyhow::bail!("every call waits for its answer")
    }

    /// Has writers append one event at a time, each when its last one is acknowledged.
    ///
    /// A writer is a thread, unless the library has something better.
    fn race(&self, writers: usize, race: &Arc<Race>) -> Result<Raced> {
        race.on_threads(writers, &|event| self.append(std::slice::from_ref(event)))
    }

    /// Brings everything appended so far to the disk.
    fn sync(&self) -> Result<()>;

    /// How often data was synced for appends, if the library says so.
    fn syncs(&self) -> Option<u64> {
        None
    }

    /// Visits every event, in the order of appending.
    fn replay(&self, visit: &mut Visit<'_>) -> Result<()>;

    /// Visits the events of one actor in order. A plain log scans.
    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.replay(&mut |event| {
            if event.actor == actor {
                visit(event);
            }
        })
    }

    /// Visits the events of one correlation id in order. A plain log scans.
    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        self.replay(&mut |event| {
            if event.correlation == id {
                visit(event);
            }
        })
    }

    /// Waits until the log has the form in which it rests.
    fn settle(&self) -> Result<()> {
        Ok(())
    }

    /// Closes the log in the way the library recommends.
    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// Which workloads a library takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// One durable writer.
    Durable,
    /// Several durable writers.
    Concurrent,
    /// Appends of one event that do not wait for the disk.
    Relaxed,
    /// The same without waiting for one answer before the next call.
    Pipelined,
    /// Everything over many events.
    Bulk,
    /// Rewrites full segments small.
    Seals,
    /// Reopening of 10,000,000 events.
    Large,
    /// Event-sourced entities.
    Sourced,
}

/// What most libraries take part in.
pub const USUAL: &[Task] = &[Task::Durable, Task::Concurrent, Task::Relaxed, Task::Bulk];

/// A library under test.
pub struct Peer {
    pub name: &'static str,
    /// The crate that does the work, as named in `Cargo.lock`.
    pub package: Option<&'static str>,
    pub open: fn(&Path, Mode) -> Result<Box<dyn Journal>>,
    pub tasks: &'static [Task],
    /// Where the library leaves it to the caller to gather concurrent appends into one: its name with a
    /// group commit in front.
    pub grouped: Option<&'static str>,
    /// Bytes on the disk that hold no event, made ahead.
    pub reserved: fn(&Path) -> Result<u64>,
    pub note: &'static str,
}

impl Peer {
    pub const EMBEDDED: Self = Self {
        name: "",
        package: None,
        open: |_, _| anyhow::bail!("no library"),
        tasks: USUAL,
        grouped: None,
        reserved: |_| Ok(0),
        note: "",
    };

    /// Opens a log and says how many milliseconds that took.
    pub fn open_timed(&self, dir: &Path, mode: Mode) -> Result<(Box<dyn Journal>, f64)> {
        let start = Instant::now();
        let journal = (self.open)(dir, mode)?;
        Ok((journal, start.elapsed().as_secs_f64() * 1e3))
    }
}
