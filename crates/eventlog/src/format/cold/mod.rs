//! Sealed segments: the same events, clustered by actor and compressed, every one found without a scan.
//!
//! ```text
//!     0 segment header (4,096 bytes), with the flag `sealed`
//!  4096 payload blocks, back to back: payloads of about 16 KiB, by actor and number, each block zstd with
//!       the dictionary of this segment, or as it is if that is no larger
//!       envelopes: everything about the events but the payloads, and the indexes (see `envelopes`)
//!  -128 trailer
//! ```
//!
//! The trailer:
//!
//! ```text
//!   0 magic u32 "SFCT", version u16 2, zero u16
//!   8 log id u64
//!  16 first position u64
//!  24 count u32, chain u32: the chain value of the last frame before sealing
//!  32 envelopes: offset u64, length u32, CRC-32C u32 of their beginning: the lengths of all sections and the
//!     checksums of the parts
//!  48 earliest i64, latest i64: microseconds
//!  64 SHA-256 of all bytes before the trailer
//!  96 zeros
//! 124 CRC-32C u32 of the 124 bytes before
//! ```
//!
//! Two orders meet in here. *Rows* are events in the order of actor and number: their payloads, and what
//! goes with them. *Places* are events in the order of positions: ids, times, causes and correlations,
//! which are small as differences to their neighbors in time. Each row knows its place.
//!
//! Envelopes are read and checked part by part, each when it is needed first: opening a log takes the actors.
//! Version 1, which is still read, had one checksum for all of them.

mod actors;
mod blocks;
mod builder;
mod envelopes;
mod head;
mod rows;
mod trailer;
mod view;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use self::actors::ActorRun;
pub use self::blocks::{ColdBlock, ColdBlocks};
pub use self::builder::{ColdBuilder, ColdFault};
pub use self::envelopes::ColdPart;
pub use self::head::ColdHead;
pub use self::rows::ColdRows;
pub(crate) use self::rows::RowAt;
pub use self::trailer::{COLD_TRAILER_BYTES, ColdLayout, ColdTrailer};
pub use self::view::ColdView;
use super::packed::Packed;

/// A section of numbers.
type Column = Packed<Bytes>;
