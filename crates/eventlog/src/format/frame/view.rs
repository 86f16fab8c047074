//! Reading a frame: borrowed for scans, owned for readers.

use std::sync::Arc;

use bytes::Bytes;

use super::columns::{Columns, Essentials, KIND_IS_NAME};
use super::event_ref::{EventRef, KindRef, Names};
use super::header::{FRAME_HEADER_BYTES, FrameHeader, FrameRole};
use crate::event::{Event, EventKind, Payload};
use crate::format::bytes::{is_zero, widen};
use crate::format::compress::Scratch;
use crate::format::{FormatError, checksum};
use crate::read::Query;

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
        let Some(header) = FrameHeader::decode(bytes)? else { return Ok(None) };
        let (meta, payloads) = blocks(bytes, &header)?;
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
/// Payloads share the frame's bytes; where they are compressed, one decompressed copy.
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
    let Some(header) = FrameHeader::decode(frame)? else { return Ok(Vec::new()) };
    let (meta, stored) = blocks(frame, &header)?;
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
    let Some(columns) = columns(meta, &header)? else { return Ok(Vec::new()) };
    let mut known: Vec<Option<Arc<str>>> = vec![None; columns.names_len()];
    let mut own = |name: u32, text: &str| match known.get_mut(widen(name)) {
        Some(Some(name)) => Arc::clone(name),
        Some(slot) => Arc::clone(slot.insert(names.get(text))),
        None => names.get(text),
    };
    let events = (0..widen(header.count)).filter_map(|index| {
        let event = columns.event(index, header.first, &payloads)?;
        if !event.matches(query) {
            return None;
        }
        let (actor, shape) = columns.refs(index)?;
        let (start, end) = columns.payload(index)?;
        let kind = match event.kind {
            KindRef::BuiltIn(kind) => kind.clone(),
            KindRef::Application(name) => {
                EventKind::application(own(shape.kind & !KIND_IS_NAME, name))
            }
        };
        let type_name = own(shape.type_name, event.type_name);
        Some(Event {
            id: event.id,
            kind,
            actor: own(actor, event.actor).into(),
            seq: event.seq,
            position: event.position,
            at: event.at,
            correlation: event.correlation,
            causation: event.causation,
            turn: event.turn,
            payload: Payload::new(
                event.codec,
                type_name,
                event.version,
                payloads.slice(start..end),
            ),
        })
    });
    Ok(events.collect())
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
