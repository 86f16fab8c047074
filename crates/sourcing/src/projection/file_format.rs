//! The bytes of a view's file: `docs/format/view.md`.

use steadfast_eventlog::Position;

/// `SFVW`, little-endian.
const MAGIC: u32 = 0x5756_4653;

/// The format this code writes and reads.
const FORMAT: u16 = 1;

/// Bytes in front of the value.
pub(super) const HEADER_BYTES: usize = 40;

/// A view's file, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) version: u16,
    pub(super) offset: Position,
    pub(super) value: &'a [u8],
}

/// The bytes of a file; the value is appended to the header by the caller's buffer.
pub(super) fn encode(stored: &Stored<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + stored.value.len());
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(stored.version.to_le_bytes());
    bytes.extend(stored.offset.get().to_le_bytes());
    bytes.extend((stored.value.len() as u64).to_le_bytes());
    bytes.extend(crc32c::crc32c(stored.value).to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend(stored.value);
    bytes
}

/// Takes the bytes of a file apart; the error says what is wrong with them.
pub(super) fn decode(bytes: &[u8]) -> Result<Stored<'_>, &'static str> {
    let (header, value) =
        bytes.split_at_checked(HEADER_BYTES).ok_or("the file ends within its header")?;
    let (covered, crc) = header.split_at(HEADER_BYTES - 4);
    if number::<4>(crc, 0) != u64::from(crc32c::crc32c(covered)) {
        return Err("the checksum of the header does not match");
    }
    if number::<4>(header, 0) != u64::from(MAGIC) {
        return Err("the file is no view");
    }
    if number::<2>(header, 4) != u64::from(FORMAT) {
        return Err("the format version is unknown");
    }
    if number::<8>(header, 16) != value.len() as u64 {
        return Err("the length of the value is wrong");
    }
    if number::<4>(header, 24) != u64::from(crc32c::crc32c(value)) {
        return Err("the checksum of the value does not match");
    }
    let version = u16::try_from(number::<2>(header, 6)).unwrap_or(u16::MAX);
    Ok(Stored { version, offset: Position::new(number::<8>(header, 8)), value })
}

/// The little-endian number of `N` bytes at an offset; the caller has checked that they are there.
fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..at + N).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Magic, format and version, offset, length, checksum of the value, zeros, checksum of the header, value.
    const GOLDEN: [&[u8]; 7] = [
        b"SFVW",
        &[1, 0, 3, 0],
        &[10, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[194, 217, 157, 245],
        &[0; 8],
        &[58, 249, 160, 155],
    ];

    #[test]
    fn the_bytes_of_a_view_never_change() {
        let stored = Stored { version: 3, offset: Position::new(10), value: b"hi" };
        let bytes = encode(&stored);
        let golden = [&GOLDEN.concat(), stored.value].concat();
        assert_eq!(bytes, golden, "{bytes:x?}");
        assert_eq!(decode(&bytes), Ok(stored));
    }

    #[test]
    fn no_bit_may_turn_over() {
        let bytes = encode(&Stored { version: 3, offset: Position::new(10), value: b"hi" });
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
    }
}
