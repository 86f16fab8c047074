//! Copy-on-write B+trees: a table of events by sequence number, and one per index.

use std::path::Path;

use ::redb::{
    Builder, Database, Durability as Commit, ReadableDatabase, ReadableTable, TableDefinition,
};
use anyhow::{Context, Result};

use super::CACHE_BYTES;
use crate::{
    event::{Event, EventRef, Id},
    journal::{Journal, Mode, Peer, Visit},
};

pub const PEER: Peer = Peer {
    name: "redb",
    package: Some("redb"),
    grouped: Some("redb-grouped"),
    open,
    note: "one transaction over 3 tables; Durability::Immediate or ::None",
    ..Peer::EMBEDDED
};

const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
const ACTORS: TableDefinition<(&str, u64), ()> = TableDefinition::new("actors");
const CORRELATIONS: TableDefinition<(&[u8; 16], u64), ()> = TableDefinition::new("correlations");

struct Redb {
    db: Database,
    commit: Commit,
}

fn open(dir: &Path, mode: Mode) -> Result<Box<dyn Journal>> {
    std::fs::create_dir_all(dir)?;
    let db = Builder::new().set_cache_size(CACHE_BYTES).create(dir.join("events.redb"))?;
    let commit = match mode {
        Mode::Durable => Commit::Immediate,
        Mode::Relaxed | Mode::Unsealed => Commit::None,
    };
    Ok(Box::new(Redb { db, commit }))
}

impl Journal for Redb {
    fn append(&self, events: &[Event]) -> Result<()> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(self.commit)?;
        {
            let mut by_seq = transaction.open_table(EVENTS)?;
            let mut actors = transaction.open_table(ACTORS)?;
            let mut correlations = transaction.open_table(CORRELATIONS)?;
            let next = by_seq.last()?.map_or(0, |(seq, _)| seq.value() + 1);
            for (seq, event) in (next..).zip(events) {
                by_seq.insert(seq, event.encode().as_slice())?;
                actors.insert((&*event.actor, seq), ())?;
                correlations.insert((&event.correlation.0, seq), ())?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn sync(&self) -> Result<()> {
        let mut transaction = self.db.begin_write()?;
        transaction.set_durability(Commit::Immediate)?;
        Ok(transaction.commit()?)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        for entry in self.db.begin_read()?.open_table(EVENTS)?.iter()? {
            visit(EventRef::decode(entry?.1.value())?);
        }
        Ok(())
    }

    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        let transaction = self.db.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        for entry in transaction.open_table(ACTORS)?.range((actor, 0)..=(actor, u64::MAX))? {
            let event = events.get(entry?.0.value().1)?.context("indexed, but missing")?;
            visit(EventRef::decode(event.value())?);
        }
        Ok(())
    }

    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        let transaction = self.db.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        for entry in transaction.open_table(CORRELATIONS)?.range((&id.0, 0)..=(&id.0, u64::MAX))? {
            let event = events.get(entry?.0.value().1)?.context("indexed, but missing")?;
            visit(EventRef::decode(event.value())?);
        }
        Ok(())
    }
}
