//! Fuzz target `ids`; what it checks stands in `bodies/ids.rs`.
#![no_main]

#[path = "../bodies/ids.rs"]
mod ids;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids::run(data));
