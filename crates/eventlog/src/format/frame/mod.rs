//! Frames: one group commit each, whole or absent.
//!
//! ```text
//!  0  magic        u32  "SFFR"
//!  4  version      u8   1
//!  5  codec        u8   0: nothing is compressed, 1: zstd for the blocks whose flag is set
//!  6  flags        u16  bit 0: columns compressed, 1: payloads compressed, 2: mark, 3: clean close,
//!                       4: packed
//!  8  header CRC   u32  CRC-32C of the 80 bytes with this field zero; also the chain value
//! 12  body CRC     u32  CRC-32C of the stored blocks
//! 16  log id       u64
//! 24  generation   u32
//! 28  epoch        u32
//! 32  first        u64  position of the first event; of a mark, the next position to be given
//! 40  count        u32  events
//! 44  meta len     u32  stored bytes of the columns
//! 48  meta raw     u32  the same before compression
//! 52  payload len  u32
//! 56  payload raw  u32
//! 60  zero         u32
//! 64  durable      u64  highest position known to be synced when this was written
//! 72  previous     u32  chain value of the frame before, or of the segment header
//! 76  time span    u32  microseconds from the earliest event to the latest; all ones: or more
//! 80  columns, payloads, zeros up to a multiple of 4,096 (packed: of 16) from the beginning of the frame
//! ```

mod builder;
mod columns;
mod event_ref;
mod header;
mod names;
mod shapes;
mod view;

#[cfg(test)]
mod tests;

pub(crate) use self::builder::Rows;
pub use self::builder::{FrameBuilder, FrameFull, FrameStamp, Written};
pub(crate) use self::columns::{KIND_IS_NAME, Shape, built_in, kind_code};
pub use self::event_ref::{EventRef, KindRef, Names};
pub use self::header::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, FrameRole, PACKED_UNIT_BYTES,
};
pub(crate) use self::view::{FramePart, check_frame, take_events};
pub use self::view::{FrameView, decode_events};

/// The greatest frame in the file, and the greatest sum of its raw blocks (4 MiB).
pub const FRAME_BYTES_MAX: usize = 4 << 20;
