//! Reading any bytes as a part of a recording never panics, and what is read is written and read the same again.

/// Each layout in turn reads the input.
pub(crate) fn run(data: &[u8]) {
    steadfast_sourcing::record::__read_any(data);
}
