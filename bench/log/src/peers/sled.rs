//! A lock-free tree. One tree holds events and indexes under prefixes, as only a batch on a single
//! tree is atomic without a transaction.
//!
//! On Linux its flush (0.34.7) calls `sync_file_range`, which does not wait for the disk's own cache: its
//! durable figures are not durable ones, and no sync is counted.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ::sled::{Batch, Config, Db};
use anyhow::{Context, Result, ensure};

use super::{CACHE_BYTES, id_bytes, index_key, index_prefix, key_seq};
use crate::{
    event::{Event, EventRef, Id},
    journal::{Journal, Mode, Peer, Visit},
};

pub const PEER: Peer = Peer {
    name: "sled",
    package: Some("sled"),
    grouped: Some("sled-grouped"),
    open,
    note: "atomic batch on one tree with prefixed keys, then flush, which calls sync_file_range: not durable",
    ..Peer::EMBEDDED
};

/// How long its threads may hold the lock of a database that was dropped.
const LET_GO: Duration = Duration::from_secs(10);

struct Sled {
    db: Db,
    lock: PathBuf,
    next: AtomicU64,
    mode: Mode,
}

fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Journal>> {
    let db = Config::new().path(dir).cache_capacity(CACHE_BYTES as u64).open()?;
    let last = db.scan_prefix(b"e").next_back().transpose()?;
    let next = AtomicU64::new(last.map_or(0, |(key, _)| key_seq(&key) + 1));
    Ok(Box::new(Sled { db, lock: dir.join("db"), next, mode }))
}

fn event_key(seq: u64) -> Vec<u8> {
    [b"e".as_slice(), &seq.to_be_bytes()].concat()
}

fn tagged(tag: u8, text: &[u8]) -> Vec<u8> {
    [&[tag], text].concat()
}

impl Sled {
    fn lookup(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        for key in self.db.scan_prefix(index_prefix(prefix)).keys() {
            let event = self.db.get(event_key(key_seq(&key?)))?.context("indexed, but missing")?;
            visit(EventRef::decode(&event)?);
        }
        Ok(())
    }
}

impl Journal for Sled {
    fn append(&self, events: &[Event]) -> Result<()> {
        let first = self.next.fetch_add(events.len() as u64, Ordering::Relaxed);
        let mut batch = Batch::default();
        for (seq, event) in (first..).zip(events) {
            batch.insert(event_key(seq), event.encode());
            batch.insert(index_key(&tagged(b'a', event.actor.as_bytes()), seq), &[]);
            batch.insert(index_key(&tagged(b'c', id_bytes(&event.correlation)), seq), &[]);
        }
        self.db.apply_batch(batch)?;
        if self.mode == Mode::Durable {
            self.db.flush()?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.db.flush()?;
        Ok(())
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        for entry in self.db.scan_prefix(b"e") {
            visit(EventRef::decode(&entry?.1)?);
        }
        Ok(())
    }

    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.lookup(&tagged(b'a', actor.as_bytes()), visit)
    }

    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        self.lookup(&tagged(b'c', id_bytes(&id)), visit)
    }

    /// Its threads let go of the file a little after the last handle is dropped: who opens it before fails.
    fn close(self: Box<Self>) -> Result<()> {
        let Self { db, lock, .. } = *self;
        drop(db);
        let file = File::open(lock)?;
        let start = Instant::now();
        while file.try_lock().is_err() {
            ensure!(start.elapsed() < LET_GO, "the database is still locked after {LET_GO:?}");
            thread::yield_now();
        }
        Ok(())
    }
}
