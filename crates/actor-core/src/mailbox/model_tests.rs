//! Random operations on one thread against a plain queue.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;

use super::{Mailbox, Refused, Ticket};

/// What may be done to a mailbox.
#[derive(Clone, Debug)]
enum Op {
    Send,
    SendMany(u8),
    SendWithContext,
    DropClaim,
    Receive,
    ReceiveMany(u8),
    Sleep,
    Pause,
    Share(bool),
    PopOldest,
    Displace,
    Resize(u32),
    Wait,
    PollWaiter(usize),
    CancelWaiter(usize),
    Close,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => Just(Op::Send),
        2 => (1..40_u8).prop_map(Op::SendMany),
        2 => Just(Op::SendWithContext),
        1 => Just(Op::DropClaim),
        6 => Just(Op::Receive),
        2 => (1..40_u8).prop_map(Op::ReceiveMany),
        3 => Just(Op::Sleep),
        2 => Just(Op::Pause),
        1 => any::<bool>().prop_map(Op::Share),
        2 => Just(Op::PopOldest),
        1 => Just(Op::Displace),
        1 => (1..50_u32).prop_map(Op::Resize),
        3 => Just(Op::Wait),
        3 => (0..4_usize).prop_map(Op::PollWaiter),
        1 => (0..4_usize).prop_map(Op::CancelWaiter),
        1 => Just(Op::Close),
    ];
    prop::collection::vec(op, 0..200)
}

type Token = Arc<u64>;
/// A message may have a context; a dropped claim is none.
type Slot = Option<(u64, bool)>;

/// The mailbox beside what it should be.
struct Pair<'a> {
    mailbox: &'a Mailbox<Token, u64>,
    /// Every claimed slot that is not taken.
    queue: VecDeque<Slot>,
    capacity: u32,
    closed: bool,
    shared: bool,
    /// The waiters in the order they came, with their ids.
    waiting: Vec<Ticket>,
    sent: Vec<Token>,
}

impl Pair<'_> {
    fn message(&mut self) -> (Token, u64) {
        let number = self.sent.len() as u64;
        let token = Arc::new(number);
        self.sent.push(Arc::clone(&token));
        (token, number)
    }

    /// Without waiters the answer is exact; with some, a newcomer may be refused beside room.
    fn check_refusal(&self, refused: Refused) {
        match refused {
            Refused::Closed => assert!(self.closed),
            Refused::Full => {
                assert!(!self.closed);
                assert!(!self.waiting.is_empty() || self.queue.len() >= self.capacity as usize);
            }
        }
    }

    fn check_admission(&self) {
        assert!(!self.closed);
        assert!(self.queue.len() < self.capacity as usize);
    }

    fn send(&mut self, with_context: bool) {
        let (token, number) = self.message();
        match self.mailbox.try_claim() {
            Ok(claim) => {
                self.check_admission();
                claim.write(token, with_context.then(|| Box::new(number)));
                self.queue.push_back(Some((number, with_context)));
            }
            Err(refused) => self.check_refusal(refused),
        }
    }

    fn check_taken(&mut self, taken: Option<(Token, Option<Box<u64>>)>) {
        while self.queue.front() == Some(&None) {
            self.queue.pop_front();
        }
        let expected = self.queue.pop_front().flatten();
        let taken = taken.map(|(token, context)| {
            if let Some(context) = &context {
                assert_eq!(**context, *token);
            }
            (*token, context.is_some())
        });
        assert_eq!(taken, expected);
    }

    /// The displaced come first; dropped claims among them vanish.
    fn check_displaced(&mut self, displaced: Vec<(Token, Option<Box<u64>>)>, left: usize) {
        for taken in displaced {
            self.check_taken(Some(taken));
        }
        while self.queue.len() > left {
            assert_eq!(self.queue.pop_front(), Some(None));
        }
    }

    fn displace(&mut self) {
        let (token, number) = self.message();
        let mut displaced = Vec::new();
        match self.mailbox.claim_displacing(|token, context| displaced.push((token, context))) {
            Ok(claim) => {
                claim.write(token, None);
                self.check_displaced(displaced, self.mailbox.len() - 1);
                self.check_admission();
                self.queue.push_back(Some((number, false)));
            }
            Err(Refused::Full) if self.shared => {
                self.check_displaced(displaced, 0);
                assert!(!self.waiting.is_empty());
            }
            Err(refused) => self.check_refusal(refused),
        }
    }

    fn poll_waiter(&mut self, index: usize) {
        let cx = Context::from_waker(Waker::noop());
        let (token, number) = self.message();
        let Some(ticket) = self.waiting.get_mut(index) else { return };
        match self.mailbox.poll_claim(ticket, &cx) {
            Poll::Ready(Ok(claim)) => {
                // A reservation outlives a shrinking, so the capacity is not checked here.
                assert!(!self.closed);
                claim.write(token, None);
                self.queue.push_back(Some((number, false)));
                drop(self.waiting.remove(index));
            }
            Poll::Ready(Err(refused)) => {
                assert_eq!(refused, Refused::Closed);
                assert!(self.closed);
                drop(self.waiting.remove(index));
            }
            Poll::Pending => assert!(!self.closed),
        }
    }

    fn wait(&mut self) {
        self.waiting.push(Ticket::default());
        self.poll_waiter(self.waiting.len() - 1);
    }

    fn cancel(&mut self, index: usize) {
        if index < self.waiting.len() {
            self.mailbox.cancel(&mut self.waiting.remove(index));
        }
    }
}

fn run(capacity: u32, start: u64, ops: Vec<Op>) {
    let mailbox = Mailbox::starting_at(capacity, start);
    let mut receiver = mailbox.receiver().expect("the only receiver");
    let cx = Context::from_waker(Waker::noop());
    receiver.arm(&cx);
    let mut pair = Pair {
        mailbox: &mailbox,
        queue: VecDeque::new(),
        capacity,
        closed: false,
        shared: false,
        waiting: Vec::new(),
        sent: Vec::new(),
    };
    for op in ops {
        match op {
            Op::Send => pair.send(false),
            Op::SendMany(count) => (0..count).for_each(|_| pair.send(false)),
            Op::SendWithContext => pair.send(true),
            Op::DropClaim => {
                if mailbox.try_claim().is_ok() {
                    pair.check_admission();
                    pair.queue.push_back(None);
                }
            }
            Op::Receive => pair.check_taken(receiver.try_next()),
            Op::ReceiveMany(count) => {
                (0..count).for_each(|_| pair.check_taken(receiver.try_next()));
            }
            Op::Sleep => {
                let ready = pair.queue.is_empty() == receiver.poll_sleep(&cx).is_pending();
                assert!(ready);
            }
            Op::Pause => receiver.pause(),
            Op::Share(shared) => {
                receiver.share_head(shared);
                pair.shared = shared;
            }
            Op::PopOldest if pair.shared => pair.check_taken(mailbox.pop_oldest()),
            Op::PopOldest => assert!(mailbox.pop_oldest().is_none()),
            Op::Displace => pair.displace(),
            Op::Resize(capacity) => {
                assert_eq!(mailbox.set_capacity(capacity), pair.capacity);
                pair.capacity = capacity;
            }
            Op::Wait => pair.wait(),
            Op::PollWaiter(index) => pair.poll_waiter(index),
            Op::CancelWaiter(index) => pair.cancel(index),
            Op::Close => {
                mailbox.close();
                pair.closed = true;
            }
        }
        assert_eq!(mailbox.is_closed(), pair.closed);
        assert_eq!(mailbox.len(), pair.queue.len());
    }
    // Everybody who waits gets in, in order, once the receiver goes on.
    while !pair.closed && !pair.waiting.is_empty() {
        let before = pair.waiting.len();
        while receiver.try_next().is_some() {}
        pair.queue.clear();
        receiver.pause();
        pair.poll_waiter(0);
        assert!(pair.waiting.len() < before, "the first in line is let in");
    }
    let sent = pair.sent;
    drop(receiver);
    drop(mailbox);
    assert!(sent.iter().all(|token| Arc::strong_count(token) == 1), "leaked or lost");
}

proptest! {
    #[test]
    fn any_sequence_of_operations_matches_a_plain_queue(
        capacity in prop_oneof![1..5_u32, 30..40_u32, Just(1024)],
        start in prop_oneof![
            Just(0),
            (1..100_u64).prop_map(|back| u64::from(u32::MAX) + 1 - back),
            (1..100_u64).prop_map(|back| (u64::MAX >> 8) - back),
        ],
        ops in ops(),
    ) {
        run(capacity, start, ops);
    }
}
