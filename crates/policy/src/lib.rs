//! Resilience policies and the pipeline that composes them.
#![forbid(unsafe_code)]
