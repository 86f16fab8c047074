//! The sending half of the redelivery protocol: what each actor was sent, and what to repeat.
//!
//! The history holds one 4-byte event index per delivery, so the file bounds it: about 5 million
//! deliveries, 20 MB, for the whole year. The other half is [`crate::inbox`].

use crate::roster::ActorIndex;

/// Inputs to send again, first to last, both included; numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// To whom.
    pub actor: ActorIndex,
    /// Number of the first input.
    pub first: u64,
    /// Number of the last input.
    pub last: u64,
}

/// Everything that was sent, by actor, in order.
#[derive(Debug)]
pub struct Ledger {
    accounts: Vec<Account>,
    deliveries: u64,
    repeats: u64,
}

#[derive(Debug, Default)]
struct Account {
    sent: Vec<u32>,
    incarnation: u64,
}

impl Ledger {
    /// An empty history for so many actors.
    #[must_use]
    pub fn new(actors: usize) -> Self {
        let accounts = std::iter::repeat_with(Account::default).take(actors).collect();
        Self { accounts, deliveries: 0, repeats: 0 }
    }

    /// Enters that an actor is being sent an event; returns the number of this input, from 1.
    ///
    /// # Panics
    ///
    /// When the actor is not one of the ledger's.
    pub fn record(&mut self, actor: ActorIndex, event: u32) -> u64 {
        let account = self.accounts.get_mut(actor.get()).expect("the roster sized the ledger");
        account.sent.push(event);
        self.deliveries += 1;
        account.sent.len() as u64
    }

    /// How many inputs an actor was sent so far.
    #[must_use]
    pub fn sent(&self, actor: ActorIndex) -> u64 {
        self.accounts.get(actor.get()).map_or(0, |account| account.sent.len() as u64)
    }

    /// An incarnation says how many inputs it has applied; answers what it lacks.
    ///
    /// `None` when it lacks nothing, or when a later incarnation has spoken already.
    pub fn announce(
        &mut self,
        actor: ActorIndex,
        incarnation: u64,
        applied: u64,
    ) -> Option<Resend> {
        let account = self.accounts.get_mut(actor.get())?;
        if incarnation < account.incarnation {
            return None;
        }
        account.incarnation = incarnation;
        let last = account.sent.len() as u64;
        if applied >= last {
            return None;
        }
        self.repeats += last - applied;
        Some(Resend { actor, first: applied + 1, last })
    }

    /// The event indexes of inputs to send again, the first of them for input `resend.first`.
    #[must_use]
    pub fn inputs(&self, resend: Resend) -> &[u32] {
        let bound = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let from = bound(resend.first.saturating_sub(1));
        self.accounts
            .get(resend.actor.get())
            .and_then(|account| account.sent.get(from..bound(resend.last)))
            .unwrap_or_default()
    }

    /// First deliveries so far, over all actors.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Repeated deliveries asked for so far, over all actors.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTOR: ActorIndex = ActorIndex(1);

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(2);
        for event in [10, 20, 30] {
            ledger.record(ACTOR, event);
        }
        ledger
    }

    #[test]
    fn inputs_are_numbered_from_one_per_actor() {
        let mut ledger = ledger();
        assert_eq!(ledger.record(ActorIndex(0), 40), 1);
        assert_eq!(ledger.record(ACTOR, 40), 4);
        assert_eq!((ledger.sent(ActorIndex(0)), ledger.sent(ACTOR)), (1, 4));
        assert_eq!(ledger.deliveries(), 5);
    }

    #[test]
    fn a_new_incarnation_is_sent_everything_again() {
        let mut ledger = ledger();
        let resend = ledger.announce(ACTOR, 1, 0).expect("it lacks everything");
        assert_eq!((resend.first, resend.last), (1, 3));
        assert_eq!(ledger.inputs(resend), [10, 20, 30]);
        assert_eq!(ledger.repeats(), 3);
    }

    #[test]
    fn an_incarnation_that_lacks_the_tail_is_sent_the_tail() {
        let mut ledger = ledger();
        let resend = ledger.announce(ACTOR, 0, 2).expect("it lacks the last");
        assert_eq!(ledger.inputs(resend), [30]);
        assert_eq!(ledger.announce(ACTOR, 0, 3), None);
    }

    #[test]
    fn the_word_of_an_earlier_incarnation_counts_no_more() {
        let mut ledger = ledger();
        assert!(ledger.announce(ACTOR, 2, 0).is_some());
        assert_eq!(ledger.announce(ACTOR, 1, 0), None);
        assert!(ledger.announce(ACTOR, 2, 1).is_some());
    }

    #[test]
    fn an_actor_that_was_sent_nothing_lacks_nothing() {
        assert_eq!(Ledger::new(2).announce(ACTOR, 5, 0), None);
        assert_eq!(Ledger::new(2).announce(ActorIndex(9), 5, 0), None);
    }
}
