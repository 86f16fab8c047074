//! All interleavings of two or three threads that share a slot (run under `cfg(suite_loom)`).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::{Asker, Lost, PoolHandle, SlotPool, Ticker, Why};

/// Milliseconds that the coarse deadlines of these tests have.
const LIMIT_MS: u32 = 1;

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(body);
}

/// A value that counts its drops outside the model.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that ends the wait of one thread. (Unparking a thread that happens to wait for a lock
/// gets lost in loom, so threads are not parked.)
struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Polls until ready, with a waker of its own; a lost wake-up is a deadlock, which loom reports.
fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let alarm = Arc::new(Alarm(Notify::new()));
    let waker = Waker::from(Arc::clone(&alarm));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll(&mut cx) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => alarm.0.wait(),
        }
    }
}

fn wait<T: Send>(asker: &mut Asker<T>) -> Result<T, Lost> {
    block_on(|cx| asker.poll(cx))
}

/// Polls once, with a waker of its own.
fn poll_once<T: Send>(asker: &mut Asker<T>) -> Option<Result<T, Lost>> {
    let waker = Waker::from(Arc::new(Alarm(Notify::new())));
    match asker.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

fn pool_with_ticker() -> (PoolHandle, Ticker) {
    let pool = SlotPool::new();
    let ticker = pool.ticker().expect("the first ticker");
    (pool, ticker)
}

#[test]
fn an_answer_reaches_a_waiting_asker() {
    model(|| {
        let pool = SlotPool::new();
        let (mut asker, answer) = pool.acquire::<u64>(0);
        let answering = thread::spawn(move || answer.send(7));
        assert_eq!(wait(&mut asker), Ok(7));
        assert_eq!(answering.join().unwrap(), Ok(()));
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn an_asker_that_leaves_and_an_answer_that_comes_drop_the_value_once() {
    model(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let pool = SlotPool::new();
        let (mut asker, answer) = pool.acquire::<Counted>(0);
        let value = Counted(Arc::clone(&drops));
        let answering = thread::spawn(move || drop(answer.send(value)));
        drop(poll_once(&mut asker));
        drop(asker);
        answering.join().unwrap();
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn a_lost_answer_reaches_an_asker_that_changes_its_waker() {
    model(|| {
        let pool = SlotPool::new();
        let (mut asker, answer) = pool.acquire::<u64>(0);
        let answering = thread::spawn(move || answer.into_erased().lose(Why::Restarting));
        // Each `block_on` has a waker of its own.
        let early = poll_once(&mut asker);
        let lost = early.unwrap_or_else(|| wait(&mut asker));
        assert_eq!(lost, Err(Lost(Why::Restarting)));
        answering.join().unwrap();
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn a_slot_is_reused_only_after_both_halves_have_left() {
    model(|| {
        let pool = SlotPool::new();
        let (mut asker, answer) = pool.acquire::<u64>(0);
        let answering = thread::spawn(move || answer.send(1));
        let early = poll_once(&mut asker);
        assert!(matches!(early, None | Some(Ok(1))));
        drop(asker);
        let (mut next, answer) = pool.acquire::<u64>(0);
        assert_eq!(answer.send(2), Ok(()));
        assert_eq!(poll_once(&mut next), Some(Ok(2)));
        let sent = answering.join().unwrap();
        assert!(early.is_none() || sent.is_ok());
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn an_ask_is_answered_or_expired_but_not_both() {
    model(|| {
        let (pool, mut ticker) = pool_with_ticker();
        let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
        assert_eq!(poll_once(&mut asker), None);
        ticker.scan(|| 0);
        let expiring = thread::spawn(move || ticker.scan(|| 1_000_000));
        let answering = thread::spawn(move || answer.send(7));
        let outcome = wait(&mut asker);
        let sent = answering.join().unwrap();
        expiring.join().unwrap();
        match outcome {
            Ok(value) => assert_eq!((value, sent), (7, Ok(()))),
            Err(lost) => assert_eq!((lost, sent), (Lost(Why::Expired), Err(7))),
        }
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn an_expiring_slot_survives_that_both_halves_leave() {
    model(|| {
        let (pool, mut ticker) = pool_with_ticker();
        let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
        assert_eq!(poll_once(&mut asker), None);
        ticker.scan(|| 0);
        let expiring = thread::spawn(move || ticker.scan(|| 1_000_000));
        let leaving = thread::spawn(move || drop(answer));
        drop(asker);
        leaving.join().unwrap();
        expiring.join().unwrap();
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn a_scan_never_expires_the_next_ask_in_the_same_slot() {
    model(|| {
        let (pool, mut ticker) = pool_with_ticker();
        let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
        assert_eq!(poll_once(&mut asker), None);
        ticker.scan(|| 0);
        let expiring = thread::spawn(move || ticker.scan(|| 1_000_000));
        drop(answer);
        drop(asker);
        let (mut next, answer) = pool.acquire::<u64>(LIMIT_MS);
        assert_eq!(poll_once(&mut next), None);
        expiring.join().unwrap();
        assert_eq!(poll_once(&mut next), None, "expired as soon as it waited");
        assert_eq!(answer.send(2), Ok(()));
    });
}

#[test]
fn a_parked_ticker_is_woken_by_the_first_asker_that_waits() {
    model(|| {
        let (pool, mut ticker) = pool_with_ticker();
        let asking = thread::spawn(move || {
            let mut deadline = pool.register_deadline(LIMIT_MS);
            block_on(|cx| deadline.poll(cx));
            drop(deadline);
            assert_eq!(pool.live(), 0);
        });
        let mut now_ms = 0;
        let mut scans = 0;
        while block_on(|cx| ticker.poll_needed(cx)) {
            ticker.scan(|| now_ms * 1_000_000);
            now_ms += 1;
            scans += 1;
            assert!(scans < 8, "the ticker does not park");
        }
        asking.join().unwrap();
    });
}

#[test]
fn a_disarmed_chunk_does_not_hide_an_asker() {
    model(|| {
        let (pool, mut ticker) = pool_with_ticker();
        // The chunk is armed by an ask that is over before the scan.
        let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
        assert_eq!(poll_once(&mut asker), None);
        drop(answer);
        drop(asker);
        let asking = thread::spawn(move || {
            let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
            assert_eq!(poll_once(&mut asker), None);
            (pool, asker, answer)
        });
        ticker.scan(|| 0);
        let held = asking.join().unwrap();
        let needed = ticker.poll_needed(&mut Context::from_waker(Waker::noop()));
        assert_eq!(needed, Poll::Ready(true), "an ask waits, but the ticker would park");
        assert_eq!(ticker.scan(|| 0), 1);
        drop(held);
    });
}

#[test]
fn the_memory_is_freed_once_when_the_handle_and_the_halves_go_together() {
    model(|| {
        let pool = SlotPool::new();
        let (asker, answer) = pool.acquire::<u64>(0);
        let leaving = thread::spawn(move || drop(answer));
        let asking = thread::spawn(move || drop(asker));
        drop(pool);
        leaving.join().unwrap();
        asking.join().unwrap();
    });
}

#[test]
fn a_closing_pool_loses_what_relies_on_its_deadline() {
    model(|| {
        let (pool, ticker) = pool_with_ticker();
        let (mut asker, answer) = pool.acquire::<u64>(LIMIT_MS);
        let closing = thread::spawn(move || drop(pool));
        assert_eq!(wait(&mut asker), Err(Lost(Why::Closed)));
        drop(ticker);
        drop(answer);
        closing.join().unwrap();
    });
}

#[test]
fn a_recalled_ask_is_told_once_or_was_over() {
    model(|| {
        let pool = Arc::new(SlotPool::new());
        let (mut asker, answer) = pool.acquire::<u64>(0);
        let tag = asker.tag();
        let recalling = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.recall(tag, Why::Stopped))
        };
        let answering = thread::spawn(move || answer.send(7));
        let outcome = wait(&mut asker);
        let told = recalling.join().unwrap();
        let sent = answering.join().unwrap();
        match outcome {
            Ok(value) => assert_eq!((value, told, sent), (7, false, Ok(()))),
            Err(lost) => assert_eq!((lost, told, sent), (Lost(Why::Stopped), true, Err(7))),
        }
        assert_eq!(pool.live(), 0);
    });
}

#[test]
fn a_recall_does_not_hit_the_next_ask_in_the_same_slot() {
    model(|| {
        let pool = Arc::new(SlotPool::new());
        let (asker, answer) = pool.acquire::<u64>(0);
        let tag = asker.tag();
        let recalling = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.recall(tag, Why::Stopped))
        };
        drop(asker);
        drop(answer);
        let (mut next, answer) = pool.acquire::<u64>(0);
        assert_eq!(poll_once(&mut next), None);
        recalling.join().unwrap();
        assert_eq!(answer.send(2), Ok(()));
        assert_eq!(wait(&mut next), Ok(2));
    });
}
