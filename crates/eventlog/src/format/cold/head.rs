//! Where each part of the envelopes lies, and what its checksum is.

use bytes::Bytes;

use super::ColdTrailer;
use super::envelopes::{ColdPart, HEAD_BYTES, ORDER_1, PARTS, SECTIONS};
use super::trailer::ColdLayout;
use crate::format::bytes::{Reader, narrow, widen};
use crate::format::{FormatError, checksum};

pub(super) const WHAT: &str = "sealed segment";
pub(super) const WRONG: FormatError = FormatError::content(WHAT);

/// The beginning of the envelopes: what says where everything else is.
#[derive(Clone, Debug)]
pub struct ColdHead {
    trailer: ColdTrailer,
    lengths: [u32; SECTIONS],
    crcs: [u32; PARTS],
    /// The sections themselves, of a file whose envelopes have one checksum for all.
    whole: Option<[Bytes; SECTIONS]>,
}

impl ColdHead {
    /// How many bytes of the envelopes [`parse`](Self::parse) takes.
    pub fn bytes(trailer: &ColdTrailer) -> u32 {
        match trailer.layout {
            ColdLayout::Whole => trailer.envelopes_len,
            ColdLayout::Parts => narrow(HEAD_BYTES).min(trailer.envelopes_len),
        }
    }

    /// Reads the beginning of the envelopes: as many bytes as [`bytes`](Self::bytes) says.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged, or make no sense.
    pub fn parse(trailer: ColdTrailer, bytes: &Bytes) -> Result<Self, FormatError> {
        if bytes.len() != widen(Self::bytes(&trailer)) {
            return Err(FormatError::truncated(WHAT));
        }
        if checksum(bytes) != trailer.envelopes_crc {
            return Err(FormatError::checksum(WHAT));
        }
        let mut reader = Reader::new(bytes, WHAT);
        let stored = reader.column::<4>(SECTIONS)?;
        let mut head = Self { trailer, lengths: [0; SECTIONS], crcs: [0; PARTS], whole: None };
        match trailer.layout {
            ColdLayout::Whole => {
                let mut sections = [const { Bytes::new() }; SECTIONS];
                for (section, length) in ORDER_1.into_iter().zip(stored) {
                    let length = u32::from_le_bytes(*length);
                    let part = bytes.slice_ref(reader.take(widen(length))?);
                    if let Some((known, slot)) =
                        head.lengths.get_mut(section).zip(sections.get_mut(section))
                    {
                        (*known, *slot) = (length, part);
                    }
                }
                head.whole = Some(sections);
            }
            ColdLayout::Parts => {
                for (slot, length) in head.lengths.iter_mut().zip(stored) {
                    *slot = u32::from_le_bytes(*length);
                }
                for (slot, crc) in head.crcs.iter_mut().zip(reader.column::<4>(PARTS)?) {
                    *slot = u32::from_le_bytes(*crc);
                }
                let sections: u64 = head.lengths.iter().map(|length| u64::from(*length)).sum();
                if sections.checked_add(HEAD_BYTES as u64) != Some(trailer.envelopes_len.into()) {
                    return Err(WRONG);
                }
            }
        }
        if reader.rest().is_empty() { Ok(head) } else { Err(WRONG) }
    }

    /// What the segment says at its end.
    pub fn trailer(&self) -> &ColdTrailer {
        &self.trailer
    }

    /// Where a part lies in the file, and how many bytes it has.
    ///
    /// Of a file whose envelopes have one checksum for all that is nowhere: the part is here already.
    pub fn place(&self, part: ColdPart) -> (u64, u32) {
        let start = self.trailer.envelopes_offset;
        if self.whole.is_some() {
            return (start, 0);
        }
        let sum = |lengths: Option<&[u32]>| -> u64 {
            lengths.unwrap_or_default().iter().map(|length| u64::from(*length)).sum()
        };
        let sections = part.sections();
        let before = sum(self.lengths.get(..sections.start)).saturating_add(HEAD_BYTES as u64);
        // All sections together are as many bytes as a u32 holds.
        let length = u32::try_from(sum(self.lengths.get(sections))).unwrap_or(u32::MAX);
        (start.saturating_add(before), length)
    }

    /// The sections of a part, from the bytes at its [`place`](Self::place).
    pub(super) fn sections(&self, part: ColdPart, bytes: &Bytes) -> Result<Sections, FormatError> {
        let numbers = part.sections();
        if let Some(whole) = &self.whole {
            let sections = whole.get(numbers).unwrap_or_default();
            return Ok(Sections(Vec::from(sections).into_iter()));
        }
        if bytes.len() != widen(self.place(part).1) {
            return Err(FormatError::truncated(WHAT));
        }
        if Some(&checksum(bytes)) != self.crcs.get(part.number()) {
            return Err(FormatError::checksum(WHAT));
        }
        let mut reader = Reader::new(bytes, WHAT);
        let mut sections = Vec::with_capacity(numbers.len());
        for length in self.lengths.get(numbers).unwrap_or_default() {
            sections.push(bytes.slice_ref(reader.take(widen(*length))?));
        }
        Ok(Sections(sections.into_iter()))
    }
}

/// The sections of a part that are left.
#[derive(Debug)]
pub(super) struct Sections(std::vec::IntoIter<Bytes>);

impl Sections {
    pub(super) fn bytes(&mut self) -> Result<Bytes, FormatError> {
        self.0.next().ok_or(WRONG)
    }

    pub(super) fn numbers(&mut self) -> Result<super::Column, FormatError> {
        let bytes = self.bytes()?;
        super::Column::parse(&bytes, WHAT, |part| bytes.slice_ref(part))
    }
}
