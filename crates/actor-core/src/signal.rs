//! Notices of the control lane: a watched actor ended, a child changed its state.

use std::sync::Arc;

use steadfast_base::ActorId;

use crate::{ExitReason, Failure};

/// A notice handed to [`Actor::signal`](crate::Actor::signal) before any further user message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Signal {
    /// An actor that this one watches has ended for good. Comes exactly once per watch, also
    /// when the actor had ended before; a restart sends none.
    Terminated {
        /// The actor that ended.
        id: ActorId,
        /// Its path.
        path: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A child that this actor started with `cx.spawn` has ended for good.
    ChildExited {
        /// The child.
        id: ActorId,
        /// Its path.
        path: Arc<str>,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A supervised child reports a step of its life; only supervisors get this one.
    Child(ChildEvent),
}

/// A step in the life of a supervised child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildEvent {
    /// The number that the supervisor gave to the child when it took charge of it.
    pub key: u64,
    /// The child.
    pub id: ActorId,
    /// What happened.
    pub stage: ChildStage,
}

impl ChildEvent {
    /// The key of a child that was started before its supervisor knew of it. It does not tell of
    /// its first start, and is known by its id.
    pub const BORN: u64 = u64::MAX;
}

/// The steps in the life of a supervised child.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildStage {
    /// An incarnation is up.
    Started,
    /// `started` answered `Ignore`; the actor has ended.
    Ignored,
    /// An incarnation failed to start; the child waits for an [`Order`](crate::Order).
    StartFailed(ExitReason),
    /// An incarnation ended; the child waits for an [`Order`](crate::Order).
    Ended(ExitReason),
    /// The child ended for good.
    Stopped(ExitReason),
    /// The child reported a failure without ending.
    Reported(Failure),
}
