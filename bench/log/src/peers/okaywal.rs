//! A write-ahead log with group commit.
//!
//! A checkpoint gives the space of old entries back, so a log that keeps its events never
//! checkpoints, and reads them as recovery does. Every commit waits for the disk.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use anyhow::{Context, Result, anyhow};
use okaywal::{Configuration, Entry, EntryId, LogManager, SegmentReader, WriteAheadLog};

use crate::{
    event::{Event, EventRef},
    journal::{Journal, Mode, Peer, Task, Visit},
};

pub const PEER: Peer = Peer {
    name: "okaywal",
    package: Some("okaywal"),
    open: |dir, _: Mode| {
        let wal = open(dir, None)?;
        Ok(Box::new(Okaywal { dir: dir.to_owned(), wal: Mutex::new(Some(wal)) }))
    },
    tasks: &[Task::Durable, Task::Concurrent, Task::Bulk],
    note: "64 MiB preallocated, never checkpointed; every commit is durable",
    ..Peer::EMBEDDED
};

struct Okaywal {
    dir: PathBuf,
    /// Taken out while a replay recovers the log anew.
    wal: Mutex<Option<WriteAheadLog>>,
}

fn open(dir: &Path, entries: Option<SyncSender<Vec<Vec<u8>>>>) -> Result<WriteAheadLog> {
    let configuration = Configuration::default_for(dir)
        .preallocate_bytes(64 << 20)
        .checkpoint_after_bytes(u64::MAX)
        .buffer_bytes(64 << 10);
    Ok(configuration.open(Recovered { entries })?)
}

#[derive(Debug)]
struct Recovered {
    entries: Option<SyncSender<Vec<Vec<u8>>>>,
}

impl LogManager for Recovered {
    /// Reads every chunk even when nobody asks: in 0.3.1 a chunk that is skipped loses the reader its
    /// place, and the log then overwrites entries. An entry torn by a crash is to be ignored.
    fn recover(&mut self, entry: &mut Entry<'_>) -> io::Result<()> {
        let chunks = match entry.read_all_chunks() {
            Err(error)
                if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
            {
                None
            }
            read => read?,
        };
        if let (Some(entries), Some(chunks)) = (&self.entries, chunks) {
            entries.send(chunks).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn checkpoint_to(
        &mut self,
        _: EntryId,
        _: &mut SegmentReader,
        _: &WriteAheadLog,
    ) -> io::Result<()> {
        unreachable!("this log never checkpoints")
    }
}

impl Okaywal {
    fn wal(&self) -> Result<WriteAheadLog> {
        self.wal.lock().expect("no writer panics").clone().context("the log is being replayed")
    }
}

impl Journal for Okaywal {
    fn append(&self, events: &[Event]) -> Result<()> {
        let wal = self.wal()?;
        let mut entry = wal.begin_entry()?;
        for event in events {
            entry.write_chunk(&event.encode())?;
        }
        entry.commit()?;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        let mut wal = self.wal.lock().expect("no writer panics");
        wal.take().context("the log is being replayed")?.shutdown()?;
        let (sender, entries) = sync_channel(256);
        *wal = thread::scope(move |scope| -> Result<_> {
            let recovery = scope.spawn(move || {
                let wal = open(&self.dir, Some(sender.clone()))?;
                // The open log keeps its sender, so the end is marked by an entry without chunks.
                sender.send(Vec::new())?;
                anyhow::Ok(wal)
            });
            for bytes in entries.iter().take_while(|chunks| !chunks.is_empty()).flatten() {
                visit(EventRef::decode(&bytes)?);
            }
            recovery.join().map_err(|_| anyhow!("recovery panicked"))?.map(Some)
        })?;
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        let wal = self.wal.lock().expect("no writer panics").take();
        Ok(wal.map_or(Ok(()), WriteAheadLog::shutdown)?)
    }
}
