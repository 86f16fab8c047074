//! A sealed segment decompressed whole, for reads that go over most of it.
//!
//! Events lie by actor in the file and by position in the log: each block would be needed all the time.
//! Blocks are independent of each other, so several threads decompress them.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use bytes::{Bytes, BytesMut};

use super::sealed::Sealed;
use crate::event::{ActorName, Seq};
use crate::format::cold::{ColdBlock, ColdBlocks, ColdRows, RowAt};
use crate::format::frame::EventRef;
use crate::read::ReadError;

/// A segment with more payload than this is read block by block.
const UNPACKED_BYTES_MAX: usize = 256 << 20;

/// How much is read at once, and decompressed by one thread.
const READ_BYTES: u64 = 1 << 20;

/// The payloads of a sealed segment, and whose they are.
#[derive(Debug)]
pub(super) struct Unpacked {
    payloads: Bytes,
    actors: Vec<Actor>,
    /// The events in the order of positions.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Actor {
    name: ActorName,
    first_row: u32,
    first: Seq,
}

/// What an event needs beside what stands at its place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    turn: u64,
    row: u32,
    /// The place of its actor in `actors`.
    actor: u32,
    shape: u32,
    start: u32,
    end: u32,
}

/// An entry that was not filled in.
const MISSING: u32 = u32::MAX;

/// An event that was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) event: EventRef<'a>,
    pub(super) actor: &'a ActorName,
    pub(super) shape: u32,
    range: (usize, usize),
}

impl Unpacked {
    /// All of a segment; `None` if it is too large or any of it is damaged. The memory of one before is used
    /// again if nobody keeps an event of it.
    ///
    /// # Errors
    ///
    /// What keeps all of its events from being read.
    pub(super) fn of(
        sealed: &Sealed,
        threads: usize,
        before: Option<Self>,
    ) -> Result<Option<Self>, ReadError> {
        let (columns, blocks) = (sealed.rows()?, sealed.blocks()?);
        let (mut entries, mut payloads) = (Vec::new(), BytesMut::new());
        if let Some(before) = before {
            entries = before.entries;
            payloads = before.payloads.try_into_mut().unwrap_or_default();
        }
        Ok(Self::build(sealed, &columns, blocks, threads, entries, payloads))
    }

    fn build(
        sealed: &Sealed,
        columns: &ColdRows<'_>,
        blocks: &ColdBlocks,
        threads: usize,
        mut entries: Vec<Entry>,
        mut payloads: BytesMut,
    ) -> Option<Self> {
        let sizes = (0..blocks.count()).map(|number| widen(blocks.get(number)?.raw));
        let raw = sizes.sum::<Option<usize>>()?;
        if raw > UNPACKED_BYTES_MAX {
            return None;
        }
        payloads.resize(raw, 0);
        let work = Work::new(sealed, blocks, groups(blocks, &mut payloads)?);
        // While others begin with the payloads, this thread finds out whose they are.
        let whole = thread::scope(|scope| {
            for _ in 1..threads.min(work.groups_total) {
                let helper = thread::Builder::new().name("eventlog-unpack".to_owned());
                // Without a helper this thread does all of it.
                helper.spawn_scoped(scope, || work.run()).map_err(drop::<io::Error>).ok();
            }
            let actors = fill(sealed, columns, raw, &mut entries);
            if actors.is_none() {
                work.give_up();
            }
            work.run();
            actors
        });
        let actors = whole.filter(|_actors| work.is_done())?;
        drop(work);
        Some(Self { payloads: payloads.freeze(), actors, entries })
    }

    /// The event at a place, where it lies.
    pub(super) fn find<'a>(&'a self, columns: &ColdRows<'a>, place: u32) -> Option<Found<'a>> {
        let Entry { turn, row, actor, shape, start, end } = *self.entries.get(widen(place)?)?;
        let actor = self.actors.get(widen(actor)?)?;
        let range = (widen(start)?, widen(end)?);
        let payload = self.payloads.get(range.0..range.1)?;
        let at = RowAt { place, shape, turn, length: payload.len() };
        let event = columns.event_at(&at, payload)?;
        let seq = actor.first.plus(u64::from(row.checked_sub(actor.first_row)?));
        let event = EventRef { actor: actor.name.as_str(), seq, ..event };
        Some(Found { event, actor: &actor.name, shape, range })
    }

    /// Has the processor fetch the payload at a place that is going to be read soon: in the order of positions
    /// each lies somewhere else.
    #[inline]
    pub(super) fn fetch(&self, place: u32) {
        let Some(entry) = widen(place).and_then(|place| self.entries.get(place)) else { return };
        let Some(start) = widen(entry.start) else { return };
        for line in [0, 64, 128] {
            black_box(self.payloads.get(start.saturating_add(line)).copied());
        }
    }

    /// The payload of an event that was found, sharing the memory of all.
    pub(super) fn payload(&self, found: &Found<'_>) -> Bytes {
        self.payloads.slice(found.range.0..found.range.1)
    }
}

/// Fills in what each event needs, and gives whose they are; `None` if it makes no sense.
fn fill(
    sealed: &Sealed,
    columns: &ColdRows<'_>,
    raw: usize,
    entries: &mut Vec<Entry>,
) -> Option<Vec<Actor>> {
    let empty = Entry { turn: 0, row: 0, actor: MISSING, shape: 0, start: 0, end: 0 };
    entries.clear();
    entries.resize(widen(sealed.view.trailer().count)?, empty);
    let mut actors = Vec::new();
    let mut rows = columns.all().zip(0_u32..);
    let (mut start, mut filled) = (0_u32, 0_usize);
    for (run, actor) in sealed.view.actors().zip(0_u32..) {
        for (at, row) in rows.by_ref().take(run.rows.len()) {
            let RowAt { place, shape, turn, length } = at?;
            let end = start.checked_add(u32::try_from(length).ok()?)?;
            let entry = entries.get_mut(widen(place)?)?;
            if entry.actor != MISSING || !run.rows.contains(&row) {
                return None;
            }
            *entry = Entry { turn, row, actor, shape, start, end };
            start = end;
            filled = filled.saturating_add(1);
        }
        let name = ActorName::from(run.actor);
        actors.push(Actor { name, first_row: run.rows.start, first: run.first });
    }
    (filled == entries.len() && widen(start)? == raw).then_some(actors)
}

fn widen(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

/// Blocks next to each other, and where they are decompressed to.
type Group<'a> = (Vec<ColdBlock>, &'a mut [u8]);

/// All payload blocks, decompressed by whoever runs it.
struct Work<'a> {
    sealed: &'a Sealed,
    blocks: &'a ColdBlocks,
    groups_total: usize,
    groups: Mutex<std::vec::IntoIter<Group<'a>>>,
    failed: AtomicBool,
}

impl<'a> Work<'a> {
    fn new(sealed: &'a Sealed, blocks: &'a ColdBlocks, groups: Vec<Group<'a>>) -> Self {
        let (groups_total, groups) = (groups.len(), Mutex::new(groups.into_iter()));
        Self { sealed, blocks, groups_total, groups, failed: AtomicBool::new(false) }
    }

    fn run(&self) {
        let mut buffer = Vec::new();
        // Ends with the groups.
        while self.is_done() {
            let group = self.groups.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((group, out)) = group else { break };
            if unpack_group(self.sealed, self.blocks, &group, &mut buffer, out).is_none() {
                self.give_up();
            }
        }
    }

    fn give_up(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Whether nothing has failed; once all have run, whether everything is there.
    fn is_done(&self) -> bool {
        !self.failed.load(Ordering::Relaxed)
    }
}

/// The blocks in groups that are read at once, each with its piece of `out`, which they fill exactly.
fn groups<'a>(blocks: &ColdBlocks, mut out: &'a mut [u8]) -> Option<Vec<Group<'a>>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut group: Vec<ColdBlock> = Vec::new();
    let mut bytes = 0_usize;
    for number in 0..blocks.count() {
        let block = blocks.get(number)?;
        let start = group.first().map_or(block.offset, |first| first.offset);
        let end = block.offset.saturating_add(u64::from(block.stored));
        if end.saturating_sub(start) > READ_BYTES && !group.is_empty() {
            let (own, rest) = out.split_at_mut_checked(bytes)?;
            groups.push((std::mem::take(&mut group), own));
            (out, bytes) = (rest, 0);
        }
        bytes = bytes.saturating_add(usize::try_from(block.raw).ok()?);
        group.push(block);
    }
    groups.push((group, out.split_at_mut_checked(bytes).filter(|parts| parts.1.is_empty())?.0));
    Some(groups)
}

/// Decompresses blocks next to each other.
fn unpack_group(
    sealed: &Sealed,
    blocks: &ColdBlocks,
    group: &[ColdBlock],
    buffer: &mut Vec<u8>,
    mut out: &mut [u8],
) -> Option<()> {
    let (first, last) = group.first().zip(group.last())?;
    let end = last.offset.saturating_add(u64::from(last.stored));
    buffer.resize(usize::try_from(end.checked_sub(first.offset)?).ok()?, 0);
    sealed.file.pread_exact(buffer, first.offset).ok()?;
    let mut stored = buffer.as_slice();
    for block in group {
        let (own, after) = stored.split_at_checked(usize::try_from(block.stored).ok()?)?;
        stored = after;
        let (raw, rest) = out.split_at_mut_checked(usize::try_from(block.raw).ok()?)?;
        blocks.decode_into(block, own, raw).ok()?;
        out = rest;
    }
    out.is_empty().then_some(())
}
