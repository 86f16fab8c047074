//! Senders that wait for room: FIFO, woken by reservation, cancellable.
#![expect(unsafe_code, reason = "the queue of waiters is allocated on demand behind a pointer")]

use std::{
    collections::VecDeque,
    mem, ptr,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use super::{
    Mailbox, pace,
    send::{Claim, Refused},
};
use crate::sync::{Mutex, MutexGuard, Ordering, fence};

/// The place of one sender among those that wait; starts without one.
///
/// Whoever drops a ticket before its claim came calls [`Mailbox::cancel`], or the slot that may be
/// reserved for it is lost.
#[derive(Debug, Default)]
#[must_use = "a ticket that is not cancelled keeps its reservation"]
pub(crate) struct Ticket {
    number: Option<u64>,
}

/// The queue of parked senders.
#[derive(Debug)]
pub(super) struct Waiters {
    queue: Mutex<Queue>,
}

// INV-MBX-10: tickets in `parked` ascend and are at least `granted`; a ticket below `granted` that
// was not cancelled or redeemed holds a reservation.
#[derive(Debug, Default)]
struct Queue {
    parked: VecDeque<(u64, Waker)>,
    /// The next ticket.
    next: u64,
    /// Tickets below this one were given their slot.
    granted: u64,
}

/// Wakers to be called once the lock is released.
#[derive(Default)]
#[must_use]
struct Woken {
    first: Option<Waker>,
    rest: Vec<Waker>,
}

impl Woken {
    fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.rest.push(waker);
        }
    }

    fn wake(self) {
        self.first.into_iter().chain(self.rest).for_each(Waker::wake);
    }
}

impl<M, C> Mailbox<M, C> {
    /// Claims a slot, waiting in line for room; the only error is [`Refused::Closed`].
    ///
    /// The task is woken when it is its turn or the mailbox is closed. Call it with the same ticket
    /// until it is ready, or give the ticket to [`Mailbox::cancel`].
    pub(crate) fn poll_claim(
        &self,
        ticket: &mut Ticket,
        cx: &Context<'_>,
    ) -> Poll<Result<Claim<'_, M, C>, Refused>> {
        loop {
            if let Some(number) = ticket.number {
                if !self.is_granted(number, cx) {
                    return Poll::Pending;
                }
                ticket.number = None;
                return Poll::Ready(self.claim_reserved());
            }
            match self.try_claim() {
                Err(Refused::Full) => ticket.number = self.park(cx),
                claim => return Poll::Ready(claim),
            }
            if ticket.number.is_some() {
                return Poll::Pending;
            }
        }
    }

    /// Leaves the line; a slot that was reserved for it goes to the next.
    pub(crate) fn cancel(&self, ticket: &mut Ticket) {
        let Some(number) = ticket.number.take() else { return };
        let Some(mut queue) = self.lock_waiters() else { return };
        let mut left = None;
        let woken = if number < queue.granted {
            self.grant(&mut queue, 1)
        } else {
            if let Ok(index) = queue.parked.binary_search_by_key(&number, |parked| parked.0) {
                left = queue.parked.remove(index);
            }
            if queue.parked.is_empty() { self.grant(&mut queue, 0) } else { Woken::default() }
        };
        drop(queue);
        drop(left);
        woken.wake();
    }

    /// Moves the limit by `change`, and gives what room there is to the waiters first.
    pub(super) fn give_room(&self, change: i32) {
        loop {
            let room = self.load_room();
            if room.has_waiters() {
                break;
            }
            if change == 0 || self.swap_room(room, room.moved(change)) {
                return;
            }
        }
        if let Some(mut queue) = self.lock_waiters() {
            let woken = self.grant(&mut queue, change);
            drop(queue);
            woken.wake();
        }
    }

    /// Wakes all waiters, after the mailbox was closed.
    pub(super) fn fail_waiters(&self) {
        // Pairs with the fence in `park`: it sees CLOSED, or this thread sees its place.
        fence(Ordering::SeqCst);
        let Some(mut queue) = self.lock_waiters() else { return };
        queue.granted = queue.next;
        let parked = mem::take(&mut queue.parked);
        drop(queue);
        for (_, waker) in parked {
            waker.wake();
        }
    }

    /// Takes a place in line, unless there is room or the mailbox is closed.
    #[cold]
    fn park(&self, cx: &Context<'_>) -> Option<u64> {
        let waker = cx.waker().clone();
        let mut queue = self.lock_or_make_waiters();
        let number = queue.next;
        loop {
            let room = self.load_room();
            if room.has_waiters() {
                break;
            }
            let taken = self.taken.load(Ordering::Acquire);
            if room.publish(taken, 0, false).left(self.load_tail()) > 0 {
                return None;
            }
            if self.swap_room(room, room.publish(taken, 0, true)) {
                break;
            }
        }
        // Pairs with the fences in `pause` and `fail_waiters`.
        fence(Ordering::SeqCst);
        let tail = self.load_tail();
        if tail.is_closed() {
            return None;
        }
        queue.next += 1;
        queue.parked.push_back((number, waker));
        // While the receiver takes messages it looks at the waiters by itself.
        let backlog = tail.count().wrapping_sub(self.taken.load(Ordering::Acquire));
        let paused = self.pace.load(Ordering::Relaxed) == pace::PAUSED;
        let woken = if paused || backlog <= self.capacity() / 2 {
            self.grant(&mut queue, 0)
        } else {
            Woken::default()
        };
        drop(queue);
        woken.wake();
        Some(number)
    }

    /// Whether a slot is reserved for the ticket; if not, notes the waker.
    fn is_granted(&self, number: u64, cx: &Context<'_>) -> bool {
        let Some(mut queue) = self.lock_waiters() else { return true };
        if number < queue.granted {
            return true;
        }
        let mut old = None;
        if let Ok(index) = queue.parked.binary_search_by_key(&number, |parked| parked.0)
            && let Some((_, waker)) = queue.parked.get_mut(index)
            && !waker.will_wake(cx.waker())
        {
            old = Some(mem::replace(waker, cx.waker().clone()));
        }
        drop(queue);
        drop(old);
        false
    }

    /// Publishes what was taken, moves the limit by `change`, and reserves room for the first
    /// waiters, as far as it goes.
    fn grant(&self, queue: &mut Queue, change: i32) -> Woken {
        let waiting = i32::try_from(queue.parked.len()).unwrap_or(i32::MAX);
        let granted = loop {
            // The room before the count: a claim in between makes the room look smaller, not larger.
            let room = self.load_room();
            let taken = self.taken.load(Ordering::Acquire);
            let left = room.publish(taken, change, false).left(self.load_tail());
            let granted = left.clamp(0, waiting);
            if self.swap_room(room, room.publish(taken, change - granted, waiting > granted)) {
                break granted;
            }
        };
        let mut woken = Woken::default();
        for _ in 0..granted {
            if let Some((number, waker)) = queue.parked.pop_front() {
                queue.granted = number + 1;
                woken.push(waker);
            }
        }
        woken
    }

    fn lock_waiters(&self) -> Option<MutexGuard<'_, Queue>> {
        let waiters = self.waiters.load(Ordering::Acquire);
        // SAFETY: null, or made by `Box::into_raw` and freed by the mailbox's drop.
        let waiters = unsafe { waiters.as_ref() }?;
        Some(waiters.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock_or_make_waiters(&self) -> MutexGuard<'_, Queue> {
        loop {
            if let Some(queue) = self.lock_waiters() {
                return queue;
            }
            let fresh = Box::into_raw(Box::new(Waiters { queue: Mutex::new(Queue::default()) }));
            let null = ptr::null_mut();
            let kept =
                self.waiters.compare_exchange(null, fresh, Ordering::AcqRel, Ordering::Relaxed);
            if kept.is_err() {
                // SAFETY: made above, and not published.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}
