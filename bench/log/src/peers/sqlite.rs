//! A table with an index on actor and one on correlation id.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::Result;
use rusqlite::{Connection, Params, Row, params};

use super::CACHE_BYTES;
use crate::{
    event::{Event, EventRef, Id},
    journal::{Journal, Mode, Peer, Task, Visit},
};

pub const PEER: Peer = Peer {
    name: "sqlite",
    package: Some("rusqlite"),
    grouped: Some("sqlite-grouped"),
    open: |dir, mode| match mode {
        Mode::Durable => open(dir, "FULL"),
        Mode::Relaxed | Mode::Unsealed => open(dir, "NORMAL"),
    },
    note: "WAL; synchronous=FULL durable, NORMAL relaxed; one connection behind a mutex",
    ..Peer::EMBEDDED
};

pub const OFF: Peer = Peer {
    name: "sqlite-off",
    open: |dir, _| open(dir, "OFF"),
    tasks: &[Task::Relaxed, Task::Bulk],
    grouped: None,
    note: "sqlite with synchronous=OFF",
    ..PEER
};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        tag INTEGER NOT NULL,
        actor TEXT NOT NULL,
        at INTEGER NOT NULL,
        correlation BLOB NOT NULL,
        causation BLOB NOT NULL,
        payload TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS by_actor ON events (actor);
    CREATE INDEX IF NOT EXISTS by_correlation ON events (correlation);
";

struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connection>,
}

fn open(dir: &Path, synchronous: &str) -> Result<Box<dyn Journal>> {
    std::fs::create_dir_all(dir)?;
    let path = dir.join("events.sqlite");
    let connection = Connection::open(&path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -(CACHE_BYTES as i64 / 1_024))?;
    connection.execute_batch(SCHEMA)?;
    Ok(Box::new(Sqlite { path, connection: Mutex::new(connection) }))
}

fn event<'a>(row: &'a Row) -> Result<EventRef<'a>> {
    let id = |column| Ok::<_, anyhow::Error>(Id(row.get_ref(column)?.as_blob()?.try_into()?));
    Ok(EventRef {
        id: id(0)?,
        tag: row.get(1)?,
        actor: row.get_ref(2)?.as_str()?,
        at: row.get::<_, i64>(3)?.try_into()?,
        correlation: id(4)?,
        causation: id(5)?,
        payload: row.get_ref(6)?.as_str()?,
    })
}

impl Sqlite {
    fn select(&self, condition: &str, params: impl Params, visit: &mut Visit<'_>) -> Result<()> {
        let connection = self.connection.lock().expect("no writer panics");
        let mut select = connection.prepare_cached(&format!(
            "SELECT id, tag, actor, at, correlation, causation, payload FROM events {condition} ORDER BY seq"
        ))?;
        let mut rows = select.query(params)?;
        while let Some(row) = rows.next()? {
            visit(event(row)?);
        }
        Ok(())
    }
}

impl Journal for Sqlite {
    fn append(&self, events: &[Event]) -> Result<()> {
        let mut connection = self.connection.lock().expect("no writer panics");
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO events (id, tag, actor, at, correlation, causation, payload)
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?;
            for event in events {
                insert.execute(params![
                    event.id.0,
                    event.tag,
                    event.actor,
                    event.at.cast_signed(),
                    event.correlation.0,
                    event.causation.0,
                    event.payload,
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn sync(&self) -> Result<()> {
        let connection = self.connection.lock().expect("no writer panics");
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(File::open(&self.path)?.sync_all()?)
    }

    fn replay(&self, visit: &mut Visit<'_>) -> Result<()> {
        self.select("", [], visit)
    }

    fn by_actor(&self, actor: &str, visit: &mut Visit<'_>) -> Result<()> {
        self.select("WHERE actor = ?", [actor], visit)
    }

    fn by_correlation(&self, id: Id, visit: &mut Visit<'_>) -> Result<()> {
        self.select("WHERE correlation = ?", [id.0], visit)
    }

    fn close(self: Box<Self>) -> Result<()> {
        let connection = self.connection.into_inner().expect("no writer panics");
        connection.close().map_err(|(_, error)| error.into())
    }
}
