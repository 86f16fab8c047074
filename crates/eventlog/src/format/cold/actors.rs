//! The actors of a sealed segment, sorted by name, and the rows of each.

use std::ops::Range;

use bytes::Bytes;

use super::Column;
use super::head::{Sections, WRONG};
use crate::event::Seq;
use crate::format::FormatError;

/// The unbroken run of one actor's events in a sealed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRun<'a> {
    /// The actor.
    pub actor: &'a str,
    /// The rows of its events.
    pub rows: Range<u32>,
    /// The number of the first of them.
    pub first: Seq,
}

/// The part that says which actors there are.
#[derive(Debug)]
pub(super) struct Actors {
    count: u32,
    names: Bytes,
    ends: Column,
    rows: Column,
    seqs: Column,
}

impl Actors {
    pub(super) fn take(mut sections: Sections, count: u32) -> Result<Self, FormatError> {
        let names = sections.bytes()?;
        let (ends, rows, seqs) = (sections.numbers()?, sections.numbers()?, sections.numbers()?);
        let fits = ends.len() > 0
            && ends.len() == rows.len()
            && ends.len() == seqs.len()
            && str::from_utf8(&names).is_ok();
        if fits { Ok(Self { count, names, ends, rows, seqs }) } else { Err(WRONG) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ActorRun<'_>> {
        let mut start = 0_usize;
        let names = self.ends.iter().map(move |end| {
            let range = start..usize::try_from(end).unwrap_or(usize::MAX);
            start = range.end;
            self.names.get(range).and_then(|name| str::from_utf8(name).ok())
        });
        let ends = self.rows.iter().skip(1).chain([u64::from(self.count)]);
        let rows = self.rows.iter().zip(ends).zip(self.seqs.iter());
        names
            .zip(rows)
            .filter_map(|(actor, ((start, end), first))| self.run_of(actor?, start, end, first))
    }

    pub(super) fn find(&self, actor: &str) -> Option<ActorRun<'_>> {
        let (mut low, mut high) = (0, self.ends.len());
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle)? < actor.as_bytes() {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        self.run(low).filter(|run| run.actor == actor)
    }

    /// The run that a row belongs to.
    pub(super) fn with(&self, row: u32) -> Option<ActorRun<'_>> {
        self.run(self.rows.count_up_to(u64::from(row)).checked_sub(1)?)
    }

    fn run(&self, number: usize) -> Option<ActorRun<'_>> {
        let start = self.rows.get(number)?;
        let end = self.rows.get(number.checked_add(1)?).unwrap_or(u64::from(self.count));
        let actor = str::from_utf8(self.name(number)?).ok()?;
        self.run_of(actor, start, end, self.seqs.get(number)?)
    }

    fn run_of<'a>(&self, actor: &'a str, start: u64, end: u64, first: u64) -> Option<ActorRun<'a>> {
        let rows = u32::try_from(start).ok()?..u32::try_from(end).ok()?;
        let first = Seq::new(first);
        let fits = rows.start < rows.end && rows.end <= self.count;
        fits.then_some(ActorRun { actor, rows, first })
    }

    fn name(&self, number: usize) -> Option<&[u8]> {
        let end = self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => self.ends.get(before)?,
            None => 0,
        };
        self.names.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}
