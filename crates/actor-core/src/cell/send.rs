//! What a sender needs of a cell: envelopes, limits, and the policies of a full mailbox.

use std::sync::{Arc, atomic::Ordering};

use steadfast_base::{CallContext, context};

use super::{Cell, Envelope};
use crate::{DeadReason, Overflow, mailbox::Refused, overflow::limit_ms, turn};

impl<M: Send + 'static> Cell<M> {
    /// Whether a send has to do more than write the message: a context is in force, as it is in every
    /// turn on tape, or a probe listens.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.probed || context::is_set()
    }

    /// What travels with a message: nothing, unless a context is in force.
    #[inline]
    pub(crate) fn envelope(&self) -> Option<Box<Envelope>> {
        if self.probed {
            self.tell_probe_enqueued();
        }
        if context::is_set() { seal() } else { None }
    }

    /// Keeps the context of the spawn for the first start.
    #[cold]
    pub(crate) fn note_birth(&self) {
        self.rare().desk().born_in = seal().map(|envelope| envelope.context);
    }

    pub(super) fn has_birth(&self) -> bool {
        self.at_desk(|desk| desk.born_in.is_some()).unwrap_or(false)
    }

    pub(super) fn take_birth(&self) -> Option<Arc<CallContext>> {
        self.at_desk(|desk| desk.born_in.take())?
    }

    #[cold]
    pub(super) fn tell_probe_restarted(&self) {
        if let Some(probe) = &self.system.probe {
            probe.restarted(self.id, self.incarnation());
        }
    }

    #[cold]
    fn tell_probe_enqueued(&self) {
        if let Some(probe) = &self.system.probe {
            probe.enqueued(self.id, self.mailbox.len());
        }
    }

    /// How long a sender may wait for room: the mailbox's limit, or less by the caller's context.
    pub(crate) fn room_limit_ms(&self) -> u32 {
        let limit = match self.overflow() {
            Overflow::Wait(limit) => limit_ms(limit),
            _ => 0,
        };
        let deadline = context::current().and_then(|context| context.deadline());
        match deadline {
            Some(at) => limit.min(limit_ms(at.saturating_duration_since(self.system.time.now()))),
            None => limit,
        }
    }

    /// Notes that there are questions among the messages, where one might be displaced. To be called
    /// before the question is written into the mailbox.
    #[inline]
    pub(crate) fn note_asked(&self) {
        if self.overflow.load(Ordering::Relaxed) == Overflow::DropOldest.code() {
            self.asked.store(true, Ordering::Release);
        }
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Makes a dead letter of a message that the mailbox had no room for.
    pub(crate) fn drop_letter(&self, message: M) {
        turn::outside(|| drop(message));
        self.tell_of_dead(DeadReason::Overflow, 1);
    }

    /// Sends a message in place of the oldest one, after `note` was told its place. The message
    /// comes back if the actor has stopped.
    pub(crate) fn send_over_oldest<N: Into<M>>(
        &self,
        message: N,
        mut note: impl FnMut(u32),
    ) -> Result<(), N> {
        match self.mailbox.claim_displacing_at(|place, oldest, _| self.displace(place, oldest)) {
            Ok(claim) => {
                note(claim.position());
                claim.write(message.into(), self.envelope());
                Ok(())
            }
            Err(Refused::Closed) => Err(message),
            // All room is promised to senders that parked under another policy.
            Err(Refused::Full) => {
                self.drop_letter(message.into());
                Ok(())
            }
        }
    }
}

#[cold]
fn seal() -> Option<Box<Envelope>> {
    let context = context::current()?;
    let context = match turn::current_actor() {
        Some(sender) if context.sender() != Some(sender) => {
            Arc::new(context.as_ref().clone().with_sender(sender))
        }
        _ => context,
    };
    Some(Box::new(Envelope { context }))
}
