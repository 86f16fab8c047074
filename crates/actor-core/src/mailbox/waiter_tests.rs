//! Senders that wait for room: order, cancellation, closing, resizing.

use std::task::{Context, Poll};

use super::{
    Refused, Ticket,
    tests::{Plain, Wakes, receive, send},
};

#[test]
fn waiters_get_room_in_the_order_they_came_and_newcomers_do_not_overtake() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(2);
    let mut receiver = mailbox.receiver().unwrap();
    send(&mailbox, 0).unwrap();
    send(&mailbox, 1).unwrap();
    let mut tickets = [Ticket::default(), Ticket::default(), Ticket::default()];
    for ticket in &mut tickets {
        assert!(mailbox.poll_claim(ticket, &cx).is_pending());
    }
    assert_eq!(receive(&mut receiver), Some(0));
    assert_eq!(send(&mailbox, 9), Err(Refused::Full));
    receiver.pause();
    assert_eq!(woken.count(), 1);
    assert_eq!(send(&mailbox, 9), Err(Refused::Full));
    let [first, second, third] = &mut tickets;
    assert!(mailbox.poll_claim(third, &cx).is_pending());
    assert!(mailbox.poll_claim(second, &cx).is_pending());
    let Poll::Ready(Ok(claim)) = mailbox.poll_claim(first, &cx) else { panic!("it is its turn") };
    claim.write(2, None);
    assert_eq!(receive(&mut receiver), Some(1));
    assert_eq!(receive(&mut receiver), Some(2));
    receiver.pause();
    assert_eq!(woken.count(), 3);
    assert!(mailbox.poll_claim(third, &cx).is_ready());
    assert!(mailbox.poll_claim(second, &cx).is_ready());
}

#[test]
fn a_cancelled_waiter_passes_its_reservation_on() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(1);
    let mut receiver = mailbox.receiver().unwrap();
    send(&mailbox, 0).unwrap();
    let mut tickets = [Ticket::default(), Ticket::default(), Ticket::default()];
    for ticket in &mut tickets {
        assert!(mailbox.poll_claim(ticket, &cx).is_pending());
    }
    let [first, second, third] = &mut tickets;
    mailbox.cancel(second);
    assert_eq!(receive(&mut receiver), Some(0));
    receiver.pause();
    assert_eq!(woken.count(), 1);
    mailbox.cancel(first);
    assert_eq!(woken.count(), 2);
    assert_eq!(send(&mailbox, 9), Err(Refused::Full));
    mailbox.cancel(third);
    assert_eq!(send(&mailbox, 9), Ok(()));
    assert_eq!(send(&mailbox, 9), Err(Refused::Full));
}

#[test]
fn close_wakes_and_fails_waiters() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(1);
    send(&mailbox, 0).unwrap();
    let mut ticket = Ticket::default();
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_pending());
    mailbox.close();
    assert_eq!(woken.count(), 1);
    let Poll::Ready(Err(refused)) = mailbox.poll_claim(&mut ticket, &cx) else { panic!("closed") };
    assert_eq!(refused, Refused::Closed);
}

#[test]
fn growing_wakes_waiters_and_shrinking_keeps_what_is_queued() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(4);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..4 {
        send(&mailbox, n).unwrap();
    }
    let mut ticket = Ticket::default();
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_pending());
    assert_eq!(mailbox.set_capacity(5), 4);
    assert_eq!(woken.count(), 1);
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_ready());
    mailbox.set_capacity(2);
    assert_eq!(mailbox.len(), 5);
    for _ in 0..3 {
        assert_eq!(send(&mailbox, 9), Err(Refused::Full));
        assert!(receiver.try_next().is_some());
    }
    assert_eq!(send(&mailbox, 9), Err(Refused::Full));
    assert!(receiver.try_next().is_some());
    assert_eq!(send(&mailbox, 9), Ok(()));
    assert_eq!(mailbox.capacity(), 2);
}

#[test]
fn a_displacing_sender_lets_those_who_wait_go_first() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(2);
    let mut receiver = mailbox.receiver().unwrap();
    receiver.share_head(true);
    send(&mailbox, 0).unwrap();
    send(&mailbox, 1).unwrap();
    let mut ticket = Ticket::default();
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_pending());
    assert_eq!(receive(&mut receiver), Some(0));
    assert_eq!(receive(&mut receiver), Some(1));
    mailbox.claim_displacing(|_, _| panic!("nothing is queued")).unwrap().write(2, None);
    assert_eq!(woken.count(), 1);
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_ready());
}

#[test]
fn a_yield_hands_out_no_room_but_the_rest_after_it_does() {
    let (woken, waker) = Wakes::new();
    let cx = Context::from_waker(&waker);
    let mailbox = Plain::new(8);
    let mut receiver = mailbox.receiver().unwrap();
    for n in 0..8 {
        send(&mailbox, n).unwrap();
    }
    let mut ticket = Ticket::default();
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_pending());
    assert_eq!(receive(&mut receiver), Some(0));
    mailbox.rest_is_brief();
    mailbox.rest();
    assert_eq!(woken.count(), 0, "one place of eight is not worth a wake-up");
    mailbox.rest();
    assert_eq!(woken.count(), 1);
    assert!(mailbox.poll_claim(&mut ticket, &cx).is_ready());
}
