//! The receiving half of the redelivery protocol: inputs 1..n, in order, each exactly once.
//!
//! An actor's inputs are numbered from 1. A new incarnation has applied none of them, while its
//! mailbox still holds later ones: it stashes those until the feeder has sent 1..n again, and
//! drops what it gets twice. The other half is [`crate::ledger`].

use std::collections::BTreeMap;

/// What to do with an input.
#[derive(Debug, PartialEq, Eq)]
pub enum Accept<T> {
    /// Apply it now, then take [`Inbox::next_stashed`] until that is empty.
    Apply(T),
    /// It came too early and waits.
    Stashed,
    /// It was applied or stashed before, and was dropped.
    Repeat,
    /// It came too early, the stash is full, and it was dropped: the feeder sends it again.
    Refused,
}

/// Puts the inputs of one incarnation into order.
#[derive(Debug)]
pub struct Inbox<T> {
    applied: u64,
    stash: BTreeMap<u64, T>,
    stash_max: usize,
    asked: Option<u64>,
}

impl<T> Inbox<T> {
    /// An incarnation that has applied nothing, with room for `stash_max` early inputs.
    #[must_use]
    pub fn new(stash_max: usize) -> Self {
        Self { applied: 0, stash: BTreeMap::new(), stash_max, asked: None }
    }

    /// Takes an input. Inputs are numbered from 1.
    pub fn accept(&mut self, number: u64, input: T) -> Accept<T> {
        if number <= self.applied || self.stash.contains_key(&number) {
            return Accept::Repeat;
        }
        if number == self.applied + 1 {
            self.applied = number;
            return Accept::Apply(input);
        }
        if self.stash.len() >= self.stash_max {
            return Accept::Refused;
        }
        self.stash.insert(number, input);
        Accept::Stashed
    }

    /// The next stashed input whose turn has come.
    pub fn next_stashed(&mut self) -> Option<T> {
        let input = self.stash.remove(&(self.applied + 1))?;
        self.applied += 1;
        Some(input)
    }

    /// How many inputs were applied: the number of the last one.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// How many inputs wait.
    #[must_use]
    pub fn stashed(&self) -> usize {
        self.stash.len()
    }

    /// The first missing input when later ones wait for it; says so once per missing input.
    ///
    /// For inputs lost without a restart. A new incarnation announces itself anyway.
    pub fn newly_missing(&mut self) -> Option<u64> {
        let missing = self.applied + 1;
        if self.stash.is_empty() || self.asked == Some(missing) {
            return None;
        }
        self.asked = Some(missing);
        Some(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_in_order_are_applied_at_once() {
        let mut inbox = Inbox::new(4);
        for number in 1..=3 {
            assert_eq!(inbox.accept(number, number), Accept::Apply(number));
            assert_eq!(inbox.next_stashed(), None);
        }
        assert_eq!((inbox.applied(), inbox.newly_missing()), (3, None));
    }

    #[test]
    fn early_inputs_wait_and_follow_in_order() {
        let mut inbox = Inbox::new(4);
        assert_eq!(inbox.accept(3, 'c'), Accept::Stashed);
        assert_eq!(inbox.accept(2, 'b'), Accept::Stashed);
        assert_eq!(inbox.next_stashed(), None);
        assert_eq!(inbox.accept(1, 'a'), Accept::Apply('a'));
        assert_eq!(inbox.next_stashed(), Some('b'));
        assert_eq!(inbox.next_stashed(), Some('c'));
        assert_eq!((inbox.applied(), inbox.stashed()), (3, 0));
    }

    #[test]
    fn repeats_are_dropped_whether_applied_or_stashed() {
        let mut inbox = Inbox::new(4);
        assert_eq!(inbox.accept(1, ()), Accept::Apply(()));
        assert_eq!(inbox.accept(1, ()), Accept::Repeat);
        assert_eq!(inbox.accept(3, ()), Accept::Stashed);
        assert_eq!(inbox.accept(3, ()), Accept::Repeat);
    }

    #[test]
    fn a_full_stash_refuses_and_loses_nothing_it_holds() {
        let mut inbox = Inbox::new(1);
        assert_eq!(inbox.accept(2, 'b'), Accept::Stashed);
        assert_eq!(inbox.accept(3, 'c'), Accept::Refused);
        assert_eq!(inbox.accept(1, 'a'), Accept::Apply('a'));
        assert_eq!(inbox.next_stashed(), Some('b'));
        assert_eq!(inbox.next_stashed(), None);
        assert_eq!(inbox.accept(3, 'c'), Accept::Apply('c'));
    }

    #[test]
    fn a_missing_input_is_named_once() {
        let mut inbox = Inbox::new(4);
        assert_eq!(inbox.newly_missing(), None);
        assert_eq!(inbox.accept(2, ()), Accept::Stashed);
        assert_eq!(inbox.newly_missing(), Some(1));
        assert_eq!(inbox.newly_missing(), None);
        assert_eq!(inbox.accept(1, ()), Accept::Apply(()));
        assert_eq!(inbox.next_stashed(), Some(()));
        assert_eq!(inbox.accept(5, ()), Accept::Stashed);
        assert_eq!(inbox.newly_missing(), Some(3));
    }
}
