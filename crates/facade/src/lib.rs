//! One dependency for the whole suite.
#![forbid(unsafe_code)]
