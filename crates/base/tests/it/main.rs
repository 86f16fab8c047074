//! Tests of the crate through its public interface.

mod context;
#[cfg(feature = "test-util")]
mod ids;
#[cfg(feature = "tokio")]
mod tokio_time;
#[cfg(feature = "test-util")]
mod virtual_clock;
