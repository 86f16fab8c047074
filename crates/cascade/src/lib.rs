//! Keeping one failure from becoming many.
//!
//! | You want | Start at |
//! |---|---|
//! | requests that crash whoever handles them kept away, and tried again one at a time | [`Quarantine`] |
//! | the important part of the work to get through while most of it fails | [`EmergencyMode`] |
//! | the names of events | [`names`] |
//!
//! Both decide in state machines that are stepped with the time and an input; the handles around them hold a
//! lock for a few instructions and never wait.
//!
//! # Example
//!
//! ```
//! use steadfast_base::Time;
//! use steadfast_cascade::{Quarantine, QuarantineConfig};
//!
//! let quarantine = Quarantine::new(QuarantineConfig::default(), Time::system())?;
//! for _ in 0..2 {
//!     quarantine.try_acquire(&"order-7")?.crashed();
//! }
//! let quarantined = quarantine.try_acquire(&"order-7").unwrap_err();
//! assert!(quarantined.retry_after.as_secs() >= 59);
//! assert!(quarantine.try_acquire(&"order-8").is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod emergency;
pub mod names;
mod quarantine;
mod serde_forms;

pub use self::emergency::{
    EmergencyConfig, EmergencyMode, EmergencyPermit, EmergencyShed, EmergencyStatistics,
};
pub use self::quarantine::{
    BlockedKey, Quarantine, QuarantineConfig, QuarantineError, QuarantinePermit, Quarantined,
};
