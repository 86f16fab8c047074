//! Fuzz target `breaker_ops`; what it checks stands in `bodies/breaker_ops.rs`.
#![no_main]

#[path = "../bodies/breaker_ops.rs"]
mod breaker_ops;

libfuzzer_sys::fuzz_target!(|data: &[u8]| breaker_ops::run(data));
