//! What the halves of a slot see of each other, on one thread.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::{Asker, Lost, LostList, PoolHandle, SlotPool, Why};

/// A waker that counts.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<T: Send>(asker: &mut Asker<T>) -> Poll<Result<T, Lost>> {
    asker.poll(&mut Context::from_waker(Waker::noop()))
}

/// A value that counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_answer_before_the_first_poll_is_ready_at_once() {
    let pool = SlotPool::new();
    let (mut asker, answer) = pool.acquire::<u64>(0);
    assert_eq!(answer.send(7), Ok(()));
    assert_eq!(poll(&mut asker), Poll::Ready(Ok(7)));
    assert_eq!(pool.live(), 0);
}

#[test]
fn an_answer_wakes_the_waiting_asker_once() {
    let pool = SlotPool::new();
    let (woken, waker) = Wakes::new();
    let (mut asker, answer) = pool.acquire::<String>(0);
    let mut cx = Context::from_waker(&waker);
    assert!(asker.poll(&mut cx).is_pending());
    assert!(asker.poll(&mut cx).is_pending());
    assert_eq!(answer.send("yes".to_owned()), Ok(()));
    assert_eq!(woken.count(), 1);
    assert_eq!(asker.poll(&mut cx), Poll::Ready(Ok("yes".to_owned())));
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let pool = SlotPool::new();
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let (mut asker, answer) = pool.acquire::<u8>(0);
    assert!(asker.poll(&mut Context::from_waker(&first_waker)).is_pending());
    assert!(asker.poll(&mut Context::from_waker(&second_waker)).is_pending());
    drop(first_waker);
    assert_eq!(Arc::strong_count(&first), 1, "the replaced waker is dropped");
    answer.lose(Why::Stopped);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Stopped))));
}

#[test]
fn every_reason_arrives_as_it_was_given() {
    let pool = SlotPool::new();
    let reasons = [Why::Dropped, Why::Restarting, Why::Stopped, Why::Expired, Why::Closed];
    for why in reasons.into_iter().chain([0, 4, 255].map(Why::Code)) {
        let (mut asker, answer) = pool.acquire::<()>(0);
        answer.lose(why);
        assert_eq!(asker.try_take(), Some(Err(Lost(why))));
    }
    assert_eq!(pool.live(), 0);
}
