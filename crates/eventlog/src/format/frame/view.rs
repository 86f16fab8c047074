//! Reading a frame: borrowed for scans, owned for readers.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;

use super::columns::{Columns, Essentials, KIND_IS_NAME, built_in};
use super::event_ref::{EventRef, Names};
use super::header::{FRAME_HEADER_BYTES, FrameHeader, FrameRole};
use crate::event::{CodecId, Event, EventKind, Payload, Position, TypeName};
use crate::format::bytes::{is_zero, widen};
use crate::format::compress::Scratch;
use crate::format::{FormatError, checksum};
use crate::read::{Direction, Query};

const WHAT: &str = "frame";

/// A whole, unchanged frame, its events lying where they were read or decompressed.
#[derive(Clone, Copy, Debug)]
pub struct FrameView<'a> {
    header: FrameHeader,
    columns: Option<Columns<'a>>,
    payloads: &'a [u8],
}

impl<'a> FrameView<'a> {
    /// Reads the frame at the beginning of `bytes`; `Ok(None)` for space that was never written.
    ///
    /// What follows the frame is not looked at. The caller compares log id and generation.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if it is not whole and unchanged, padding included, or makes no sense.
    pub fn open(bytes: &'a [u8], scratch: &'a mut Scratch) -> Result<Option<Self>, FormatError> {
        Self::open_checked(bytes, scratch, false)
    }

    /// The same, of a frame whose checksum may have been found to match before.
    pub(crate) fn open_checked(
        bytes: &'a [u8],
        scratch: &'a mut Scratch,
        is_checked: bool,
    ) -> Result<Option<Self>, FormatError> {
        let Some(header) = FrameHeader::decode(bytes)? else { return Ok(None) };
        let (meta, payloads) =
            if is_checked { parts(bytes, &header)? } else { blocks(bytes, &header)? };
        if header.meta_compressed {
            scratch.decompress_meta(meta, widen(header.meta_raw), WHAT)?;
        }
        if header.payload_compressed {
            scratch.decompress_payload(payloads, widen(header.payload_raw), WHAT)?;
        }
        let scratch: &'a Scratch = scratch;
        let meta = if header.meta_compressed { scratch.meta.as_slice() } else { meta };
        let payloads =
            if header.payload_compressed { scratch.payload.as_slice() } else { payloads };
        let columns = columns(meta, &header)?;
        Ok(Some(Self { header, columns, payloads }))
    }

    /// What the frame says of itself.
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// One event, by its place in the frame.
    pub fn event(&self, index: usize) -> Option<EventRef<'a>> {
        self.columns.as_ref()?.event(index, self.header.first, self.payloads)
    }

    /// The events, in the order of their positions.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = EventRef<'a>> + use<'a> {
        let view = *self;
        (0..widen(self.header.count)).filter_map(move |index| view.event(index))
    }

    /// How many names its events use.
    pub(crate) fn names(&self) -> usize {
        self.columns.as_ref().map_or(0, Columns::names_len)
    }

    /// One of them.
    pub(crate) fn name(&self, name: u32) -> Option<&'a str> {
        self.columns.as_ref()?.name(name)
    }

    /// What an index needs of an event.
    pub(crate) fn essentials(&self, index: usize) -> Option<Essentials> {
        self.columns.as_ref()?.essentials(index)
    }

    /// The earliest and latest time of its events, in microseconds since 1970; `None` for a mark.
    pub fn time_micros(&self) -> Option<(i64, i64)> {
        self.columns.as_ref().map(|columns| (columns.earliest, columns.latest))
    }
}

/// The events of a frame that meet the conditions of a query, in the order of their positions.
///
/// Payloads share the frame's bytes, or one decompressed copy; where not all events are wanted, each has
/// its own.
///
/// # Errors
///
/// [`FormatError`] as for [`FrameView::open`].
pub fn decode_events(
    frame: &Bytes,
    query: &Query,
    names: &mut Names,
    scratch: &mut Scratch,
) -> Result<Vec<Event>, FormatError> {
    let mut found = Vec::new();
    let part = FramePart { query, direction: Direction::Forward, is_checked: false };
    take_events(frame, &part, names, scratch, |event| {
        found.push(event);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// What is wanted of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FramePart<'a> {
    /// The conditions; its direction plays no part.
    pub(crate) query: &'a Query,
    pub(crate) direction: Direction,
    /// Whether the checksum of the body was found to match before.
    pub(crate) is_checked: bool,
}

/// Hands over the events of a frame that meet the conditions of a query, until `take` has enough.
pub(crate) fn take_events(
    frame: &Bytes,
    part: &FramePart<'_>,
    names: &mut Names,
    scratch: &mut Scratch,
    mut take: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<(), FormatError> {
    let Some(header) = FrameHeader::decode(frame)? else { return Ok(()) };
    let (meta, stored) =
        if part.is_checked { parts(frame, &header)? } else { blocks(frame, &header)? };
    if header.meta_compressed {
        scratch.decompress_meta(meta, widen(header.meta_raw), WHAT)?;
    }
    let payloads = if header.payload_compressed {
        scratch.decompress_payload(stored, widen(header.payload_raw), WHAT)?;
        Bytes::copy_from_slice(&scratch.payload)
    } else {
        frame.slice_ref(stored)
    };
    let meta = if header.meta_compressed { scratch.meta.as_slice() } else { meta };
    let Some(columns) = columns(meta, &header)? else { return Ok(()) };
    let is_filtered = part.query.is_filtered();
    let (known, shapes) = (vec![None; columns.names_len()], vec![None; columns.shapes_len()]);
    let mut own = OwnNames { known, shapes, names, copies: is_filtered };
    let mut wanted = wanted(&header, part.query);
    // Ends with the events of the frame.
    while let Some(index) = match part.direction {
        Direction::Forward => wanted.next(),
        Direction::Backward => wanted.next_back(),
    } {
        if is_filtered {
            let event = columns.event(index, header.first, &payloads);
            if event.is_none_or(|event| !event.matches(part.query)) {
                continue;
            }
        }
        let Some(event) = own.event(&columns, index, header.first, &payloads) else { continue };
        if take(event).is_break() {
            break;
        }
    }
    Ok(())
}

/// The events of a frame at the positions of a query, by their places.
fn wanted(header: &FrameHeader, query: &Query) -> Range<usize> {
    let place = |position: Position| {
        let place = position.get().saturating_sub(header.first.get());
        usize::try_from(place).unwrap_or(usize::MAX)
    };
    let end = if query.to < header.first { 0 } else { place(query.to).saturating_add(1) };
    place(query.from)..end.min(widen(header.count))
}

/// The names of a frame as owned ones, each looked up once.
struct OwnNames<'a> {
    known: Vec<Option<Arc<str>>>,
    shapes: Vec<Option<OwnShape>>,
    names: &'a mut Names,
    /// Whether payloads get memory of their own: few of many would keep all of them.
    copies: bool,
}

/// What events of one sort have in common, with names of their own.
#[derive(Clone)]
struct OwnShape {
    kind: EventKind,
    type_name: TypeName,
    version: u16,
    codec: CodecId,
}

impl OwnNames<'_> {
    #[inline]
    fn get(&mut self, columns: &Columns<'_>, name: u32) -> Option<Arc<str>> {
        if let Some(Some(known)) = self.known.get(widen(name)) {
            return Some(Arc::clone(known));
        }
        self.look_up(columns, name)
    }

    #[cold]
    fn look_up(&mut self, columns: &Columns<'_>, name: u32) -> Option<Arc<str>> {
        let found = self.names.get(columns.name(name)?);
        *self.known.get_mut(widen(name))? = Some(Arc::clone(&found));
        Some(found)
    }

    #[inline]
    fn shape(&mut self, columns: &Columns<'_>, shape: u32) -> Option<OwnShape> {
        if let Some(Some(known)) = self.shapes.get(widen(shape)) {
            return Some(known.clone());
        }
        self.look_up_shape(columns, shape)
    }

    #[cold]
    fn look_up_shape(&mut self, columns: &Columns<'_>, number: u32) -> Option<OwnShape> {
        let shape = columns.shape(number)?;
        let kind = match built_in(shape.kind) {
            Some(kind) => kind.clone(),
            None => EventKind::application(self.get(columns, shape.kind & !KIND_IS_NAME)?),
        };
        let type_name = self.get(columns, shape.type_name)?.into();
        let own = OwnShape { kind, type_name, version: shape.version, codec: shape.codec };
        *self.shapes.get_mut(widen(number))? = Some(own.clone());
        Some(own)
    }

    /// The event at a place of the frame, whose first event has this position.
    #[inline]
    fn event(
        &mut self,
        columns: &Columns<'_>,
        index: usize,
        first: Position,
        payloads: &Bytes,
    ) -> Option<Event> {
        let (actor, shape) = columns.refs(index)?;
        let plain = columns.plain(index)?;
        let (start, end) = columns.payload(index)?;
        let OwnShape { kind, type_name, version, codec } = self.shape(columns, shape)?;
        let payload = if self.copies {
            Bytes::copy_from_slice(payloads.get(start..end)?)
        } else {
            payloads.slice(start..end)
        };
        Some(Event {
            id: plain.id,
            kind,
            actor: self.get(columns, actor)?.into(),
            seq: plain.seq,
            position: first.plus(u64::try_from(index).ok()?),
            at: plain.at,
            correlation: plain.correlation,
            causation: plain.causation,
            turn: plain.turn,
            payload: Payload::new(codec, type_name, version, payload),
        })
    }
}

/// Whether the frame at the beginning of `bytes` is whole and unchanged, padding included.
///
/// What stands in its columns is not looked at.
pub(crate) fn check_frame(bytes: &[u8], header: &FrameHeader) -> Result<(), FormatError> {
    blocks(bytes, header).map(|_blocks| ())
}

/// The stored blocks of a frame, checked against their checksum; the padding must be zero.
fn blocks<'a>(bytes: &'a [u8], header: &FrameHeader) -> Result<(&'a [u8], &'a [u8]), FormatError> {
    let frame = bytes.get(..header.frame_bytes()).ok_or(FormatError::truncated(WHAT))?;
    let (_, rest) = frame.split_at_checked(FRAME_HEADER_BYTES).unwrap_or_default();
    let (body, padding) = rest.split_at_checked(header.body_bytes()).unwrap_or_default();
    if checksum(body) != header.body_crc || !is_zero(padding) {
        return Err(FormatError::checksum(WHAT));
    }
    body.split_at_checked(widen(header.meta_len)).ok_or(FormatError::content(WHAT))
}

/// The stored blocks of a frame that was checked before.
fn parts<'a>(bytes: &'a [u8], header: &FrameHeader) -> Result<(&'a [u8], &'a [u8]), FormatError> {
    let rest = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
    let body = rest.get(..header.body_bytes()).ok_or(FormatError::truncated(WHAT))?;
    body.split_at_checked(widen(header.meta_len)).ok_or(FormatError::content(WHAT))
}

/// The columns of a frame, which must agree with its header; none for a mark.
fn columns<'a>(meta: &'a [u8], header: &FrameHeader) -> Result<Option<Columns<'a>>, FormatError> {
    if header.role != FrameRole::Events {
        return Ok(None);
    }
    let columns = Columns::parse(meta, header.count, header.payload_raw)?;
    let span = columns.latest.saturating_sub(columns.earliest);
    if u32::try_from(span).unwrap_or(u32::MAX) != header.time_span {
        return Err(FormatError::content(WHAT));
    }
    Ok(Some(columns))
}
