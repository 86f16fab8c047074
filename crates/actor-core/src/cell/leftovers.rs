//! What happens to messages and replies that an actor leaves behind.

use std::{any::type_name, sync::Arc};

use super::{AnyCell, Cell, Control, Flags, Inbox, Order, Status};
use crate::{
    DeadReason, ExitReason,
    extras::Letter,
    slot::{AskTag, LostList, Why},
    turn,
};

impl<M: Send + 'static> Cell<M> {
    /// Tells the askers whose replies were let go in the turn that just ended well.
    #[expect(clippy::unused_self, reason = "a step of the cell's turn like the others")]
    pub(crate) fn settle_lost(&self) {
        if turn::has_lost() {
            turn::take_lost().lose_all(Why::Dropped);
        }
    }

    /// What a poll that ends without an end leaves to do.
    pub(crate) fn rest(&self) {
        self.keep_lost();
        self.mailbox.rest();
    }

    /// Keeps the replies lost in a turn that is not over at the end of a poll.
    pub(crate) fn keep_lost(&self) {
        if turn::has_lost() {
            self.rare().desk().lost.append(turn::take_lost());
            self.flags.set(Flags::LOST);
        }
    }

    /// As [`settle_lost`](Self::settle_lost), for those kept over a poll.
    pub(crate) fn settle_kept_lost(&self) {
        self.take_kept_lost().lose_all(Why::Dropped);
    }

    fn take_kept_lost(&self) -> LostList {
        self.at_desk(|desk| std::mem::take(&mut desk.lost)).unwrap_or_default()
    }

    /// All replies lost in the turn in which an incarnation ended.
    pub(crate) fn take_all_lost(&self) -> LostList {
        let mut lost = LostList::new();
        // Only the actor's own task sets it.
        if self.flags.has(Flags::LOST) && self.flags.take(Flags::LOST) != 0 {
            lost = self.take_kept_lost();
        }
        if turn::has_lost() {
            lost.append(turn::take_lost());
        }
        lost
    }

    /// The next thing on the control queue.
    pub(crate) fn next_control(&self) -> Option<Control> {
        let mut rare = self.rare();
        let desk = rare.desk.as_mut()?;
        let control = desk.queue.pop_front()?;
        if matches!(control, Control::Visit(_)) {
            desk.visits -= 1;
        }
        Some(control)
    }

    pub(crate) fn next_order(&self) -> Option<Order> {
        self.rare().desk.as_mut()?.orders.pop_front()
    }

    pub(crate) fn take_verdict(&self) -> Option<ExitReason> {
        self.rare().desk.as_mut()?.verdict.take()
    }

    pub(crate) fn drop_orders(&self) {
        if let Some(desk) = self.rare().desk.as_mut() {
            desk.orders.clear();
        }
    }

    pub(crate) fn is_supervised(&self) -> bool {
        self.ties.have_supervisor()
    }

    /// The supervisor and the number under which it knows this actor.
    pub(crate) fn supervisor(&self) -> Option<(Arc<dyn AnyCell>, u64)> {
        if !self.ties.have_supervisor() {
            return None;
        }
        let rare = self.rare();
        let link = rare.link.as_ref().filter(|link| link.supervised)?;
        Some((Arc::clone(&link.parent), link.key))
    }

    /// Closes the mailbox; what is in it, and the `letters` held outside of it, become dead
    /// letters, and queued asks get their message back.
    pub(crate) fn bury_leftovers(&self, inbox: &mut Inbox<'_, M>, letters: Vec<Letter<M>>) {
        self.mailbox.close_from_within();
        let _turn = turn::enter(self.id);
        let mut dead = 0_u64;
        for (message, _) in letters {
            dead += 1;
            bury_one(message);
        }
        // Drained first: by then every asker has noted where its question lay.
        let mut left = Vec::new();
        while let Some((message, _)) = inbox.drain_next() {
            left.push((inbox.last_position(), message));
        }
        if !left.is_empty() {
            let asks = self.system.pool.asks_of(self.id);
            for (position, message) in left {
                let unwanted = match asks.get(&position) {
                    Some(tag) => self.give_back(*tag, position, message, Why::Stopped),
                    None => Some(message),
                };
                if let Some(message) = unwanted {
                    dead += 1;
                    bury_one(message);
                }
            }
        }
        // Replies inside the dropped messages.
        turn::take_lost().lose_all(Why::Stopped);
        if dead > 0 {
            self.tell_of_dead(DeadReason::Stopped, dead);
        }
    }

    /// Hands the result of a piped future to the incarnation that piped it; dropped if that is over.
    pub(crate) fn post_piped(&self, incarnation: u32, letter: Letter<M>) {
        let late = {
            let mut rare = self.rare();
            if self.status() == Status::Stopped || self.incarnation() != incarnation {
                Some(letter)
            } else {
                rare.desk().piped.push_back((incarnation, letter));
                None
            }
        };
        if late.is_none() {
            self.raise(Flags::QUEUE);
        }
    }

    /// Publishes messages that nobody will handle.
    #[cold]
    pub(crate) fn tell_of_dead(&self, reason: DeadReason, count: u64) {
        let letters = &self.system.dead_letters;
        letters.publish(self.id, || self.path(), type_name::<M>(), reason, count);
        if let Some(probe) = &self.system.probe {
            probe.dropped(self.id, reason, count);
        }
    }

    /// Puts the message of a queued ask where its asker finds it, then wakes the asker. The message
    /// comes back if the asker has gone.
    fn give_back(&self, tag: AskTag, position: u32, message: M, why: Why) -> Option<M> {
        self.rare().desk().returned.insert(position, message);
        if self.system.pool.recall(tag, why) { None } else { self.fetch_returned(position) }
    }

    /// The oldest message gave way to a newer one: whoever asked has it back, any other is dead.
    #[cold]
    pub(super) fn displace(&self, position: u32, message: M) {
        let mut message = Some(message);
        if self.was_asked() {
            // Looks at every ask of the system, but only where questions are displaced at all.
            let tag = self.system.pool.asks_of(self.id).remove(&position);
            message = match (tag, message) {
                (Some(tag), Some(asked)) => self.give_back(tag, position, asked, Why::Displaced),
                (_, message) => message,
            };
        }
        if let Some(message) = message {
            self.drop_letter(message);
        }
    }

    /// The message of an ask that was still queued when the actor ended.
    pub(crate) fn fetch_returned(&self, position: u32) -> Option<M> {
        self.rare().desk.as_mut()?.returned.remove(&position)
    }
}

/// Drops a message; one that panics in its `Drop` must not keep the others from their end.
fn bury_one<M>(message: M) {
    // What the payload says is of no use to anybody: the message was dead already.
    drop(super::catch(|| drop(message)));
}
