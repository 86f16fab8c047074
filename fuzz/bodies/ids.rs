//! Reading an id never panics, and what is read is written the same way again.

use steadfast_base::{CorrelationId, EventId, Seed};

/// Takes the input as text, and its first 16 bytes as the bits of an id.
pub(crate) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let read = text.parse::<EventId>();
        assert_eq!(read.is_ok(), text.parse::<CorrelationId>().is_ok(), "one grammar: {text:?}");
        if let Ok(id) = read {
            assert_eq!(id.to_string(), text.to_ascii_lowercase(), "one spelling but for case");
        }
        if let Ok(seed) = text.parse::<Seed>() {
            assert_eq!(seed.to_string().parse(), Ok(seed));
        }
    }
    if let Some(bytes) = data.first_chunk::<16>() {
        let id = EventId::from_u128(u128::from_be_bytes(*bytes));
        assert_eq!(id.to_string().parse(), Ok(id), "what is written can be read");
        if let Some(at) = id.timestamp() {
            assert_eq!(at.as_unix_nanos() % 1_000_000, 0, "an id knows milliseconds only");
        }
    }
}
