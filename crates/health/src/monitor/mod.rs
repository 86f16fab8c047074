//! Monitors of the machine, the process and its limits, and the simplest way to your own.
//!
//! | Monitor | Resource | What is in use |
//! |---|---|---|
//! | [`CpuMonitor`] | `cpu` | processor time of the machine, or of the control group's quota |
//! | [`MemoryMonitor`] | `memory` | memory of the machine, or of the control group's limit |
//! | [`DiskMonitor`] | `disk` | space, or inodes, of the file system of a path |
//! | [`ProcessCpuMonitor`] | `process cpu` | processor time of the machine taken by this process |
//! | [`ProcessMemoryMonitor`] | `process memory` | resident memory of this process, of what it may have |
//! | [`FileHandlesMonitor`] | `file handles` | open file handles, of what the process may open |
//! | [`FnMonitor`] | yours | what your function says |
//!
//! [`Forecaster`] stands in for any of them and says when a threshold is reached.
//!
//! They read `/proc` and the files of control groups (version 2), so they work on Linux; elsewhere a reading
//! is an error. Where several limits hold (the machine's, the group's, those of groups above), the one
//! that is closest to being used up counts.

mod cgroup;
mod counters;
mod cpu;
mod custom;
mod disk;
mod files;
mod forecaster;
mod memory;
mod process;
#[cfg(test)]
pub(crate) mod tests;

pub use self::cpu::{CpuMonitor, ProcessCpuMonitor};
pub use self::custom::FnMonitor;
pub use self::disk::DiskMonitor;
pub use self::forecaster::Forecaster;
pub use self::memory::{MemoryMonitor, ProcessMemoryMonitor};
pub use self::process::FileHandlesMonitor;

pub(crate) use self::disk::on_own_thread;
pub(crate) use self::files::{Files, SystemFiles};
pub(crate) use self::process::{ProcessReading, process_reading};
