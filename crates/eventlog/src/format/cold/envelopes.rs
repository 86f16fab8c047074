//! The sections of the envelopes, in the order of the file, and the parts that they make up.
//!
//! A part is read and checked on its own, when somebody asks for it. The envelopes begin with the length
//! of each section, u32, and the CRC-32C of each part. A section is packed numbers unless said otherwise.

use std::ops::Range;

/// Defines the sections by name.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        $($(#[$doc])* pub(super) const $name: usize = $number;)*
    };
}

sections! {
    /// The names of the actors, sorted, back to back; bytes.
    ACTOR_NAMES = 0,
    /// Where each actor's name ends.
    ACTOR_NAME_ENDS = 1,
    /// The first row of each actor.
    ACTOR_ROWS = 2,
    /// The sequence number of each actor's first event.
    ACTOR_SEQS = 3,
    /// The filter of event ids; bytes with their length.
    BLOOM = 4,
    /// The table of correlations, in the order in which they appear; 16 bytes each.
    CORRELATION_IDS = 5,
    /// The numbers of that table, counted from 0, sorted by id.
    CORRELATION_ORDER = 6,
    /// Where the rows of each correlation begin in the next section, and where the last ones end.
    CORRELATION_STARTS = 7,
    /// The rows of each correlation, by position.
    CORRELATION_ROWS = 8,
    /// The dictionary of the payload blocks, as zstd trained it; bytes.
    DICTIONARY = 9,
    /// The first row of each payload block.
    BLOCK_ROWS = 10,
    /// Where each payload block begins in the file, and where the last one ends.
    BLOCK_OFFSETS = 11,
    /// The bytes of each payload block before compression; as many as stored: not compressed.
    BLOCK_RAW = 12,
    /// CRC-32C of each stored block; u32 each.
    BLOCK_CRCS = 13,
    /// Names of types and kinds: each with its length; texts.
    NAMES = 14,
    /// What events of one sort have in common, as in frames; 12 bytes each.
    SHAPES = 15,
    /// The place of each row.
    ROW_PLACES = 16,
    /// The shape of each row.
    ROW_SHAPES = 17,
    /// The bytes of each row's payload.
    ROW_LENGTHS = 18,
    /// The turn of each row.
    ROW_TURNS = 19,
    /// The highest 48 bits of the id at each place: milliseconds, in a `UUIDv7`.
    ID_HIGH = 20,
    /// The 16 bits below.
    ID_MIDDLE = 21,
    /// The lowest 64 bits.
    ID_LOW = 22,
    /// The time at each place: microseconds less 1,000 times the high bits of the id, plus 2^63.
    TIMES = 23,
    /// The correlation at each place: 0 for none, or its number in the table counted from 1.
    CORRELATIONS = 24,
    /// The cause at each place: 0 for none; twice the distance back to its place, plus 1; or twice its
    /// number among the foreign causes counted from 1.
    CAUSES = 25,
    /// Causes that are not in this segment; 16 bytes each.
    FOREIGN_CAUSES = 26,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 27;

/// How many parts they make up.
pub(super) const PARTS: usize = 6;

/// Bytes in front of the first section.
pub(super) const HEAD_BYTES: usize = 4 * (SECTIONS + PARTS);

/// The sections in the order of version 1, whose envelopes begin with their lengths only.
pub(super) const ORDER_1: [usize; SECTIONS] = [
    DICTIONARY,
    NAMES,
    SHAPES,
    ACTOR_NAMES,
    ACTOR_NAME_ENDS,
    ACTOR_ROWS,
    ACTOR_SEQS,
    BLOCK_ROWS,
    BLOCK_OFFSETS,
    BLOCK_RAW,
    BLOCK_CRCS,
    ROW_PLACES,
    ROW_SHAPES,
    ROW_LENGTHS,
    ROW_TURNS,
    ID_HIGH,
    ID_MIDDLE,
    ID_LOW,
    TIMES,
    CORRELATIONS,
    CAUSES,
    FOREIGN_CAUSES,
    CORRELATION_IDS,
    CORRELATION_ORDER,
    CORRELATION_STARTS,
    CORRELATION_ROWS,
    BLOOM,
];

/// The middle of the numbers, so that a small difference of either sign is a number close to it.
pub(super) const MIDDLE: u64 = 1 << 63;

/// What is read and checked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColdPart {
    /// Which actors have events, and where: what the log needs when it is opened.
    Actors,
    /// The filter of event ids.
    Bloom,
    /// The ids of the pieces of work.
    CorrelationIds,
    /// The rows of each piece of work.
    Correlations,
    /// Where the payloads are, and the dictionary they are compressed with.
    Blocks,
    /// Everything else about the events.
    Rows,
}

impl ColdPart {
    /// All parts, in the order of the file.
    pub const ALL: [Self; PARTS] = [
        Self::Actors,
        Self::Bloom,
        Self::CorrelationIds,
        Self::Correlations,
        Self::Blocks,
        Self::Rows,
    ];

    pub(super) fn number(self) -> usize {
        match self {
            Self::Actors => 0,
            Self::Bloom => 1,
            Self::CorrelationIds => 2,
            Self::Correlations => 3,
            Self::Blocks => 4,
            Self::Rows => 5,
        }
    }

    /// The sections it is made of.
    pub(super) fn sections(self) -> Range<usize> {
        match self {
            Self::Actors => ACTOR_NAMES..BLOOM,
            Self::Bloom => BLOOM..CORRELATION_IDS,
            Self::CorrelationIds => CORRELATION_IDS..CORRELATION_ORDER,
            Self::Correlations => CORRELATION_ORDER..DICTIONARY,
            Self::Blocks => DICTIONARY..NAMES,
            Self::Rows => NAMES..SECTIONS,
        }
    }
}
