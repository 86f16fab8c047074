//! What the halves of a slot see of each other, on one thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use steadfast_base::ActorId;

use super::{Asker, Lost, LostList, SlotPool, Why};

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
struct Counted<const WORDS: usize>(Arc<AtomicUsize>, [u64; WORDS]);

impl<const WORDS: usize> Drop for Counted<WORDS> {
    fn drop(&mut self) {
        assert!(self.1.iter().all(|word| *word == 7), "the value was damaged");
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs every way in which a value can end, and counts that each value ends once.
fn every_value_is_dropped_once<const WORDS: usize>() {
    let pool = SlotPool::new();
    let drops = Arc::new(AtomicUsize::new(0));
    let value = || Counted(Arc::clone(&drops), [7; WORDS]);
    let ended = |count| assert_eq!(drops.swap(0, Ordering::SeqCst), count);

    let (mut asker, answer) = pool.acquire(0);
    assert!(answer.send(value()).is_ok());
    ended(0);
    assert!(matches!(poll(&mut asker), Poll::Ready(Ok(_))));
    ended(1);

    let (asker, answer) = pool.acquire(0);
    assert!(answer.send(value()).is_ok());
    drop(asker);
    ended(1);

    let (asker, answer) = pool.acquire(0);
    drop(asker);
    assert!(answer.is_abandoned());
    let refused = answer.send(value());
    ended(0);
    drop(refused);
    ended(1);

    let (mut asker, answer) = pool.acquire::<Counted<WORDS>>(0);
    assert!(poll(&mut asker).is_pending());
    drop(answer);
    assert!(matches!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Dropped)))));
    ended(0);
    assert_eq!(pool.live(), 0);
    assert_eq!(Arc::strong_count(&drops), 1);
}

#[test]
fn a_value_of_any_size_is_dropped_exactly_once() {
    every_value_is_dropped_once::<0>();
    every_value_is_dropped_once::<3>();
    every_value_is_dropped_once::<4>();
    every_value_is_dropped_once::<512>();
}

#[repr(align(32))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Aligned<T>(T);

fn arrives<T: Send + Copy + PartialEq + std::fmt::Debug>(value: T) {
    let pool = SlotPool::new();
    let (mut asker, answer) = pool.acquire(0);
    assert_eq!(answer.send(value), Ok(()));
    assert_eq!(poll(&mut asker), Poll::Ready(Ok(value)));
    let (asker, answer) = pool.acquire(0);
    drop(asker);
    assert_eq!(answer.send(value), Err(value));
}

#[test]
fn values_of_every_size_and_alignment_arrive_whole() {
    arrives(());
    arrives(7_u8);
    arrives(u64::MAX);
    arrives([7_u8; 31]);
    arrives([7_u8; 32]);
    arrives([7_u8; 33]);
    arrives([7_u8; 4096]);
    arrives(u128::MAX);
    arrives(Aligned(()));
    arrives(Aligned(7_u8));
    arrives(Aligned([7_u8; 4096]));
}

#[test]
fn a_value_that_panics_when_dropped_leaves_its_slot_usable() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let pool = SlotPool::new();
    let (asker, answer) = pool.acquire(0);
    assert!(answer.send(Bomb).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(asker))).is_err());
    assert_eq!(pool.live(), 0);
    let (mut asker, answer) = pool.acquire(0);
    assert_eq!(answer.send(7), Ok(()));
    assert_eq!(poll(&mut asker), Poll::Ready(Ok(7)));
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
    answer.into_erased().lose(Why::Stopped);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Stopped))));
}

#[test]
fn a_dropped_asker_drops_its_waker_and_is_not_woken() {
    let pool = SlotPool::new();
    let (woken, waker) = Wakes::new();
    let (mut asker, answer) = pool.acquire::<u8>(0);
    assert!(asker.poll(&mut Context::from_waker(&waker)).is_pending());
    drop((asker, waker));
    assert_eq!(Arc::strong_count(&woken), 1);
    assert_eq!(answer.send(1), Err(1));
    assert_eq!(woken.count(), 0);
}

#[test]
fn every_reason_arrives_as_it_was_given() {
    let pool = SlotPool::new();
    let reasons = [Why::Dropped, Why::Restarting, Why::Stopped, Why::Expired, Why::Closed];
    for why in reasons {
        let (mut asker, answer) = pool.acquire::<()>(0);
        answer.into_erased().lose(why);
        assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(why))));
    }
    assert_eq!(pool.live(), 0);
}

#[test]
fn a_list_tells_all_askers_its_reason_in_order() {
    struct Nth(usize, Arc<AtomicUsize>);
    impl Wake for Nth {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.1.fetch_add(1, Ordering::SeqCst), self.0);
        }
    }
    let pool = SlotPool::new();
    let mut list = LostList::new();
    assert!(list.is_empty());
    let order = Arc::new(AtomicUsize::new(0));
    let mut askers = Vec::new();
    for nth in 0..100 {
        let (mut asker, answer) = pool.acquire::<[u64; 4]>(0);
        let waker = Waker::from(Arc::new(Nth(nth, Arc::clone(&order))));
        assert!(asker.poll(&mut Context::from_waker(&waker)).is_pending());
        list.push(answer.into_erased());
        askers.push(asker);
    }
    list.lose_all(Why::Restarting);
    assert!(list.is_empty());
    assert_eq!(order.load(Ordering::SeqCst), 100);
    for asker in &mut askers {
        assert_eq!(poll(asker), Poll::Ready(Err(Lost(Why::Restarting))));
    }
    assert_eq!(pool.live(), 0);
}

#[test]
fn a_dropped_list_loses_its_answers() {
    let pool = SlotPool::new();
    let mut list = LostList::new();
    let (mut asker, answer) = pool.acquire::<u8>(0);
    let (gone, abandoned) = pool.acquire::<u8>(0);
    list.push(answer.into_erased());
    list.push(abandoned.into_erased());
    drop(gone);
    drop(list);
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Dropped))));
    assert_eq!(pool.live(), 0);
}

#[test]
fn sequential_asks_share_one_chunk() {
    let pool = SlotPool::new();
    assert_eq!(pool.allocated(), 0);
    for value in 0..10_000_u64 {
        let (mut asker, answer) = pool.acquire(0);
        assert_eq!(answer.send(value), Ok(()));
        assert_eq!(poll(&mut asker), Poll::Ready(Ok(value)));
    }
    assert_eq!((pool.live(), pool.allocated()), (0, 64));
}

#[test]
fn the_pool_grows_to_the_most_asks_at_once_and_no_further() {
    let pool = SlotPool::new();
    for _ in 0..3 {
        let asks: Vec<_> = (0..1_000).map(|_| pool.acquire::<u64>(0)).collect();
        assert_eq!(pool.live(), 1_000);
        drop(asks);
        assert_eq!((pool.live(), pool.allocated()), (0, 1_024));
    }
}

#[test]
fn the_halves_outlive_the_system() {
    let pool = SlotPool::new();
    let (mut first, answer) = pool.acquire::<String>(0);
    let (second, unsent) = pool.acquire::<String>(0);
    let ticker = pool.ticker();
    drop(pool);
    assert_eq!(answer.send("late".to_owned()), Ok(()));
    assert_eq!(poll(&mut first), Poll::Ready(Ok("late".to_owned())));
    drop((ticker, unsent, second));
}

#[test]
fn a_tag_recalls_its_ask_and_no_later_one() {
    let pool = SlotPool::new();
    let (mut asker, answer) = pool.acquire::<u8>(0);
    let tag = asker.tag();
    assert!(pool.recall(tag, Why::Stopped));
    assert!(!pool.recall(tag, Why::Stopped));
    assert!(answer.is_abandoned());
    assert_eq!(answer.send(1), Err(1));
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Stopped))));
    let (mut next, answer) = pool.acquire::<u8>(0);
    assert_ne!(next.tag(), tag);
    assert!(!pool.recall(tag, Why::Stopped));
    assert_eq!(answer.send(2), Ok(()));
    assert_eq!(poll(&mut next), Poll::Ready(Ok(2)));
    let other = SlotPool::new();
    assert!(!other.recall(tag, Why::Stopped), "a tag of another pool names nothing");
}

#[test]
fn an_actor_finds_the_asks_that_noted_a_place_in_its_mailbox() {
    let pool = SlotPool::new();
    let (mine, other) = (ActorId::new(7), ActorId::new(8));
    let (first, _first_answer) = pool.acquire::<u8>(0);
    let (second, _second_answer) = pool.acquire::<u8>(0);
    let (elsewhere, _elsewhere_answer) = pool.acquire::<u8>(0);
    let (_nowhere, _nowhere_answer) = pool.acquire::<u8>(0);
    first.note_place(mine, 0);
    second.note_place(mine, u32::MAX);
    elsewhere.note_place(other, 0);
    let asks = pool.asks_of(mine);
    assert_eq!(asks.len(), 2);
    assert_eq!(asks.get(&0), Some(&first.tag()));
    assert_eq!(asks.get(&u32::MAX), Some(&second.tag()));
}

#[test]
fn a_dropped_pool_fails_asks_under_its_deadline_and_no_others() {
    let pool = SlotPool::new();
    let (mut limited, _answer) = pool.acquire::<u8>(5_000);
    let (mut exact, answer) = pool.acquire::<u8>(0);
    let mut deadline = pool.register_deadline(5_000);
    let (woken, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(deadline.poll(&mut cx).is_pending());
    drop(pool);
    assert_eq!(woken.count(), 1);
    assert!(deadline.poll(&mut cx).is_ready());
    assert_eq!(poll(&mut limited), Poll::Ready(Err(Lost(Why::Closed))));
    assert_eq!(answer.send(1), Ok(()));
    assert_eq!(poll(&mut exact), Poll::Ready(Ok(1)));
}
