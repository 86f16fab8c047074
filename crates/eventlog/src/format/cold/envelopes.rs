//! The sections of the envelopes, in the order of the file.
//!
//! It begins with the length of each section, u32. A section is packed numbers unless said otherwise.

/// Defines the sections by name.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        $($(#[$doc])* pub(super) const $name: usize = $number;)*
    };
}

sections! {
    /// The dictionary of the payload blocks, as zstd trained it; bytes.
    DICTIONARY = 0,
    /// Names of types and kinds: each with its length; texts.
    NAMES = 1,
    /// What events of one sort have in common, as in frames; 12 bytes each.
    SHAPES = 2,
    /// The names of the actors, sorted, back to back; bytes.
    ACTOR_NAMES = 3,
    /// Where each actor's name ends.
    ACTOR_NAME_ENDS = 4,
    /// The first row of each actor.
    ACTOR_ROWS = 5,
    /// The sequence number of each actor's first event.
    ACTOR_SEQS = 6,
    /// The first row of each payload block.
    BLOCK_ROWS = 7,
    /// Where each payload block begins in the file, and where the last one ends.
    BLOCK_OFFSETS = 8,
    /// The bytes of each payload block before compression; as many as stored: not compressed.
    BLOCK_RAW = 9,
    /// CRC-32C of each stored block; u32 each.
    BLOCK_CRCS = 10,
    /// The place of each row.
    ROW_PLACES = 11,
    /// The shape of each row.
    ROW_SHAPES = 12,
    /// The bytes of each row's payload.
    ROW_LENGTHS = 13,
    /// The turn of each row.
    ROW_TURNS = 14,
    /// The highest 48 bits of the id at each place: milliseconds, in a `UUIDv7`.
    ID_HIGH = 15,
    /// The 16 bits below.
    ID_MIDDLE = 16,
    /// The lowest 64 bits.
    ID_LOW = 17,
    /// The time at each place: microseconds less 1,000 times the high bits of the id, plus 2^63.
    TIMES = 18,
    /// The correlation at each place: 0 for none, or its number in the table counted from 1.
    CORRELATIONS = 19,
    /// The cause at each place: 0 for none; twice the distance back to its place, plus 1; or twice its
    /// number among the foreign causes counted from 1.
    CAUSES = 20,
    /// Causes that are not in this segment; 16 bytes each.
    FOREIGN_CAUSES = 21,
    /// The table of correlations, in the order in which they appear; 16 bytes each.
    CORRELATION_IDS = 22,
    /// The numbers of that table, counted from 0, sorted by id.
    CORRELATION_ORDER = 23,
    /// Where the rows of each correlation begin in the next section, and where the last ones end.
    CORRELATION_STARTS = 24,
    /// The rows of each correlation, by position.
    CORRELATION_ROWS = 25,
    /// The filter of event ids; bytes with their length.
    BLOOM = 26,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 27;

/// The middle of the numbers, so that a small difference of either sign is a number close to it.
pub(super) const MIDDLE: u64 = 1 << 63;
