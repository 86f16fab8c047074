//! Tests that join layers; see `tests/it`.
#![forbid(unsafe_code)]
