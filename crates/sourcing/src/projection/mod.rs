//! Read models: projections that follow the log and keep their output with its own durable offset.
//!
//! ```text
//! log ──subscription──> Projector ──handle──> Output ──commit──> ProjectionStore
//!                           ^                                     output + offset, one unit
//!                           └──────────────── offset ─────────────────────┘
//! ```
//!
//! A [`Projection`] says which events it wants and what each changes. A [`Projector`] reads the log (never the
//! result of an append), from the offset that the [`ProjectionStore`] kept beside the output, first what there
//! is and then what comes. Output and offset are stored in one atomic unit, so every event is in the output
//! exactly once, through crashes at any step.
//!
//! | Output | Store |
//! |---|---|
//! | a value in memory | [`MemoryView`] |
//! | a value in a file | [`FileView`] |
//! | anything with transactions | a [`ProjectionStore`] of your own |

mod control;
mod file_format;
mod file_view;
mod follow;
mod interest;
mod memory_view;
mod projector;
mod settings;
mod status;
mod store;

pub use self::control::ProjectorHandle;
pub use self::file_view::{FileView, VIEW_BYTES_MAX, ViewOpenError};
pub use self::interest::{Interest, Projection};
pub use self::memory_view::MemoryView;
pub use self::projector::{ProjectionActor, ProjectionEnd, Projector};
pub use self::settings::{BATCH_EVENTS, IDLE_OFFSET_EVERY, OnPoison, ProjectionSettings, RETRIES};
pub use self::status::{PoisonEvent, ProjectionState, ProjectionStatus, SKIPPED_KEPT};
pub use self::store::{OutputError, ProjectionStore};
