//! Recording and replay.

mod actors;
mod bank;
mod control;
mod gaps;
mod recording;
