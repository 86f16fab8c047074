//! Taking messages otherwise than one by one as they come: displaced, drained, discarded.
#![expect(unsafe_code, reason = "the owner of the head takes slots and frees blocks")]

use std::ptr;

use super::{
    Mailbox,
    block::Block,
    head::Delivery,
    receive::Receiver,
    send::{Claim, Refused},
    word::Tail,
};
use crate::sync::{Backoff, Ordering};

impl<M, C> Mailbox<M, C> {
    /// Takes the oldest message out, from any thread; none unless the head is shared
    /// ([`Receiver::share_head`]), or if there is none, or it is claimed and not yet written.
    #[cfg(test)]
    pub(crate) fn pop_oldest(&self) -> Option<Delivery<M, C>> {
        self.pop_oldest_at().map(|(_, oldest)| oldest)
    }

    /// As [`pop_oldest`](Self::pop_oldest), with its place.
    fn pop_oldest_at(&self) -> Option<(u32, Delivery<M, C>)> {
        if !self.shared.load(Ordering::Acquire) {
            return None;
        }
        let oldest = self.take_shared_at();
        if oldest.is_some() {
            self.give_room(0);
        }
        oldest
    }

    /// As [`claim_displacing_at`](Self::claim_displacing_at), without the places.
    #[cfg(test)]
    pub(crate) fn claim_displacing(
        &self,
        mut displaced: impl FnMut(M, Option<Box<C>>),
    ) -> Result<Claim<'_, M, C>, Refused> {
        self.claim_displacing_at(|_, message, context| displaced(message, context))
    }

    /// Claims a slot, taking out the oldest messages until there is room (shared head); each is given
    /// to `displaced` with its place.
    ///
    /// # Errors
    /// [`Refused::Closed`]; [`Refused::Full`] if the head is not shared, or all room is reserved
    /// for parked senders.
    pub(crate) fn claim_displacing_at(
        &self,
        mut displaced: impl FnMut(u32, M, Option<Box<C>>),
    ) -> Result<Claim<'_, M, C>, Refused> {
        let mut backoff = Backoff::default();
        loop {
            match self.try_claim() {
                Err(Refused::Full) if self.shared.load(Ordering::Acquire) => {}
                other => return other,
            }
            if let Some((place, (message, context))) = self.pop_oldest_at() {
                displaced(place, message, context);
                continue;
            }
            // What room there is belongs to parked senders first.
            self.give_room(0);
            if self.is_all_reserved() {
                return Err(Refused::Full);
            }
            backoff.wait();
        }
    }

    /// Whether waiters hold reservations for the whole capacity while nothing is queued.
    fn is_all_reserved(&self) -> bool {
        let room = self.load_room();
        let taken = self.taken.load(Ordering::Acquire);
        let tail = self.load_tail();
        tail.count() == taken && room.publish(taken, 0, false).left(tail) <= 0
    }

    /// Takes the next message under the head lock, unless the head is no longer shared.
    #[inline(never)]
    pub(super) fn take_shared(&self) -> Option<Delivery<M, C>> {
        self.take_shared_at().map(|(_, next)| next)
    }

    /// As [`take_shared`](Self::take_shared), with the place of the message.
    fn take_shared_at(&self) -> Option<(u32, Delivery<M, C>)> {
        self.lock_head();
        let next = if self.shared.load(Ordering::Relaxed) {
            // SAFETY: the lock is held and the head shared.
            unsafe { self.take() }
        } else {
            None
        };
        // Counted by whoever owns the head.
        let place = self.taken.load(Ordering::Relaxed).wrapping_sub(1);
        self.unlock_head();
        next.map(|next| (place, next))
    }

    /// Drops what is left and frees all blocks, for `drop`.
    pub(super) fn discard(&mut self) {
        // SAFETY: `&mut self`: nobody else takes, and no claim is outstanding.
        while unsafe { self.take() }.is_some() {}
        if self.load_tail().offset() != Tail::DETACHED {
            let first = self.head_block.load(Ordering::Acquire);
            // SAFETY: `&mut self`, every message was taken.
            unsafe { Block::free_chain(first) };
        }
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: the same.
        unsafe { Block::free_chain(spare) };
    }
}

impl<M, C> Receiver<'_, M, C> {
    /// After [`Mailbox::close`]: the next message that was claimed before, or none for ever.
    ///
    /// Waits (spinning, then yielding the thread) for claims that are about to be written.
    pub(crate) fn drain_next(&mut self) -> Option<Delivery<M, C>> {
        let mut backoff = Backoff::default();
        loop {
            if let Some(next) = self.try_next() {
                return Some(next);
            }
            if self.mailbox().is_empty() {
                return None;
            }
            backoff.wait();
        }
    }
}
