//! Reply slots: one pooled slot per ask, shared by the asker and the answerer.
//!
//! A slot joins two halves, each one pointer wide: the [`Asker`] waits, the [`Answer`] travels inside the
//! message. Either half may be dropped at any time, on any thread. The last one to leave gives the
//! slot back to the [`SlotPool`], so that an ask allocates nothing once the pool has grown to the
//! number of asks that are pending at once.
//!
//! ```text
//!            poll                     send, lose, expire, recall
//!  EMPTY ----------> WAITING ------------------------------> DONE or LOST, then wake
//!    |   <----------                                               ^
//!    |   new waker, or the asker is dropped                        |
//!    +-------------------------------------------------------------+
//! ```
//!
//! The state is one atomic word: a phase, who has left, whether the deadline scan has seen it, and
//! a version, so that no state of an ask ever comes again.
//!
//! - INV-SLOT-1: a half that has not left keeps its slot out of the pool, and the slot keeps the
//!   pool's memory alive.
//! - INV-SLOT-2: the waker cell is written only by the asker while the phase is EMPTY; the stored
//!   waker belongs to whoever exchanges the word away from WAITING, by a copy made before.
//! - INV-SLOT-3: the payload belongs to the answer until DONE is published, then to the asker.
//! - INV-SLOT-4: the half that leaves second gives the slot back. After leaving, or publishing an
//!   outcome, nobody touches the slot on behalf of that ask.
//! - INV-SLOT-5: SEEN is set only by the one [`Ticker`] and cleared only by a new ask, so a scan can
//!   never expire an ask that began after the ask it looked at.
//! - INV-SLOT-6: no foreign code (waker, destructor) runs while a lock of the pool is held.
#![expect(unsafe_code, reason = "pooled slots of two halves; measured against tokio's oneshot")]

mod answer;
mod asker;
mod chain;
mod chunk;
mod deadline;
mod handle;
mod pool;
mod shard;
mod state;
mod tag;
mod ticker;
mod waker;
mod word;

#[cfg(all(test, not(suite_loom)))]
mod deadline_tests;
#[cfg(all(test, suite_loom))]
mod loom_tests;
#[cfg(all(test, not(suite_loom)))]
mod model_tests;
#[cfg(all(test, not(suite_loom)))]
mod stress_tests;
#[cfg(all(test, not(suite_loom)))]
mod tests;

pub(crate) use answer::{Answer, LostList, LostSlot};
pub(crate) use asker::Asker;
pub(crate) use deadline::Deadline;
pub(crate) use handle::PoolHandle;
pub(crate) use pool::SlotPool;
pub(crate) use tag::AskTag;
pub(crate) use ticker::Ticker;
pub(crate) use word::{Lost, Why};
