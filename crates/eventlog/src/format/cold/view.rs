//! A sealed segment of which the parts that were needed so far are in memory.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use steadfast_base::{CorrelationId, EventId};

use super::actors::{ActorRun, Actors};
use super::blocks::ColdBlocks;
use super::envelopes::ColdPart;
use super::head::{ColdHead, Sections, WHAT, WRONG};
use super::rows::{ColdRows, Columns};
use super::{ColdTrailer, Column};
use crate::format::FormatError;
use crate::format::bloom::{Bloom, hash_id};
use crate::format::bytes::Reader;

/// The envelopes of a sealed segment: everything that finds an event in it.
///
/// It begins with the actors. What asks for another part gives `None` until that part was handed to
/// [`load`](Self::load): so a log with many segments is opened without reading all of them.
pub struct ColdView {
    head: ColdHead,
    actors: Arc<Actors>,
    bloom: OnceLock<Arc<Bloom>>,
    correlation_ids: OnceLock<Bytes>,
    correlations: OnceLock<Correlations>,
    blocks: OnceLock<ColdBlocks>,
    columns: OnceLock<Columns>,
}

/// The part that finds a piece of work.
#[derive(Debug)]
struct Correlations {
    order: Column,
    starts: Column,
    rows: Column,
}

impl ColdView {
    /// Begins with the bytes of [`ColdPart::Actors`].
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged, or make no sense.
    pub fn open(head: ColdHead, actors: &Bytes) -> Result<Self, FormatError> {
        let sections = head.sections(ColdPart::Actors, actors)?;
        let actors = Arc::new(Actors::take(sections, head.trailer().count)?);
        Ok(Self {
            head,
            actors,
            bloom: OnceLock::new(),
            correlation_ids: OnceLock::new(),
            correlations: OnceLock::new(),
            blocks: OnceLock::new(),
            columns: OnceLock::new(),
        })
    }

    /// The same without what was loaded, but for the actors and the filter of ids.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            head: self.head.clone(),
            actors: Arc::clone(&self.actors),
            bloom: self.bloom.clone(),
            correlation_ids: OnceLock::new(),
            correlations: OnceLock::new(),
            blocks: OnceLock::new(),
            columns: OnceLock::new(),
        }
    }

    /// What the segment says at its end.
    pub fn trailer(&self) -> &ColdTrailer {
        self.head.trailer()
    }

    /// Where a part lies in the file, and how many bytes it has; see [`ColdHead::place`].
    pub fn place(&self, part: ColdPart) -> (u64, u32) {
        self.head.place(part)
    }

    /// Whether a part is in memory.
    pub fn has(&self, part: ColdPart) -> bool {
        match part {
            ColdPart::Actors => true,
            ColdPart::Bloom => self.bloom.get().is_some(),
            ColdPart::CorrelationIds => self.correlation_ids.get().is_some(),
            ColdPart::Correlations => self.correlations.get().is_some(),
            ColdPart::Blocks => self.blocks.get().is_some(),
            ColdPart::Rows => self.columns.get().is_some(),
        }
    }

    /// Takes the bytes of a part; one that is here already stays.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged, or make no sense.
    pub fn load(&self, part: ColdPart, bytes: &Bytes) -> Result<(), FormatError> {
        let sections = self.head.sections(part, bytes)?;
        // What another thread has loaded meanwhile is the same.
        match part {
            ColdPart::Actors => {
                Actors::take(sections, self.trailer().count)?;
            }
            ColdPart::Bloom => keep(&self.bloom, Arc::new(take_bloom(sections)?)),
            ColdPart::CorrelationIds => keep(&self.correlation_ids, take_ids(sections)?),
            ColdPart::Correlations => keep(&self.correlations, Correlations::take(sections)?),
            ColdPart::Blocks => keep(&self.blocks, ColdBlocks::take(sections, self.trailer())?),
            ColdPart::Rows => keep(&self.columns, Columns::take(sections, self.trailer().count)?),
        }
        Ok(())
    }

    /// Checks the bytes of a part as [`load`](Self::load) does, and keeps nothing.
    ///
    /// # Errors
    ///
    /// [`FormatError`] if they are not whole and unchanged, or make no sense.
    pub fn check(&self, part: ColdPart, bytes: &Bytes) -> Result<(), FormatError> {
        let sections = self.head.sections(part, bytes)?;
        let trailer = self.trailer();
        match part {
            ColdPart::Actors => Actors::take(sections, trailer.count).map(drop),
            ColdPart::Bloom => take_bloom(sections).map(drop),
            ColdPart::CorrelationIds => take_ids(sections).map(drop),
            ColdPart::Correlations => Correlations::take(sections).map(drop),
            ColdPart::Blocks => ColdBlocks::take(sections, trailer).map(drop),
            ColdPart::Rows => Columns::take(sections, trailer.count).map(drop),
        }
    }

    /// The actors with events here, sorted by name.
    pub fn actors(&self) -> impl Iterator<Item = ActorRun<'_>> {
        self.actors.iter()
    }

    /// The events of an actor, if it has any here.
    pub fn actor(&self, actor: &str) -> Option<ActorRun<'_>> {
        self.actors.find(actor)
    }

    /// Whether an event with this id may be here; false is certain. Needs [`ColdPart::Bloom`].
    pub fn may_contain(&self, id: EventId) -> Option<bool> {
        Some(self.bloom.get()?.may_contain(hash_id(id)))
    }

    /// The events without their payloads. Needs [`ColdPart::Rows`] and [`ColdPart::CorrelationIds`].
    pub fn rows(&self) -> Option<ColdRows<'_>> {
        Some(ColdRows {
            trailer: self.trailer(),
            actors: &self.actors,
            columns: self.columns.get()?,
            correlation_ids: self.correlation_ids.get()?.as_chunks().0,
        })
    }

    /// Where the payloads are. Needs [`ColdPart::Blocks`].
    pub fn blocks(&self) -> Option<&ColdBlocks> {
        self.blocks.get()
    }

    /// The rows of a piece of work, in the order of positions; none if it is not here.
    ///
    /// Needs [`ColdPart::CorrelationIds`] and [`ColdPart::Correlations`].
    pub fn rows_of_correlation(&self, id: CorrelationId) -> Option<Vec<u32>> {
        let ids = self.correlation_ids.get()?.as_chunks::<16>().0;
        let count = self.trailer().count;
        Some(self.correlations.get()?.rows_of(ids, id, count).unwrap_or_default())
    }
}

fn keep<T>(slot: &OnceLock<T>, value: T) {
    slot.set(value).ok();
}

fn take_bloom(mut sections: Sections) -> Result<Bloom, FormatError> {
    let bytes = sections.bytes()?;
    let mut reader = Reader::new(&bytes, WHAT);
    let bloom = Bloom::decode(&mut reader)?;
    if reader.rest().is_empty() { Ok(bloom) } else { Err(WRONG) }
}

fn take_ids(mut sections: Sections) -> Result<Bytes, FormatError> {
    let bytes = sections.bytes()?;
    if bytes.len().is_multiple_of(16) { Ok(bytes) } else { Err(WRONG) }
}

impl Correlations {
    fn take(mut sections: Sections) -> Result<Self, FormatError> {
        let (order, starts, rows) = (sections.numbers()?, sections.numbers()?, sections.numbers()?);
        let fits = starts.len() == order.len().saturating_add(1);
        if fits { Ok(Self { order, starts, rows }) } else { Err(WRONG) }
    }

    fn rows_of(&self, ids: &[[u8; 16]], id: CorrelationId, count: u32) -> Option<Vec<u32>> {
        let wanted = id.as_u128().to_be_bytes();
        let numbered = |place: usize| {
            let number = usize::try_from(self.order.get(place)?).ok()?;
            Some((number, ids.get(number)?))
        };
        let (mut low, mut high) = (0, self.order.len());
        // Halves the distance in each round.
        while low < high {
            let middle = low.midpoint(high);
            if numbered(middle).is_some_and(|(_, id)| *id < wanted) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let (number, _) = numbered(low).filter(|(_, id)| **id == wanted)?;
        let start = self.starts.get(number)?;
        let end = self.starts.get(number.checked_add(1)?)?;
        let end = end.min(start.saturating_add(u64::from(count)));
        let rows = (start..end).map_while(|at| self.rows.get(usize::try_from(at).ok()?));
        Some(rows.filter_map(|row| u32::try_from(row).ok()).collect())
    }
}

impl fmt::Debug for ColdView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaded: Vec<ColdPart> =
            ColdPart::ALL.into_iter().filter(|part| self.has(*part)).collect();
        let mut view = f.debug_struct("ColdView");
        view.field("trailer", self.trailer()).field("loaded", &loaded).finish_non_exhaustive()
    }
}
