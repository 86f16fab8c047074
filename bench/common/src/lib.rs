//! What the benchmarks share: interleaved rounds, rows, samples in fresh processes, counted allocations.

pub mod allocations;
mod child;
mod rounds;
mod row;
mod text;

pub use self::child::run_self;
pub use self::rounds::{Rounds, Samples, Taken};
pub use self::row::{Row, json, median, ratio};
pub use self::text::{cores, locked_version, write_line};
