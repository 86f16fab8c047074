//! Fuzz target `mailbox_ops`; what it checks stands in `bodies/mailbox_ops.rs`.
#![no_main]

#[path = "../bodies/mailbox_ops.rs"]
mod mailbox_ops;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mailbox_ops::run(data));
