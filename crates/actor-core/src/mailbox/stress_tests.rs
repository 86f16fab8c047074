//! Many short rounds on real threads: nothing lost, nothing twice, each sender's order kept.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use super::{Mailbox, Refused, Ticket};

const SENDERS: usize = 8;

type Lane = Mailbox<Tagged, usize>;

/// Which sender's which message; counts the living.
struct Tagged {
    sender: usize,
    number: usize,
    alive: Arc<AtomicUsize>,
}

impl Tagged {
    fn new(sender: usize, number: usize, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { sender, number, alive: Arc::clone(alive) }
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

/// A small generator: rounds differ, and a failing one can be repeated.
struct Dice(usize);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Sends with all the ways to wait; gives up some waits half-way.
fn send_waiting(lane: &Lane, message: Tagged, dice: &mut Dice) -> Result<(), Refused> {
    let context = (dice.below(8) == 0).then(|| Box::new(message.number));
    loop {
        let mut patience = dice.below(3);
        let mut ticket = Ticket::default();
        let claim = block_on(poll_fn(|cx| match lane.poll_claim(&mut ticket, cx) {
            Poll::Ready(claim) => Poll::Ready(Some(claim)),
            Poll::Pending if patience == 0 => Poll::Pending,
            Poll::Pending => {
                patience -= 1;
                if patience == 0 {
                    lane.cancel(&mut ticket);
                    return Poll::Ready(None);
                }
                Poll::Pending
            }
        }));
        match claim {
            Some(claim) => return claim.map(|claim| claim.write(message, context)),
            None => thread::yield_now(),
        }
    }
}

/// Receives `expected` messages, or all until the mailbox is closed and empty; checks each
/// sender's order and returns how many came.
fn receive_in_order(lane: &Lane, expected: usize, dice: &mut Dice) -> usize {
    let mut receiver = lane.receiver().expect("the only receiver");
    let mut last = [0; SENDERS];
    let mut count = 0;
    let mut check = |message: &Tagged, context: Option<Box<usize>>| {
        let last = last.get_mut(message.sender).expect("a known sender");
        assert!(message.number > *last, "out of order or twice");
        *last = message.number;
        assert!(context.is_none_or(|it| *it == message.number));
        count += 1;
        count
    };
    block_on(poll_fn(|cx| {
        loop {
            while let Some((message, context)) = receiver.try_next() {
                if check(&message, context) == expected {
                    return Poll::Ready(());
                }
                if dice.below(64) == 0 {
                    receiver.pause();
                }
            }
            if lane.is_closed() {
                return Poll::Ready(());
            }
            if receiver.poll_sleep(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }));
    while let Some((message, context)) = receiver.drain_next() {
        check(&message, context);
    }
    count
}

#[test]
fn fan_in_loses_nothing_whatever_the_capacity() {
    let each = 300;
    for round in 0..60_usize {
        let capacity = [1, 2, 3, 4, 17, 1024][round % 6];
        let lane = Lane::starting_at(capacity, u64::from(u32::MAX) - round as u64 * 7);
        let alive = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(SENDERS + 1);
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (lane, alive, start) = (&lane, &alive, &start);
                scope.spawn(move || {
                    let mut dice = Dice(round * SENDERS + sender + 1);
                    start.wait();
                    for number in 1..=each {
                        let message = Tagged::new(sender, number, alive);
                        send_waiting(lane, message, &mut dice).expect("it is open");
                    }
                });
            }
            start.wait();
            let received = receive_in_order(&lane, SENDERS * each, &mut Dice(round + 1));
            assert_eq!(received, SENDERS * each);
        });
        assert!(lane.is_empty());
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_close_in_the_middle_neither_loses_nor_repeats() {
    for round in 0..90_usize {
        let lane = Lane::new([1, 3, 64][round % 3]);
        let alive = Arc::new(AtomicUsize::new(0));
        let accepted = AtomicUsize::new(0);
        let received = thread::scope(|scope| {
            for sender in 0..4 {
                let (lane, alive, accepted) = (&lane, &alive, &accepted);
                scope.spawn(move || {
                    let mut dice = Dice(round * 4 + sender + 1);
                    for number in 1.. {
                        let message = Tagged::new(sender, number, alive);
                        if send_waiting(lane, message, &mut dice).is_err() {
                            break;
                        }
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let lane = &lane;
            let receiver =
                scope.spawn(move || receive_in_order(lane, usize::MAX, &mut Dice(round + 1)));
            // Not until the lane holds some: a quick receiver might leave it empty at every look.
            while accepted.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            for _ in 0..round {
                thread::yield_now();
            }
            lane.close();
            receiver.join().expect("it does not panic")
        });
        assert_eq!(received, accepted.load(Ordering::Relaxed));
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn displaced_and_received_messages_together_are_all_that_were_sent() {
    let each = 400;
    for round in 0..24_usize {
        let lane = Lane::new([1, 2, 5, 40][round % 4]);
        lane.receiver().expect("the only receiver").share_head(true);
        let alive = Arc::new(AtomicUsize::new(0));
        let displaced = AtomicUsize::new(0);
        let received = thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let (lane, alive, displaced) = (&lane, &alive, &displaced);
                    scope.spawn(move || {
                        for number in 1..=each {
                            let message = Tagged::new(sender, number, alive);
                            let claim = lane.claim_displacing(|oldest, _| {
                                drop(oldest);
                                displaced.fetch_add(1, Ordering::Relaxed);
                            });
                            claim.expect("it is open").write(message, None);
                        }
                    })
                })
                .collect();
            let lane = &lane;
            let receiver =
                scope.spawn(move || receive_in_order(lane, usize::MAX, &mut Dice(round + 1)));
            for sender in senders {
                sender.join().expect("it does not panic");
            }
            lane.close();
            receiver.join().expect("it does not panic")
        });
        assert_eq!(received + displaced.load(Ordering::Relaxed), 4 * each);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn resizing_under_load_loses_nothing_and_wakes_everybody() {
    let each = 400;
    for round in 0..24_usize {
        let lane = Lane::new(2);
        let alive = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for sender in 0..3 {
                let (lane, alive) = (&lane, &alive);
                scope.spawn(move || {
                    let mut dice = Dice(round * 3 + sender + 1);
                    for number in 1..=each {
                        let message = Tagged::new(sender, number, alive);
                        send_waiting(lane, message, &mut dice).expect("it is open");
                    }
                });
            }
            let lane = &lane;
            scope.spawn(move || {
                let mut dice = Dice(round + 99);
                for _ in 0..200 {
                    lane.set_capacity(u32::try_from(1 + dice.below(20)).unwrap());
                    thread::yield_now();
                }
            });
            let received = receive_in_order(lane, 3 * each, &mut Dice(round + 1));
            assert_eq!(received, 3 * each);
        });
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}
