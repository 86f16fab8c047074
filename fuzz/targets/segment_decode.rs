//! Fuzz target `segment_decode`; what it checks stands in `bodies/segment_decode.rs`.
#![no_main]

#[path = "../bodies/segment_decode.rs"]
mod segment_decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| segment_decode::run(data));
