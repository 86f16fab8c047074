//! The coarse deadline: never early, late by little, and silent while nobody waits.

use std::task::{Context, Poll, Waker};

use super::{Asker, Lost, SlotPool, Ticker, Why};

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;
const LIMIT_MS: u32 = 5_000;

fn poll<T: Send>(asker: &mut Asker<T>) -> Poll<Result<T, Lost>> {
    asker.poll(&mut Context::from_waker(Waker::noop()))
}

fn needed(ticker: &mut Ticker) -> Poll<bool> {
    ticker.poll_needed(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_ask_expires_when_its_limit_has_passed_since_it_was_first_seen() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| 20 * MS), 1);
    assert_eq!(ticker.scan(|| 5_020 * MS - 1), 1);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| 5_020 * MS), 0);
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Expired))));
    assert!(answer.is_abandoned());
    assert_eq!(answer.send(1), Err(1));
    assert_eq!(pool.live(), 0);
}

#[test]
fn a_slow_scan_does_not_make_an_ask_expire_early() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, _answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    // The scan begins at 0, but marks the ask only after 300 ms and a bit.
    let mut clock = [0, 300 * MS + 1].into_iter();
    assert_eq!(ticker.scan(|| clock.next().unwrap()), 1);
    assert_eq!(ticker.scan(|| 5_300 * MS + 1), 1);
    assert_eq!(ticker.scan(|| 5_301 * MS), 0);
}

#[test]
fn an_exact_deadline_is_none_of_the_scan() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, _answer) = pool.acquire::<u8>(LIMIT_MS);
    asker.set_limit_ms(0);
    assert!(poll(&mut asker).is_pending());
    assert!(needed(&mut ticker).is_pending());
    assert_eq!(ticker.scan(|| 0), 0);
    assert_eq!(ticker.scan(|| 10_000 * MS), 0);
    assert!(poll(&mut asker).is_pending());
}

#[test]
fn a_slot_does_not_inherit_the_stamp_of_the_ask_before() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    ticker.scan(|| 0);
    drop((asker, answer));
    let (mut asker, _answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| 5_000 * MS), 1);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| 10_000 * MS), 0);
}

#[test]
fn a_change_of_waker_does_not_restart_the_deadline() {
    use std::sync::Arc;
    use std::task::Wake;
    struct Nothing;
    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, _answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    ticker.scan(|| 0);
    let other = Waker::from(Arc::new(Nothing));
    assert!(asker.poll(&mut Context::from_waker(&other)).is_pending());
    assert_eq!(ticker.scan(|| 5_000 * MS), 0);
    assert_eq!(poll(&mut asker), Poll::Ready(Err(Lost(Why::Expired))));
}

#[test]
fn the_clock_of_the_stamps_may_wrap_around() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let wrap_ms = 1 << 32;
    let (mut asker, _answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| (wrap_ms - 1_000) * MS), 1);
    assert_eq!(ticker.scan(|| (wrap_ms + 3_999) * MS), 1);
    assert_eq!(ticker.scan(|| (wrap_ms + 4_000) * MS), 0);
}

#[test]
fn two_scans_within_a_millisecond_expire_nothing() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let (mut asker, _answer) = pool.acquire::<u8>(1);
    assert!(poll(&mut asker).is_pending());
    assert_eq!(ticker.scan(|| 5 * MS + 1), 1);
    assert_eq!(ticker.scan(|| 5 * MS + 2), 1);
    assert_eq!(ticker.scan(|| 6 * MS + 2), 1);
    assert_eq!(ticker.scan(|| 7 * MS), 0);
}

#[test]
fn the_ticker_is_needed_while_somebody_waits_and_until_a_scan_finds_nobody() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    assert!(needed(&mut ticker).is_pending());
    let (mut asker, answer) = pool.acquire::<u8>(LIMIT_MS);
    assert!(needed(&mut ticker).is_pending(), "nobody waits yet");
    assert!(poll(&mut asker).is_pending());
    assert_eq!(needed(&mut ticker), Poll::Ready(true));
    assert_eq!(ticker.scan(|| 0), 1);
    assert_eq!(needed(&mut ticker), Poll::Ready(true));
    assert_eq!(answer.send(1), Ok(()));
    assert_eq!(ticker.scan(|| 50 * MS), 0);
    assert!(needed(&mut ticker).is_pending());
    drop(pool);
    assert_eq!(needed(&mut ticker), Poll::Ready(false));
}

#[test]
fn there_is_one_ticker_at_a_time() {
    let pool = SlotPool::new();
    let ticker = pool.ticker();
    assert!(ticker.is_some());
    assert!(pool.ticker().is_none());
    drop(ticker);
    assert!(pool.ticker().is_some());
}

#[test]
fn a_deadline_without_an_ask_is_ready_after_its_limit() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut deadline = pool.register_deadline(100);
    let mut dropped = pool.register_deadline(100);
    let unpolled = pool.register_deadline(100);
    assert!(deadline.poll(&mut cx).is_pending());
    assert!(dropped.poll(&mut cx).is_pending());
    assert_eq!(ticker.scan(|| 0), 2);
    drop((dropped, unpolled));
    assert_eq!(ticker.scan(|| 99 * MS), 1);
    assert!(deadline.poll(&mut cx).is_pending());
    assert_eq!(ticker.scan(|| 100 * MS), 0);
    assert!(deadline.poll(&mut cx).is_ready());
    assert_eq!(pool.live(), 0);
}

#[test]
fn many_chunks_expire_in_one_scan() {
    let pool = SlotPool::new();
    let mut ticker = pool.ticker().unwrap();
    let mut asks: Vec<_> = (0..1_000).map(|_| pool.acquire::<u64>(LIMIT_MS)).collect();
    for (asker, _) in &mut asks {
        assert!(poll(asker).is_pending());
    }
    assert_eq!(ticker.scan(|| 0), 1_000);
    assert_eq!(ticker.scan(|| 5_000 * MS), 0);
    for (asker, _) in &mut asks {
        assert_eq!(poll(asker), Poll::Ready(Err(Lost(Why::Expired))));
    }
}
