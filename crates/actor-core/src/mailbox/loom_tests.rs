//! All interleavings of small scenarios, up to two preemptions (or one, where it says coarse).
//!
//! Blocks have two slots here, and waits give up the thread at once. To run by hand:
//! `RUSTFLAGS="--cfg suite_loom" cargo test --release loom`

use std::{
    future::poll_fn,
    mem,
    pin::pin,
    task::{Context, Poll, Wake, Waker},
};

use loom::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::{Mailbox, Refused, Ticket};

/// Boxed, so that a lost or doubled message is a leak or a double free, which loom reports.
type Message = loom::sync::Arc<usize>;
type Lane<M = Message> = Mailbox<M, usize>;

/// Wakes the model thread that waits for it.
#[derive(Default)]
struct Alarm {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Wake for Alarm {
    fn wake(self: std::sync::Arc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.ring.notify_one();
    }
}

/// Runs a future on this model thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let alarm = std::sync::Arc::new(Alarm::default());
    let waker = Waker::from(std::sync::Arc::clone(&alarm));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        let mut rung = alarm.rung.lock().unwrap();
        while !mem::take(&mut *rung) {
            rung = alarm.ring.wait(rung).unwrap();
        }
    }
}

fn message(number: usize) -> Message {
    Arc::new(number)
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    explore(2, check);
}

/// For scenarios too large for two preemptions.
fn coarse_model(check: impl Fn() + Send + Sync + 'static) {
    explore(1, check);
}

fn explore(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}

/// Receives until `count` messages came or the lane is closed and drained.
fn receive<M>(lane: &Lane<M>, count: usize) -> Vec<M> {
    let mut receiver = lane.receiver().expect("the only receiver");
    let mut messages = Vec::new();
    block_on(poll_fn(|cx| {
        loop {
            while let Some((message, _)) = receiver.try_next() {
                messages.push(message);
                if messages.len() == count {
                    return Poll::Ready(());
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
    while let Some((message, _)) = lane.is_closed().then(|| receiver.drain_next()).flatten() {
        messages.push(message);
    }
    messages
}

/// Claims, waiting for room.
fn send_waiting<M>(lane: &Lane<M>, message: M) -> Result<(), Refused> {
    let mut ticket = Ticket::default();
    let claim = block_on(poll_fn(|cx| lane.poll_claim(&mut ticket, cx)));
    claim.map(|claim| claim.write(message, None))
}

fn numbers(messages: &[Message]) -> Vec<usize> {
    messages.iter().map(|message| **message).collect()
}

#[test]
fn a_sender_wakes_the_sleeping_receiver_across_blocks() {
    model(|| {
        let lane = Arc::new(Lane::new(8));
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || {
            for number in 0..3 {
                sender.try_claim().expect("room for all").write(message(number), None);
            }
        });
        assert_eq!(numbers(&receive(&lane, 3)), [0, 1, 2]);
        sender.join().unwrap();
    });
}

/// Two senders: one takes the last slot of a block, one the first of the next.
fn two_senders(lane: &Arc<Lane>) -> [thread::JoinHandle<()>; 2] {
    lane.try_claim().expect("room for all").write(message(1), None);
    [2, 3].map(|number| {
        let lane = Arc::clone(lane);
        thread::spawn(move || {
            let context = (number == 2).then(|| Box::new(number));
            lane.try_claim().expect("room for all").write(message(number), context);
        })
    })
}

#[test]
fn two_senders_that_race_for_a_new_block_lose_nothing() {
    model(|| {
        let lane = Arc::new(Lane::new(8));
        two_senders(&lane).map(|sender| sender.join().unwrap());
        let mut received = numbers(&receive(&lane, 3));
        received.sort_unstable();
        assert_eq!(received, [1, 2, 3]);
    });
}

#[test]
fn two_senders_beside_the_receiver_lose_nothing() {
    coarse_model(|| {
        let lane = Arc::new(Lane::new(8));
        let senders = two_senders(&lane);
        let mut received = numbers(&receive(&lane, 3));
        received.sort_unstable();
        assert_eq!(received, [1, 2, 3]);
        senders.map(|sender| sender.join().unwrap());
    });
}

#[test]
fn blocks_given_up_at_sleep_are_never_touched_again() {
    model(|| {
        let lane = Arc::new(Lane::<[u64; 256]>::new(8));
        let senders = [1, 2].map(|number| {
            let lane = Arc::clone(&lane);
            thread::spawn(move || {
                lane.try_claim().expect("room for all").write([number; 256], None);
            })
        });
        assert_eq!(receive(&lane, 2).iter().map(|it| it[7]).sum::<u64>(), 3);
        senders.map(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_dropped_claim_does_not_hold_up_the_receiver() {
    model(|| {
        let lane = Arc::new(Lane::new(8));
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || {
            drop(sender.try_claim());
            sender.try_claim().expect("room for all").write(message(1), None);
        });
        assert_eq!(numbers(&receive(&lane, 1)), [1]);
        sender.join().unwrap();
    });
}

#[test]
fn a_sender_that_waits_for_room_is_woken() {
    model(|| {
        let lane = Arc::new(Lane::new(1));
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || {
            for number in 0..2 {
                send_waiting(&sender, message(number)).expect("it is open");
            }
        });
        assert_eq!(numbers(&receive(&lane, 2)), [0, 1]);
        sender.join().unwrap();
    });
}

#[test]
fn two_senders_that_wait_for_one_slot_both_get_it() {
    coarse_model(|| {
        let lane = Arc::new(Lane::new(1));
        let senders = [1, 2].map(|number| {
            let lane = Arc::clone(&lane);
            thread::spawn(move || send_waiting(&lane, message(number)).expect("it is open"))
        });
        assert_eq!(numbers(&receive(&lane, 2)).iter().sum::<usize>(), 3);
        senders.map(|sender| sender.join().unwrap());
    });
}

#[test]
fn a_pausing_receiver_leaves_nobody_waiting_beside_room() {
    model(|| {
        let lane = Arc::new(Lane::new(2));
        for number in 0..2 {
            lane.try_claim().expect("room").write(message(number), None);
        }
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || send_waiting(&sender, message(2)));
        let mut receiver = lane.receiver().expect("the only receiver");
        assert!(receiver.try_next().is_some());
        receiver.pause();
        // No further act of the receiver: the sender must come through all the same.
        sender.join().unwrap().expect("it is open");
    });
}

#[test]
fn a_cancelled_wait_passes_the_room_on() {
    model(|| {
        let lane = Arc::new(Lane::new(1));
        lane.try_claim().expect("room").write(message(0), None);
        let mut ticket = Ticket::default();
        let cx = Context::from_waker(Waker::noop());
        assert!(lane.poll_claim(&mut ticket, &cx).is_pending());
        let fickle = Arc::clone(&lane);
        let fickle = thread::spawn(move || fickle.cancel(&mut ticket));
        let steady = Arc::clone(&lane);
        let steady = thread::spawn(move || send_waiting(&steady, message(1)));
        let mut receiver = lane.receiver().expect("the only receiver");
        assert!(receiver.try_next().is_some());
        receiver.pause();
        // No further act of the receiver: the sender must come through all the same.
        fickle.join().unwrap();
        steady.join().unwrap().expect("it is open");
    });
}

#[test]
fn close_splits_sends_into_received_and_refused() {
    model(|| {
        let lane = Arc::new(Lane::new(8));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (sender, count) = (Arc::clone(&lane), Arc::clone(&accepted));
        let sender = thread::spawn(move || {
            for number in 0..2 {
                if let Ok(claim) = sender.try_claim() {
                    claim.write(message(number), None);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let closer = Arc::clone(&lane);
        let closer = thread::spawn(move || closer.close());
        let received = receive(&lane, usize::MAX).len();
        sender.join().unwrap();
        closer.join().unwrap();
        assert_eq!(received, accepted.load(Ordering::Relaxed));
    });
}

#[test]
fn close_fails_a_waiter_and_wakes_the_receiver() {
    model(|| {
        let lane = Arc::new(Lane::new(1));
        lane.try_claim().expect("room").write(message(0), None);
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || send_waiting(&sender, message(1)).is_ok());
        lane.close();
        let received = receive(&lane, usize::MAX).len();
        assert_eq!(received, 1 + usize::from(sender.join().unwrap()));
    });
}

#[test]
fn the_oldest_goes_to_a_sender_or_to_the_receiver() {
    model(|| {
        let lane = Arc::new(Lane::new(2));
        lane.receiver().expect("the only receiver").share_head(true);
        for number in 0..2 {
            lane.try_claim().expect("room").write(message(number), None);
        }
        let displaced = Arc::new(AtomicUsize::new(0));
        let (sender, count) = (Arc::clone(&lane), Arc::clone(&displaced));
        let sender = thread::spawn(move || {
            for number in 2..4 {
                let claim = sender.claim_displacing(|_, _| {
                    count.fetch_add(1, Ordering::Relaxed);
                });
                claim.expect("it is open").write(message(number), None);
            }
            sender.close();
        });
        let received = numbers(&receive(&lane, usize::MAX));
        sender.join().unwrap();
        assert!(received.is_sorted());
        assert_eq!(received.len() + displaced.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn growing_lets_a_waiter_in_without_the_receiver() {
    model(|| {
        let lane = Arc::new(Lane::new(1));
        lane.try_claim().expect("room").write(message(0), None);
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || send_waiting(&sender, message(1)));
        lane.set_capacity(2);
        sender.join().unwrap().expect("it is open");
    });
}

#[test]
fn shrinking_beside_a_sleeping_receiver_leaves_nobody_waiting() {
    coarse_model(|| {
        let lane = Arc::new(Lane::new(2));
        let sender = Arc::clone(&lane);
        let sender = thread::spawn(move || {
            for number in 0..2 {
                send_waiting(&sender, message(number)).expect("it is open");
            }
        });
        let resizer = Arc::clone(&lane);
        let resizer = thread::spawn(move || {
            resizer.set_capacity(1);
        });
        assert_eq!(numbers(&receive(&lane, 2)), [0, 1]);
        sender.join().unwrap();
        resizer.join().unwrap();
    });
}

#[test]
fn a_control_wake_is_never_lost() {
    model(|| {
        let lane = Arc::new(Lane::<Message>::new(1));
        let stop = Arc::new(AtomicBool::new(false));
        let (control, flag) = (Arc::clone(&lane), Arc::clone(&stop));
        let control = thread::spawn(move || {
            flag.store(true, Ordering::Relaxed);
            control.wake();
        });
        let mut receiver = lane.receiver().expect("the only receiver");
        block_on(poll_fn(|cx| {
            while !stop.load(Ordering::Relaxed) {
                if receiver.poll_sleep(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        }));
        control.join().unwrap();
    });
}
