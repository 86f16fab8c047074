//! The synchronization that the gate uses: std's, or loom's in its model runs.

#[cfg(not(suite_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(suite_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(suite_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(suite_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
