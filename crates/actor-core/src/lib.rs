//! Typed actors.
