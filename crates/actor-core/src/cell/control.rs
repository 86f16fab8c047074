//! The control lane: flags that any thread may set, and a queue of notices and orders.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use steadfast_base::ActorId;

use super::AnyCell;
use crate::{Nest, Signal};

/// What the control queue of an actor holds.
pub(crate) enum Control {
    /// To be handed to the `signal` hook.
    Signal(Signal),
    /// To be run on the actor's state.
    Visit(Visit),
    /// A child did not come up, and the actor knows it already.
    Forget(ActorId),
}

/// A closure that an upper layer runs on an actor's state, between two messages.
///
/// It gets the actor and its `Cx` as `Any`; [`ActorHandle::visit`](crate::ActorHandle::visit)
/// is the typed way to make one.
pub struct Visit(pub(crate) Box<VisitFn>);

type VisitFn = dyn FnOnce(&mut dyn Any, &mut dyn Any) + Send;

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visit(..)")
    }
}

/// What a supervisor tells a child that waits for its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Go on with the same state; the message that failed is skipped.
    Resume,
    /// End the old incarnation: hook, children, state. The child then waits for `Start`.
    Renew {
        /// Keep the old state for the new incarnation instead of building a fresh one.
        preserve: bool,
        /// Keep the children of the old incarnation.
        keep_children: bool,
    },
    /// Build and start the next incarnation.
    Start,
}

/// The tie of a child to the actor that is told of its end.
pub(crate) struct Link {
    pub(crate) parent: Arc<dyn AnyCell>,
    pub(crate) key: u64,
    /// True if the parent is a supervisor: the child then waits for its orders.
    pub(crate) supervised: bool,
    /// Where the supervisor finds the child as long as it does not know of it, and the place there.
    pub(crate) nest: Option<(Arc<Nest>, u32)>,
}

/// The flags of a cell. `KILL` and `STOP` end an incarnation; with `FINAL` they end the actor.
#[derive(Default)]
pub(crate) struct Flags(AtomicU32);

impl Flags {
    /// Something is in the desk's queue.
    pub(crate) const QUEUE: u32 = 1;
    /// End in order after the message at hand, reason `Shutdown`.
    pub(crate) const STOP: u32 = 1 << 1;
    /// End at once; an awaiting handler is dropped.
    pub(crate) const KILL: u32 = 1 << 2;
    /// With `STOP` or `KILL`: for good, without asking a supervisor.
    pub(crate) const FINAL: u32 = 1 << 3;
    /// Accept no more messages, handle those accepted, then end.
    pub(crate) const DRAIN: u32 = 1 << 4;
    /// Handle no user messages for now.
    pub(crate) const SUSPEND: u32 = 1 << 5;
    /// The supervisor put an order on the desk.
    pub(crate) const ORDER: u32 = 1 << 6;
    /// Replies got lost in a turn that went on past a poll; they are on the desk.
    pub(crate) const LOST: u32 = 1 << 7;
    /// With `STOP`: the supervisor's own, in favor of the next incarnation, which it does not concern.
    pub(crate) const AGAIN: u32 = 1 << 8;

    #[inline]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// One relaxed load: is there anything for the control lane?
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.get() & flags != 0
    }

    pub(crate) fn set(&self, flags: u32) {
        self.0.fetch_or(flags, Ordering::SeqCst);
    }

    pub(crate) fn clear(&self, flags: u32) {
        self.0.fetch_and(!flags, Ordering::SeqCst);
    }

    /// Takes `flags` away and tells which of them were set.
    pub(crate) fn take(&self, flags: u32) -> u32 {
        self.0.fetch_and(!flags, Ordering::SeqCst) & flags
    }

    /// Whether all that is asked of the actor is to end in order.
    pub(crate) fn is_plain_stop(&self) -> bool {
        self.get() & !(Self::FINAL | Self::AGAIN) == Self::STOP
    }

    #[inline]
    pub(crate) fn killed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::KILL != 0
    }

    #[inline]
    pub(crate) fn suspended(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::SUSPEND != 0
    }
}
