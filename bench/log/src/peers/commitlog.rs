//! Segmented log with an index of offsets, after Kafka's.
//!
//! Its `flush` does not sync the segment (0.2.0 calls `File::flush`, which does nothing), so a
//! durable append syncs the newest segment by itself. The index is still not synced per append.

use std::{
    fs,
    fs::File,
    path::{Path, PathBuf},
    sync::Mutex,
};

use ::commitlog::{
    CommitLog, LogOptions, ReadLimit,
    message::{MessageBuf, MessageSet},
};
use anyhow::{Context, Result};

use crate::{
    event::{Event, EventRef},
    journal::{Journal, Mode, Peer, Visit},
};

pub const PEER: Peer = Peer {
    name: "commitlog",
    package: Some("commitlog"),
    grouped: Some("commitlog-grouped"),
    open,
    note: "its flush does not sync: durable runs fdatasync the segment from outside",
    ..Peer::EMBEDDED
};

struct Log {
    dir: PathBuf,
    mode: Mode,
    log: Mutex<CommitLog>,
}

fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Journal>> {
    let log = CommitLog::new(LogOptions::new(dir))?;
    Ok(Box::new(Log { dir: dir.to_owned(), mode, log: Mutex::new(log) }))
}

impl Log {
    fn flush(&self, log: &mut CommitLog) -> Result<()> {
        log.flush()?;
        let segments =
            fs::read_dir(&self.dir)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let newest =
            segments.filter(|path| path.extension().is_some_and(|kind| kind == "log")).max();
        Ok(File::open(newest.context("no segment")?)?.sync_data()?)
    }
}

impl Journal for Log {
    fn append(&self, events: &[Event]) -> Result<()> {
        let mut messages: MessageBuf = events.iter().map(Event::encode).collect();
        let mut log = self.log.lock().expect("no writer panics");
        log.append(&mut messages)?;
        if self.mode == Mode::Durable {
            self.flush(&mut log)?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.flush(&mut self.log.lock().expect("no writer panics"))
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        let log = self.log.lock().expect("no writer panics");
        let mut offset = 0;
        loop {
            let messages = log.read(offset, ReadLimit::max_bytes(1 << 20))?;
            for message in messages.iter() {
                visit(EventRef::decode(message.payload())?);
                offset = message.offset() + 1;
            }
            if messages.is_empty() {
                return Ok(());
            }
        }
    }
}
