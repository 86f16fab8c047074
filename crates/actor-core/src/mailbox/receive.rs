//! The receiving side: take messages, sleep, pause.
#![expect(unsafe_code, reason = "the receiver owns the head and writes the waker")]

use std::task::{Context, Poll};

use super::{Mailbox, head::Delivery, pace};
use crate::sync::{Ordering, fence, spin_loop};

/// Waiters are looked at each time this many messages were taken (a power of two).
const ROOM_INTERVAL: u32 = 32;

/// How often a claimed slot is looked at before the task wakes itself and yields.
const SLEEP_SPINS: u32 = if cfg!(suite_loom) { 1 } else { 32 };

/// The one receiving end of a mailbox; [`Mailbox::receiver`] hands it out.
#[derive(Debug)]
pub(crate) struct Receiver<'a, M, C> {
    mailbox: &'a Mailbox<M, C>,
}

impl<'a, M, C> Receiver<'a, M, C> {
    /// Only for `Mailbox::receiver`, which sees to it that there is only one.
    pub(super) fn of(mailbox: &'a Mailbox<M, C>) -> Self {
        Self { mailbox }
    }

    /// The next message, unless there is none or it is claimed but not yet written.
    #[inline]
    pub(crate) fn try_next(&mut self) -> Option<Delivery<M, C>> {
        let mailbox = self.mailbox;
        let next = if mailbox.shared.load(Ordering::Relaxed) {
            mailbox.take_shared()
        } else {
            // SAFETY: not shared, so this receiver owns the head.
            unsafe { mailbox.take() }
        };
        let taken = mailbox.taken.load(Ordering::Relaxed);
        if taken.is_multiple_of(ROOM_INTERVAL) {
            mailbox.relieve(taken);
        }
        next
    }

    pub(super) fn mailbox(&self) -> &'a Mailbox<M, C> {
        self.mailbox
    }

    /// Stores the task's waker if this is the first call; whether it was.
    ///
    /// It is stored once: every later poll must be by the same task. After a `true`, look at the
    /// control lane once more: earlier `wake` calls had nobody to wake.
    pub(crate) fn arm(&mut self, cx: &Context<'_>) -> bool {
        let mailbox = self.mailbox;
        if mailbox.armed.load(Ordering::Relaxed) {
            return false;
        }
        let waker = cx.waker().clone();
        // SAFETY: INV-MBX-8: not armed, so nobody else looks at it, and it is None.
        mailbox.waker.with_mut(|place| unsafe { place.write(Some(waker)) });
        mailbox.armed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        true
    }

    /// Sleeps if nothing is claimed: the next claim or [`Mailbox::wake`] wakes the task.
    ///
    /// `Ready` means "look again" (at messages and control). `Pending` means asleep, or, if a
    /// claimed message is not written within a few spins, that the task has woken itself. After
    /// `close` only `wake` ends the sleep.
    pub(crate) fn poll_sleep(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.arm(cx) {
            return Poll::Ready(());
        }
        let mailbox = self.mailbox;
        for _ in 0..SLEEP_SPINS {
            let tail = mailbox.load_tail();
            let taken = mailbox.taken.load(Ordering::Relaxed);
            if tail.count() != taken {
                if mailbox.with_head(Mailbox::is_ready) {
                    return Poll::Ready(());
                }
            } else if tail.offset() != Mailbox::<M, C>::LINKING {
                let room = mailbox.load_room();
                if room.has_waiters() || room.left(tail) <= 0 {
                    self.pause();
                }
                if tail.is_asleep() {
                    return Poll::Pending;
                }
                if mailbox.with_head(|mailbox| {
                    // SAFETY: `with_head` makes this thread the owner of the head.
                    unsafe { mailbox.enter_sleep(tail) }
                }) {
                    return Poll::Pending;
                }
                continue;
            }
            spin_loop();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The place of the message received last, as its [`Claim::position`](super::Claim).
    pub(crate) fn last_position(&self) -> u32 {
        self.mailbox.taken.load(Ordering::Relaxed).wrapping_sub(1)
    }

    /// Gives all room there is to parked senders.
    ///
    /// To be called whenever the task goes `Pending` elsewhere than in `poll_sleep` (as in a
    /// handler), for while it takes messages room is handed out in batches.
    pub(crate) fn pause(&mut self) {
        self.mailbox.pause();
    }

    /// Lets senders take messages from the head (`Overflow::DropOldest`), or no longer.
    pub(crate) fn share_head(&mut self, shared: bool) {
        let mailbox = self.mailbox;
        if shared {
            mailbox.shared.store(true, Ordering::Release);
        } else if mailbox.shared.load(Ordering::Relaxed) {
            mailbox.lock_head();
            mailbox.shared.store(false, Ordering::Relaxed);
            mailbox.unlock_head();
        }
    }
}

impl<M, C> Drop for Receiver<'_, M, C> {
    fn drop(&mut self) {
        self.mailbox.received.store(false, Ordering::Release);
    }
}

impl<M, C> Mailbox<M, C> {
    /// To be called when the receiver's task goes `Pending` anywhere: gives room to parked senders,
    /// unless the receiver sleeps, which has done so, or only yields.
    #[inline]
    pub(crate) fn rest(&self) {
        if self.pace.load(Ordering::Relaxed) == pace::YIELDING {
            self.pace.store(pace::TAKING, Ordering::Relaxed);
        } else if !self.load_tail().is_asleep() {
            self.pause();
        }
    }

    /// The next [`rest`](Self::rest) is a yield, after which messages are taken at once: until then
    /// parked senders wait for the backlog to shrink to half the capacity.
    pub(crate) fn rest_is_brief(&self) {
        self.pace.store(pace::YIELDING, Ordering::Relaxed);
    }

    fn pause(&self) {
        self.pace.store(pace::PAUSED, Ordering::Relaxed);
        // Pairs with the fence in `park`: it sees `PAUSED`, or this thread sees WAITING.
        fence(Ordering::SeqCst);
        if self.load_room().has_waiters() {
            self.give_room(0);
        }
    }

    /// Every few messages: lets parked senders in if the backlog is at most half the capacity.
    #[inline]
    fn relieve(&self, taken: u32) {
        if self.load_room().has_waiters() {
            let backlog = self.load_tail().count().wrapping_sub(taken);
            if backlog <= self.capacity() / 2 {
                self.give_room(0);
            }
        }
    }
}
