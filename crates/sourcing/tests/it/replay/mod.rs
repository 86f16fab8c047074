//! Recording and replay.

mod actors;
mod bank;
mod control;
mod deciding;
mod determinism;
mod folding;
mod gaps;
mod golden;
mod grouping;
mod recording;
mod threads;
