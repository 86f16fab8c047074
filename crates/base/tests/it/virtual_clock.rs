//! Virtual time: order, exactness, and nothing left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{Clock, Instant, Sleep, Time, Timestamp, VirtualClock};

type Log = Arc<Mutex<Vec<(usize, Instant)>>>;

/// Logs its number and the time it was woken at.
struct Logger {
    number: usize,
    time: Time,
    log: Log,
}

impl Wake for Logger {
    fn wake(self: Arc<Self>) {
        self.log.lock().expect("no test panics while logging").push((self.number, self.time.now()));
    }
}

fn logger(clock: &VirtualClock, log: &Log, number: usize) -> Waker {
    Waker::from(Arc::new(Logger { number, time: clock.time(), log: Arc::clone(log) }))
}

fn poll(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[derive(Clone, Debug)]
enum Op {
    Sleep(u64),
    Drop(usize),
    Advance(u64),
    AdvanceToNext,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..20_u64).prop_map(Op::Sleep),
        2 => any::<prop::sample::Index>().prop_map(|index| Op::Drop(index.index(64))),
        2 => (0..15_u64).prop_map(Op::Advance),
        1 => Just(Op::AdvanceToNext),
    ]
}

/// What the clock should do, said plainly: a list of waits, searched for the first one due.
#[derive(Default)]
struct Model {
    now: u64,
    waits: Vec<(u64, usize)>,
    log: Vec<(usize, Instant)>,
}

impl Model {
    fn advance_to(&mut self, end: u64) {
        while let Some(first) = self.waits.iter().copied().filter(|(at, _)| *at <= end).min() {
            self.waits.retain(|wait| *wait != first);
            self.now = first.0;
            self.log.push((first.1, at(first.0)));
        }
        self.now = end;
    }
}

proptest! {
    #[test]
    fn waits_fire_like_in_the_model(ops in prop::collection::vec(op(), 0..80)) {
        let (clock, log, mut model) = (VirtualClock::new(), Log::default(), Model::default());
        let mut sleeps: Vec<Option<Sleep>> = Vec::new();
        for op in ops {
            match op {
                Op::Sleep(nanos) => {
                    let number = sleeps.len();
                    let mut sleep = clock.time().sleep(Duration::from_nanos(nanos));
                    let polled = poll(&mut sleep, &logger(&clock, &log, number));
                    prop_assert_eq!(polled.is_ready(), nanos == 0);
                    if nanos > 0 {
                        model.waits.push((model.now + nanos, number));
                    }
                    sleeps.push(Some(sleep));
                }
                Op::Drop(number) => {
                    if let Some(slot) = sleeps.get_mut(number) {
                        drop(slot.take());
                        model.waits.retain(|(_, wait)| *wait != number);
                    }
                }
                Op::Advance(nanos) => {
                    clock.advance(Duration::from_nanos(nanos));
                    model.advance_to(model.now + nanos);
                }
                Op::AdvanceToNext => {
                    let next = model.waits.iter().min().map(|(at, _)| *at);
                    prop_assert_eq!(clock.advance_to_next(), next.is_some());
                    model.advance_to(next.unwrap_or(model.now));
                }
            }
            prop_assert_eq!(clock.now(), at(model.now));
            prop_assert_eq!(clock.pending(), model.waits.len());
            prop_assert_eq!(clock.next_wakeup(), model.waits.iter().min().map(|wait| at(wait.0)));
            prop_assert_eq!(&*log.lock().unwrap(), &model.log);
        }
    }
}

#[test]
fn equal_deadlines_fire_in_the_order_of_registration_not_of_polling() {
    let (clock, log) = (VirtualClock::new(), Log::default());
    let time = clock.time();
    let mut sleeps: Vec<Sleep> = (0..5).map(|_| time.sleep_until(at(9))).collect();
    for (number, sleep) in sleeps.iter_mut().enumerate().rev() {
        assert!(poll(sleep, &logger(&clock, &log, number)).is_pending());
    }
    clock.advance_to(at(9));
    let order: Vec<usize> = log.lock().unwrap().iter().map(|(number, _)| *number).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn only_the_last_waker_is_woken_and_the_wait_stays_over() {
    let (clock, log) = (VirtualClock::new(), Log::default());
    let mut sleep = clock.time().sleep_until(at(9));
    assert!(poll(&mut sleep, &logger(&clock, &log, 1)).is_pending());
    assert!(poll(&mut sleep, &logger(&clock, &log, 2)).is_pending());
    clock.advance_to(at(50));
    assert_eq!(*log.lock().unwrap(), [(2, at(9))]);
    assert!(poll(&mut sleep, Waker::noop()).is_ready());
    assert!(poll(&mut sleep, Waker::noop()).is_ready());
}

#[test]
fn a_wait_that_was_never_polled_is_over_after_its_deadline() {
    let clock = VirtualClock::new();
    let mut sleep = clock.time().sleep_until(at(9));
    clock.advance_to(at(9));
    assert_eq!(clock.pending(), 0);
    assert!(poll(&mut sleep, Waker::noop()).is_ready());
}

/// A task that polls itself where it is woken: it sleeps `step` over and over.
struct Ticker {
    time: Time,
    step: Duration,
    sleep: Mutex<Option<Sleep>>,
    ticks: Mutex<Vec<Instant>>,
}

impl Wake for Ticker {
    fn wake(self: Arc<Self>) {
        self.run();
    }
}

impl Ticker {
    fn run(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut sleep = self.sleep.lock().expect("no test panics while ticking");
        loop {
            let current = sleep.get_or_insert_with(|| self.time.sleep(self.step));
            if poll(current, &waker).is_pending() {
                return;
            }
            self.ticks.lock().expect("no test panics while ticking").push(self.time.now());
            *sleep = None;
        }
    }
}

#[test]
fn waits_made_by_a_task_that_runs_when_woken_fire_within_the_same_advance() {
    let clock = VirtualClock::new();
    let ticker = Arc::new(Ticker {
        time: clock.time(),
        step: Duration::from_nanos(10),
        sleep: Mutex::default(),
        ticks: Mutex::default(),
    });
    Arc::clone(&ticker).run();
    clock.advance_to(at(35));
    assert_eq!(*ticker.ticks.lock().unwrap(), [at(10), at(20), at(30)]);
    assert_eq!(clock.now(), at(35));
    assert_eq!(clock.next_wakeup(), Some(at(40)));
    ticker.sleep.lock().unwrap().take();
}

#[test]
fn waits_made_between_steps_fire_at_their_own_time_under_advance_with() {
    let clock = VirtualClock::new();
    let time = clock.time();
    let (mut tick, mut ticks) = (time.sleep(Duration::from_nanos(10)), Vec::new());
    clock.advance_with(Duration::from_nanos(35), || {
        while poll(&mut tick, Waker::noop()).is_ready() {
            ticks.push(time.now());
            tick = time.sleep(Duration::from_nanos(10));
        }
    });
    assert_eq!(ticks, [at(10), at(20), at(30)]);
    assert_eq!(clock.now(), at(35));
}

#[test]
fn a_panicking_waker_leaves_the_other_waits_in_place() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics, as the test wants");
        }
    }
    let (clock, log) = (VirtualClock::new(), Log::default());
    let (mut first, mut second) =
        (clock.time().sleep_until(at(5)), clock.time().sleep_until(at(5)));
    assert!(poll(&mut first, &Waker::from(Arc::new(Bomb))).is_pending());
    assert!(poll(&mut second, &logger(&clock, &log, 2)).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| clock.advance_to(at(8)))).is_err());
    clock.advance_to(at(8));
    assert_eq!(*log.lock().unwrap(), [(2, at(5))]);
}

#[test]
fn the_wall_clock_goes_along_and_can_be_set_apart_from_the_monotonic_one() {
    let clock = VirtualClock::starting_at(Timestamp::from_unix_nanos(1_000));
    clock.advance(Duration::from_nanos(50));
    assert_eq!(clock.timestamp(), Timestamp::from_unix_nanos(1_050));
    clock.set_timestamp(Timestamp::from_unix_nanos(7));
    clock.advance(Duration::from_nanos(3));
    assert_eq!(clock.timestamp(), Timestamp::from_unix_nanos(10));
    assert_eq!(clock.now(), at(53));
}

#[test]
fn a_timeout_in_virtual_time_ends_exactly_at_its_deadline() {
    let clock = VirtualClock::new();
    let time = clock.time();
    let mut limited =
        Box::pin(time.timeout(Duration::from_nanos(30), std::future::pending::<()>()));
    assert_eq!(clock.pending(), 0, "no timer entry before the first poll");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(limited.as_mut().poll(&mut cx).is_pending());
    clock.advance_to(at(29));
    assert!(limited.as_mut().poll(&mut cx).is_pending());
    clock.advance_to(at(30));
    assert!(
        matches!(limited.as_mut().poll(&mut cx), Poll::Ready(Err(e)) if e.deadline() == at(30))
    );
}
