//! A crash-safe event log: store contract, embedded and memory stores, queries, retention.
#![forbid(unsafe_code)]
