//! Fuzz target `snapshot_decode`; what it checks stands in `bodies/snapshot_decode.rs`.
#![no_main]

#[path = "../bodies/snapshot_decode.rs"]
mod snapshot_decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| snapshot_decode::run(data));
