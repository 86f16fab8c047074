//! Reading any bytes as a snapshot never panics, and what is read is written and read the same way again.

use bytes::Bytes;

use steadfast_eventlog::format::checksum;
use steadfast_snapshot::format::{decode, decode_header, encode};

/// No input may make more than this be allocated.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// Where the header keeps its length and its checksum.
const LENGTH: std::ops::Range<usize> = 8..12;
const CRC: std::ops::Range<usize> = 12..16;

/// Reads the input as it is, and again with the checksum of the header made to match.
pub(crate) fn run(data: &[u8]) {
    read(data.to_vec());
    let mut bytes = data.to_vec();
    let length = bytes.get(LENGTH).and_then(|length| length.first_chunk::<4>().copied());
    let Some(length) =
        length.map(u32::from_le_bytes).and_then(|length| usize::try_from(length).ok())
    else {
        return;
    };
    if let Some(crc) = bytes.get_mut(CRC) {
        crc.fill(0);
    }
    let Some(crc) = bytes.get(..length).map(checksum) else { return };
    if let Some(place) = bytes.get_mut(CRC) {
        place.copy_from_slice(&crc.to_le_bytes());
        read(bytes);
    }
}

fn read(bytes: Vec<u8>) {
    let info = decode_header(&bytes, bytes.len() as u64);
    let Ok(snapshot) = decode(&Bytes::from(bytes), STATE_BYTES_MAX) else { return };
    assert!(info.is_ok_and(|info| info.actor == snapshot.actor && info.seq == snapshot.seq));
    let again = decode(&Bytes::from(encode(&snapshot)), STATE_BYTES_MAX);
    assert_eq!(again, Ok(snapshot), "what is read can be written and read again");
}
