//! What actors promise, seen from outside.

mod basics;
