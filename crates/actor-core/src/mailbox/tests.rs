//! What the mailbox promises, one behavior at a time, on one thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{Mailbox, Receiver, Refused};

pub(super) type Plain<M> = Mailbox<M, String>;

/// Counts how often it was woken.
#[derive(Debug, Default)]
pub(super) struct Wakes(AtomicUsize);

impl Wakes {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) fn send<M>(mailbox: &Plain<M>, message: M) -> Result<(), Refused> {
    mailbox.try_claim().map(|claim| claim.write(message, None))
}

pub(super) fn receive<M>(receiver: &mut Receiver<'_, M, String>) -> Option<M> {
    receiver.try_next().map(|(message, _)| message)
}

/// Puts the receiver to sleep, which must succeed.
fn sleep<M>(receiver: &mut Receiver<'_, M, String>, waker: &Waker) {
    let cx = Context::from_waker(waker);
    receiver.arm(&cx);
    assert_eq!(receiver.poll_sleep(&cx), Poll::Pending);
}

#[test]
fn messages_come_in_the_order_sent_across_many_blocks() {
    let mailbox = Plain::new(1000);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..1000_u32 {
        send(&mailbox, n).unwrap();
    }
    assert_eq!(mailbox.len(), 1000);
    for n in 0..1000 {
        assert_eq!(receive(&mut receiver), Some(n));
    }
    assert_eq!(receive(&mut receiver), None);
}

#[test]
fn there_is_one_receiver_at_a_time() {
    let mailbox = Plain::<u8>::new(1);
    let first = mailbox.receiver();
    assert!(first.is_some());
    assert!(mailbox.receiver().is_none());
    drop(first);
    assert!(mailbox.receiver().is_some());
}

#[test]
fn a_full_mailbox_refuses_and_takes_one_more_for_each_one_taken() {
    for capacity in [1, 2, 3, 8, 33, 100] {
        let mailbox = Plain::new(capacity);
        let mut receiver = mailbox.receiver().unwrap();
        for n in 0..capacity {
            send(&mailbox, n).unwrap();
        }
        for n in capacity..capacity + 100 {
            assert_eq!(send(&mailbox, n), Err(Refused::Full));
            assert_eq!(receive(&mut receiver), Some(n - capacity));
            send(&mailbox, n).unwrap();
        }
        assert_eq!(send(&mailbox, 0), Err(Refused::Full));
    }
}

#[test]
fn a_context_travels_with_its_message_only() {
    let mailbox = Plain::new(100);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..50_u32 {
        let context = (n % 3 == 0).then(|| Box::new(n.to_string()));
        mailbox.try_claim().unwrap().write(n, context);
    }
    for n in 0..40_u32 {
        let (message, context) = receiver.try_next().unwrap();
        assert_eq!(message, n);
        assert_eq!(context.map(|it| *it), (n % 3 == 0).then(|| n.to_string()));
    }
}

#[test]
fn a_claim_dropped_unwritten_is_skipped() {
    let mailbox = Plain::new(10);
    let mut receiver = mailbox.receiver().unwrap();
    send(&mailbox, 1).unwrap();
    drop(mailbox.try_claim().unwrap());
    send(&mailbox, 2).unwrap();
    assert_eq!(receive(&mut receiver), Some(1));
    assert_eq!(receive(&mut receiver), Some(2));
    assert!(mailbox.is_empty());
}

#[test]
fn sleep_ends_with_one_wake_by_the_first_claim() {
    let (woken, waker) = Wakes::new();
    let mailbox = Plain::new(10);
    let mut receiver = mailbox.receiver().unwrap();
    for round in 1..=30 {
        sleep(&mut receiver, &waker);
        for n in 0..5 {
            send(&mailbox, n).unwrap();
            assert_eq!(woken.count(), round);
        }
        while receive(&mut receiver).is_some() {}
    }
}

#[test]
fn a_control_wake_before_the_first_poll_makes_the_receiver_look_again() {
    let (woken, waker) = Wakes::new();
    let mailbox = Plain::<u8>::new(10);
    let mut receiver = mailbox.receiver().unwrap();
    mailbox.wake();
    assert_eq!(receiver.poll_sleep(&Context::from_waker(&waker)), Poll::Ready(()));
    assert_eq!(receiver.poll_sleep(&Context::from_waker(&waker)), Poll::Pending);
    assert_eq!(woken.count(), 0);
    mailbox.wake();
    assert_eq!(woken.count(), 1);
}

#[test]
fn a_claimed_but_unwritten_slot_makes_the_receiver_wake_itself() {
    let (woken, waker) = Wakes::new();
    let mailbox = Plain::new(10);
    let mut receiver = mailbox.receiver().unwrap();
    sleep(&mut receiver, &waker);
    let claim = mailbox.try_claim().unwrap();
    assert_eq!(receiver.poll_sleep(&Context::from_waker(&waker)), Poll::Pending);
    assert_eq!(woken.count(), 1);
    claim.write(1, None);
    assert_eq!(woken.count(), 2);
    assert_eq!(receive(&mut receiver), Some(1));
}

#[test]
fn close_refuses_and_drain_yields_what_was_queued_once() {
    let mailbox = Plain::new(100);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..20 {
        send(&mailbox, n).unwrap();
    }
    mailbox.close();
    assert!(mailbox.is_closed());
    assert_eq!(send(&mailbox, 20), Err(Refused::Closed));
    let drained: Vec<_> = std::iter::from_fn(|| receiver.drain_next()).map(|it| it.0).collect();
    assert_eq!(drained, (0..20).collect::<Vec<_>>());
    assert!(receiver.drain_next().is_none());
}

#[test]
fn close_of_a_mailbox_without_a_block_refuses() {
    let mailbox = Plain::new(100);
    mailbox.close();
    assert_eq!(send(&mailbox, 20), Err(Refused::Closed));
    assert!(mailbox.receiver().unwrap().drain_next().is_none());
}

#[test]
fn the_oldest_is_displaced_when_the_head_is_shared() {
    let mailbox = Plain::new(3);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..3 {
        send(&mailbox, n).unwrap();
    }
    assert!(mailbox.pop_oldest().is_none());
    assert_eq!(mailbox.claim_displacing(|_, _| ()).unwrap_err(), Refused::Full);
    receiver.share_head(true);
    let mut displaced = Vec::new();
    for n in 3..50 {
        mailbox.claim_displacing(|message, _| displaced.push(message)).unwrap().write(n, None);
    }
    assert_eq!(displaced, (0..47).collect::<Vec<_>>());
    assert_eq!(receive(&mut receiver), Some(47));
    receiver.share_head(false);
    assert!(mailbox.pop_oldest().is_none());
    assert_eq!(receive(&mut receiver), Some(48));
}

#[test]
fn messages_of_no_size_and_of_four_kibibytes_arrive() {
    let (_, waker) = Wakes::new();
    let empty = Plain::<()>::new(100);
    let mut receiver = empty.receiver().unwrap();
    for _ in 0..100 {
        send(&empty, ()).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| receive(&mut receiver)).count(), 100);

    let large = Plain::<[u8; 4096]>::new(100);
    let mut receiver = large.receiver().unwrap();
    for round in 0..20 {
        for n in 0..round {
            send(&large, [n; 4096]).unwrap();
        }
        for n in 0..round {
            assert_eq!(receive(&mut receiver), Some([n; 4096]));
        }
        sleep(&mut receiver, &waker);
    }
}

#[test]
fn counters_wrap_around() {
    let (_, waker) = Wakes::new();
    let starts = [u64::from(u32::MAX), u64::from(u32::MAX >> 1), u64::MAX >> 8];
    for start in starts {
        for before in [1, 5, 20, 50] {
            let mailbox = Plain::starting_at(10, start - before);
            let mut receiver = mailbox.receiver().unwrap();
            for n in 0..100 {
                send(&mailbox, n).unwrap();
                if n >= 9 {
                    assert_eq!(send(&mailbox, 0), Err(Refused::Full));
                    assert_eq!(receive(&mut receiver), Some(n - 9));
                }
            }
            while receive(&mut receiver).is_some() {}
            assert_eq!(mailbox.len(), 0);
            sleep(&mut receiver, &waker);
        }
    }
}

#[test]
fn messages_left_in_a_dropped_mailbox_are_dropped_once() {
    let token = Arc::new(());
    for left in 0..20 {
        let mailbox = Mailbox::<_, Arc<()>>::new(100);
        let mut receiver = mailbox.receiver().unwrap();
        for n in 0..30 {
            let context = (n % 2 == 0).then(|| Box::new(Arc::clone(&token)));
            mailbox.try_claim().unwrap().write(Arc::clone(&token), context);
        }
        for _ in left..30 {
            assert!(receiver.try_next().is_some());
        }
        drop(mailbox.try_claim());
        drop(receiver);
        drop(mailbox);
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

#[test]
fn the_mailbox_is_small() {
    assert_eq!(size_of::<Mailbox<[u64; 3], String>>(), size_of::<Mailbox<[u64; 99], String>>());
    assert!(size_of::<Mailbox<[u64; 3], String>>() <= 80);
}

#[test]
fn a_mailbox_that_was_hardly_used_keeps_no_block_and_one_in_use_keeps_one() {
    let (_, waker) = Wakes::new();
    let mailbox = Plain::new(100);
    let mut receiver = mailbox.receiver().unwrap();
    let mut round = |messages| {
        for n in 0..messages {
            send(&mailbox, n).unwrap();
        }
        while receive(&mut receiver).is_some() {}
        sleep(&mut receiver, &waker);
        let first = mailbox.head_block.load(super::Ordering::Relaxed);
        (mailbox.load_tail().offset() == super::Tail::DETACHED, first)
    };
    assert!(round(1).0);
    assert!(round(1).0);
    let (freed, block) = round(1);
    assert!(!freed);
    assert_eq!(round(1), (false, block));
    assert!(!round(90).0, "its spare blocks are for the next burst");
    assert!(round(1).0, "there was none");
    assert!(!round(1).0);
}
