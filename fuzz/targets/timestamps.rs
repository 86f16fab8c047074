//! Fuzz target `timestamps`; what it checks stands in `bodies/timestamps.rs`.
#![no_main]

#[path = "../bodies/timestamps.rs"]
mod timestamps;

libfuzzer_sys::fuzz_target!(|data: &[u8]| timestamps::run(data));
