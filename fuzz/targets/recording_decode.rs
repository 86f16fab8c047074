//! Fuzz target `recording_decode`; what it checks stands in `bodies/recording_decode.rs`.
#![no_main]

#[path = "../bodies/recording_decode.rs"]
mod recording_decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| recording_decode::run(data));
