//! Export and import as JSON lines: one event a line, for people, other tools, and other stores.
//!
//! A line is the event as [`Event`] serializes it: ids and times as text, the payload as `text` where it is
//! UTF-8 and as `hex` where it is not, byte for byte.

mod error;

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

pub use self::error::{ExportError, ImportError};
use crate::append::{Append, Appending, Expected};
use crate::event::{Event, NewEvent};
use crate::read::{Query, ReadError};
use crate::store::EventStore;

/// The longest line that is read, in bytes (16 MiB): the largest event that a store can be told to take, with every
/// byte escaped.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// How many appends of an import are under way at most; they share group commits.
const IN_FLIGHT_MAX: usize = 256;

/// Writes the events that a query finds, one a line; gives how many.
///
/// # Errors
///
/// [`ExportError`]; the lines before it are written. Where events are damaged, the export ends with the
/// error; [`export_readable`] goes on behind it.
///
/// # Cancel safety
///
/// A dropped export has written some whole lines.
pub async fn export_jsonl(
    store: &dyn EventStore,
    query: Query,
    out: &mut (dyn Write + Send),
) -> Result<u64, ExportError> {
    let mut events = store.read(query);
    let mut written = 0_u64;
    loop {
        let batch = events.next().await?;
        if batch.is_empty() {
            out.flush()?;
            return Ok(written);
        }
        written = written.saturating_add(write_lines(&batch, out)?);
    }
}

/// Writes every event that can still be read and gives what could not be, with the number of lines.
///
/// For saving what is left of a damaged log: the explicit, never silent, kind of repair.
///
/// # Errors
///
/// [`ExportError`] if writing fails, or the store cannot be read at all.
///
/// # Cancel safety
///
/// A dropped export has written some whole lines.
pub async fn export_readable(
    store: &dyn EventStore,
    query: Query,
    out: &mut (dyn Write + Send),
) -> Result<(u64, Vec<ReadError>), ExportError> {
    let mut events = store.read(query);
    let mut written = 0_u64;
    let mut damage = Vec::new();
    loop {
        match events.next().await {
            Ok(batch) if batch.is_empty() => {
                out.flush()?;
                return Ok((written, damage));
            }
            Ok(batch) => written = written.saturating_add(write_lines(&batch, out)?),
            // Each error stands behind a place of the log, so there are only so many of them.
            Err(error @ (ReadError::Corruption { .. } | ReadError::MissingSegment { .. })) => {
                damage.push(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn write_lines(events: &[Event], out: &mut (dyn Write + Send)) -> io::Result<u64> {
    for event in events {
        serde_json::to_writer(&mut *out, event)?;
        out.write_all(b"\n")?;
    }
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}

/// How imported events are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbering {
    /// As in the file; an event whose actor is not there yet is a conflict. Importing again is harmless.
    #[default]
    Keep,
    /// Anew, behind what each actor has: for files whose beginning retention has removed.
    Anew,
}

/// What an import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Events that were stored.
    pub events: u64,
    /// Events that had been there.
    pub duplicates: u64,
}

/// Appends the events of a file with one event a line; positions are given anew, all else is kept.
///
/// # Errors
///
/// [`ImportError`] with the number of the line; the lines before it are stored, and some behind it may be.
///
/// # Cancel safety
///
/// A dropped import has stored a beginning of the file; import it again with [`Numbering::Keep`].
pub async fn import_jsonl(
    store: &dyn EventStore,
    input: &mut (dyn BufRead + Send),
    numbering: Numbering,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut under_way: VecDeque<(u64, Appending)> = VecDeque::new();
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        number = number.saturating_add(1);
        let is_end = !read_line(input, number, &mut line)?;
        if !is_end && !line.trim_ascii().is_empty() {
            let event: Event = serde_json::from_slice(&line)
                .map_err(|cause| ImportError::Line { line: number, cause: Arc::new(cause) })?;
            under_way.push_back((number, store.append(request(event, numbering))));
        }
        while under_way.len() > if is_end { 0 } else { IN_FLIGHT_MAX } {
            let Some((line, appending)) = under_way.pop_front() else { break };
            let appended = appending.await.map_err(|cause| ImportError::Append { line, cause })?;
            let count =
                if appended.duplicate { &mut imported.duplicates } else { &mut imported.events };
            *count = count.saturating_add(1);
        }
        if is_end {
            return Ok(imported);
        }
    }
}

/// Reads one line into `line`; false at the end.
fn read_line(
    input: &mut (dyn BufRead + Send),
    number: u64,
    line: &mut Vec<u8>,
) -> Result<bool, ImportError> {
    line.clear();
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let read = input.take(most).read_until(b'\n', line).map_err(ImportError::Io)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(ImportError::LineTooLong { line: number });
    }
    Ok(read > 0)
}

fn request(event: Event, numbering: Numbering) -> Append {
    let expected = match numbering {
        Numbering::Keep => Expected::Exact(event.seq.previous()),
        Numbering::Anew => Expected::Any,
    };
    let new = NewEvent {
        id: event.id,
        kind: event.kind,
        actor: event.actor,
        at: Some(event.at),
        correlation: event.correlation,
        causation: event.causation,
        turn: event.turn,
        payload: event.payload,
    };
    Append::one(new).expecting(expected)
}
