//! A whole sealed segment in memory, for whoever reads most of it in the order of positions.
//!
//! Payloads lie by actor in the file and by position in the log: each block would be needed all the time.

use std::ops::Range;

use bytes::Bytes;

use super::sealed::Sealed;
use crate::event::{ActorName, Event, EventKind, Payload, Seq, TypeName};
use crate::format::FormatError;
use crate::format::cold::{ActorRun, BlockDecoder, ColdBlock};
use crate::format::frame::{EventRef, KindRef, Names};
use crate::read::ReadError;

/// A segment with more payload than this is read block by block.
const UNPACKED_BYTES_MAX: usize = 256 << 20;

/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;

/// The payloads of a sealed segment, and whose they are.
#[derive(Debug)]
pub(super) struct Unpacked {
    payloads: Bytes,
    /// Where the payload of each row begins, and where the last one ends.
    starts: Vec<usize>,
    actors: Vec<Actor>,
    /// The place of each row's actor in `actors`.
    actor_of: Vec<u32>,
    /// What was met of each shape before.
    shapes: Vec<Option<(EventKind, TypeName)>>,
}

#[derive(Debug)]
struct Actor {
    name: ActorName,
    rows: Range<u32>,
    first: Seq,
}

impl Unpacked {
    /// All of a segment; `None` if it is too large or any of it is damaged.
    pub(super) fn of(sealed: &Sealed) -> Option<Self> {
        let view = &sealed.view;
        let starts = view.payload_starts();
        let raw = *starts.last()?;
        if raw > UNPACKED_BYTES_MAX {
            return None;
        }
        let (mut actors, mut actor_of) = (Vec::new(), Vec::new());
        for (run, number) in view.actors().zip(0_u32..) {
            let ActorRun { actor, rows, first } = run;
            actor_of.extend(rows.clone().map(|_row| number));
            actors.push(Actor { name: ActorName::from(actor), rows, first });
        }
        let payloads = unpack(sealed, raw)?.into();
        let whole = actor_of.len().checked_add(1) == Some(starts.len());
        whole.then_some(Self { payloads, starts, actors, actor_of, shapes: Vec::new() })
    }

    /// The event of a row where it lies.
    pub(super) fn view<'a>(
        &'a self,
        sealed: &'a Sealed,
        row: u32,
    ) -> Result<EventRef<'a>, ReadError> {
        let (_, event) = self.find(sealed, row)?;
        Ok(event)
    }

    /// The event of a row if it is wanted.
    pub(super) fn event(
        &mut self,
        sealed: &Sealed,
        row: u32,
        names: &mut Names,
        is_wanted: impl FnOnce(&EventRef<'_>) -> bool,
    ) -> Result<Option<Event>, ReadError> {
        let (actor, event) = self.find(sealed, row)?;
        if !is_wanted(&event) {
            return Ok(None);
        }
        let shape = sealed.view.shape_of(row).and_then(|shape| usize::try_from(shape).ok());
        let known = shape.and_then(|shape| self.shapes.get(shape)?.clone());
        let (kind, type_name) = known.unwrap_or_else(|| own_names(&event, names));
        let range = self.range(row).unwrap_or(0..0);
        let payload = self.payloads.slice(range);
        let owned = Event {
            id: event.id,
            kind: kind.clone(),
            actor: actor.name.clone(),
            seq: event.seq,
            position: event.position,
            at: event.at,
            correlation: event.correlation,
            causation: event.causation,
            turn: event.turn,
            payload: Payload::new(event.codec, type_name.clone(), event.version, payload),
        };
        self.remember(shape, kind, type_name);
        Ok(Some(owned))
    }

    fn remember(&mut self, shape: Option<usize>, kind: EventKind, type_name: TypeName) {
        let Some(shape) = shape else { return };
        if self.shapes.len() <= shape {
            self.shapes.resize(shape.saturating_add(1), None);
        }
        if let Some(slot) = self.shapes.get_mut(shape).filter(|slot| slot.is_none()) {
            *slot = Some((kind, type_name));
        }
    }

    fn find<'a>(
        &'a self,
        sealed: &'a Sealed,
        row: u32,
    ) -> Result<(&'a Actor, EventRef<'a>), ReadError> {
        let missing = || sealed.damaged(row, None, FormatError::content("sealed segment"));
        let index = usize::try_from(row).ok();
        let number = index.and_then(|index| self.actor_of.get(index)).ok_or_else(missing)?;
        let actor = usize::try_from(*number).ok().and_then(|number| self.actors.get(number));
        let actor = actor.ok_or_else(missing)?;
        let payload = self.range(row).and_then(|range| self.payloads.get(range));
        let run =
            ActorRun { actor: actor.name.as_str(), rows: actor.rows.clone(), first: actor.first };
        let event = sealed.view.event_in(&run, row, payload.ok_or_else(missing)?);
        Ok((actor, event.map_err(|error| sealed.damaged(row, None, error))?))
    }

    fn range(&self, row: u32) -> Option<Range<usize>> {
        let row = usize::try_from(row).ok()?;
        Some(*self.starts.get(row)?..*self.starts.get(row.checked_add(1)?)?)
    }
}

fn own_names(event: &EventRef<'_>, names: &mut Names) -> (EventKind, TypeName) {
    let kind = match event.kind {
        KindRef::BuiltIn(kind) => kind.clone(),
        KindRef::Application(name) => EventKind::application(names.get(name)),
    };
    (kind, names.get(event.type_name).into())
}

/// All payload blocks back to back: `raw` bytes.
fn unpack(sealed: &Sealed, raw: usize) -> Option<Vec<u8>> {
    let mut decoder = sealed.view.decoder().ok()?;
    let mut out = vec![0; raw];
    let (mut rest, mut buffer) = (out.as_mut_slice(), Vec::new());
    let mut group: Vec<ColdBlock> = Vec::new();
    for number in 0..sealed.view.blocks() {
        let block = sealed.view.block(number)?;
        let start = group.first().map_or(block.offset, |first| first.offset);
        if block.offset.saturating_add(u64::from(block.stored)).saturating_sub(start) > READ_BYTES {
            rest = unpack_group(sealed, &group, &mut decoder, &mut buffer, rest)?;
            group.clear();
        }
        group.push(block);
    }
    rest = unpack_group(sealed, &group, &mut decoder, &mut buffer, rest)?;
    rest.is_empty().then_some(out)
}

/// Decompresses blocks next to each other to the front of `out`, and gives back what is left of it.
fn unpack_group<'a>(
    sealed: &Sealed,
    group: &[ColdBlock],
    decoder: &mut BlockDecoder<'_>,
    buffer: &mut Vec<u8>,
    mut out: &'a mut [u8],
) -> Option<&'a mut [u8]> {
    let Some((first, last)) = group.first().zip(group.last()) else { return Some(out) };
    let end = last.offset.saturating_add(u64::from(last.stored));
    buffer.resize(usize::try_from(end.checked_sub(first.offset)?).ok()?, 0);
    sealed.file.pread_exact(buffer, first.offset).ok()?;
    let mut stored = buffer.as_slice();
    for block in group {
        let (own, after) = stored.split_at_checked(usize::try_from(block.stored).ok()?)?;
        stored = after;
        let (raw, rest) = out.split_at_mut_checked(usize::try_from(block.raw).ok()?)?;
        decoder.decode_into(block, own, raw).ok()?;
        out = rest;
    }
    Some(out)
}
