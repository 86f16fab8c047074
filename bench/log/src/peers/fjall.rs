//! An LSM tree: a keyspace of events by sequence number, and one per index.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use anyhow::{Context, Result};

use super::{CACHE_BYTES, id_bytes, index_key, index_prefix, key_seq};
use crate::{
    event::{Event, EventRef, Id},
    journal::{Journal, Mode, Peer, Visit},
};

pub const PEER: Peer = Peer {
    name: "fjall",
    package: Some("fjall"),
    grouped: Some("fjall-grouped"),
    open,
    note: "atomic batch over 3 keyspaces; LZ4 by default; PersistMode::SyncData per commit",
    ..Peer::EMBEDDED
};

struct Fjall {
    db: Database,
    events: Keyspace,
    actors: Keyspace,
    correlations: Keyspace,
    next: AtomicU64,
    persist: Option<PersistMode>,
}

fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Journal>> {
    let db = Database::builder(dir).cache_size(CACHE_BYTES as u64).open()?;
    let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default);
    let events = keyspace("events")?;
    let last = events.last_key_value().map(|entry| entry.key()).transpose()?;
    Ok(Box::new(Fjall {
        next: AtomicU64::new(last.map_or(0, |key| key_seq(&key) + 1)),
        actors: keyspace("actors")?,
        correlations: keyspace("correlations")?,
        events,
        persist: (mode == Mode::Durable).then_some(PersistMode::SyncData),
        db,
    }))
}

impl Fjall {
    fn lookup(&self, index: &Keyspace, prefix: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        for entry in index.prefix(index_prefix(prefix)) {
            let seq = key_seq(&entry.key()?);
            let event = self.events.get(seq.to_be_bytes())?.context("indexed, but missing")?;
            visit(EventRef::decode(&event)?);
        }
        Ok(())
    }
}

impl Journal for Fjall {
    fn append(&self, events: &[Event]) -> Result<()> {
        let first = self.next.fetch_add(events.len() as u64, Ordering::Relaxed);
        let mut batch = self.db.batch().durability(self.persist);
        for (seq, event) in (first..).zip(events) {
            batch.insert(&self.events, seq.to_be_bytes(), event.encode());
            batch.insert(&self.actors, index_key(event.actor.as_bytes(), seq), []);
            batch.insert(&self.correlations, index_key(id_bytes(&event.correlation), seq), []);
        }
        Ok(batch.commit()?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.db.persist(PersistMode::SyncAll)?)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        for entry in self.events.iter() {
            visit(EventRef::decode(&entry.value()?)?);
        }
        Ok(())
    }

    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.lookup(&self.actors, actor.as_bytes(), visit)
    }

    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        self.lookup(&self.correlations, id_bytes(&id), visit)
    }
}
