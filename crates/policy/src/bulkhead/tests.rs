//! Places, the queue and the figures, in virtual time; numbers are those of the scenarios.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::{CallContext, Health, MemorySink, VirtualClock, context};

use super::acquire::Acquire;
use super::*;
use crate::error::Error;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Bench {
    clock: VirtualClock,
    sink: Arc<MemorySink>,
    bulkhead: Bulkhead,
}

fn bench(config: BulkheadConfig) -> Bench {
    let (clock, sink) = (VirtualClock::new(), Arc::new(MemorySink::new(100)));
    let events = Events::new("bench", clock.time(), Arc::<MemorySink>::clone(&sink));
    let bulkhead = Bulkhead::with_events(config, clock.time(), events).expect("valid");
    Bench { clock, sink, bulkhead }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A caller that waits, and how often it was woken.
struct Waiter {
    future: Pin<Box<Acquire<'static>>>,
    wakes: Arc<Wakes>,
}

impl Waiter {
    fn new(bulkhead: &Bulkhead) -> Self {
        let future = Acquire::new(super::permit::Owner::Shared(Arc::clone(&bulkhead.inner)), None);
        Self { future: Box::pin(future), wakes: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Result<BulkheadPermit<'static>, Rejection>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn waits(bulkhead: &Bulkhead) -> Self {
        let mut waiter = Self::new(bulkhead);
        assert!(waiter.poll().is_pending());
        waiter
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }

    fn permit(&mut self) -> BulkheadPermit<'static> {
        match self.poll() {
            Poll::Ready(Ok(permit)) => permit,
            other => panic!("no permit: {other:?}"),
        }
    }
}

#[test]
fn s37_places_are_given_rejected_and_given_back() {
    let Bench { sink, bulkhead, .. } = bench(BulkheadConfig::new(2));
    let one = bulkhead.try_acquire().expect("free");
    let two = bulkhead.try_acquire().expect("free");
    assert_eq!(bulkhead.available(), 0);
    let rejection = bulkhead.try_acquire().expect_err("full");
    assert_eq!((rejection.policy, rejection.reason), (names::BULKHEAD, Reason::Full));
    assert_eq!(rejection.retry_after, None);
    one.succeed();
    assert_eq!(bulkhead.available(), 1);
    two.succeed();
    assert_eq!(bulkhead.available(), 2);
    let _three = bulkhead.try_acquire().expect("free");
    let (p, r, f) = (names::BULKHEAD_PERMITTED, names::REJECTED, names::BULKHEAD_FINISHED);
    assert_eq!(sink.names(), [p, p, r, f, f, p]);
}

#[test]
fn s37_a_limit_of_zero_always_rejects() {
    let waiting = BulkheadConfig::new(0).with_wait(millis(50), 10);
    for config in [BulkheadConfig::new(0), waiting] {
        let Bench { clock, bulkhead, .. } = bench(config);
        assert!(bulkhead.try_acquire().is_err());
        assert!(bulkhead.statistics().utilization >= 1.0);
        let mut waiter = Waiter::new(&bulkhead);
        if config.max_wait_duration > Duration::ZERO {
            assert!(waiter.poll().is_pending());
            clock.advance(millis(50));
        }
        assert!(matches!(waiter.poll(), Poll::Ready(Err(_))));
    }
}

#[test]
fn s38_a_wait_ends_at_exactly_its_time() {
    let Bench { clock, bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 10));
    let _holder = bulkhead.try_acquire().expect("free");
    let mut waiter = Waiter::waits(&bulkhead);
    clock.advance(Duration::from_nanos(49_999_999));
    assert_eq!((waiter.wakes(), waiter.poll().is_pending()), (0, true));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(waiter.wakes(), 1);
    let Poll::Ready(Err(rejection)) = waiter.poll() else { panic!("still waiting") };
    assert_eq!(rejection.reason, Reason::WaitOver);
    assert_eq!(bulkhead.statistics().rejected_after_wait, 1);
    assert_eq!(bulkhead.statistics().waiting, 0);
}

#[test]
fn s38_a_dropped_waiter_leaves_the_queue() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 10));
    let holder = bulkhead.try_acquire().expect("free");
    let waiter = Waiter::waits(&bulkhead);
    assert_eq!(bulkhead.statistics().waiting, 1);
    drop(waiter);
    assert_eq!(bulkhead.statistics().waiting, 0);
    drop(holder);
    assert!(bulkhead.try_acquire().is_ok());
}

#[test]
fn s38_a_free_place_wakes_exactly_the_first_of_three() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 10));
    let holder = bulkhead.try_acquire().expect("free");
    let mut waiters: Vec<_> = (0..3).map(|_| Waiter::waits(&bulkhead)).collect();
    drop(holder);
    let wakes: Vec<_> = waiters.iter().map(Waiter::wakes).collect();
    assert_eq!(wakes, [1, 0, 0]);
    assert!(bulkhead.try_acquire().is_err(), "nobody overtakes the queue");
    assert!(waiters[1].poll().is_pending() && waiters[2].poll().is_pending());
    let permit = waiters[0].permit();
    drop(permit);
    assert_eq!(waiters[1].wakes(), 1);
}

#[test]
fn a_place_given_to_a_waiter_that_is_dropped_goes_to_the_next() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 10));
    let holder = bulkhead.try_acquire().expect("free");
    let (first, mut second) = (Waiter::waits(&bulkhead), Waiter::waits(&bulkhead));
    drop(holder);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.permit());
    assert_eq!(bulkhead.available(), 1);
}

#[test]
fn a_full_queue_and_a_passed_deadline_reject_at_once() {
    let Bench { clock, bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 1));
    let _holder = bulkhead.try_acquire().expect("free");
    let _waiter = Waiter::waits(&bulkhead);
    let Poll::Ready(Err(full)) = Waiter::new(&bulkhead).poll() else { panic!("it waits") };
    assert_eq!(full.reason, Reason::Full);
    bulkhead.reconfigure(bulkhead.config().with_wait(millis(50), 9)).expect("valid");
    let _guard = context::enter(CallContext::new().with_deadline(clock.time().now()));
    let rejection = bulkhead.acquire_blocking().expect_err("no time left");
    assert_eq!(rejection.reason, Reason::WaitOver);
}

#[test]
fn the_callers_deadline_shortens_the_wait() {
    let Bench { clock, bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 9));
    let _holder = bulkhead.try_acquire().expect("free");
    let deadline = clock.time().now() + millis(20);
    let guard = context::enter(CallContext::new().with_deadline(deadline));
    let mut waiting = Box::pin(bulkhead.acquire());
    drop(guard);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert_eq!(clock.next_wakeup(), Some(deadline));
}

#[test]
fn s40_a_place_is_freed_by_an_error_a_panic_and_a_dropped_future() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(1));
    assert_eq!(bulkhead.call(|| Err::<(), _>("no")), Err(Error::Inner("no")));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bulkhead.call(|| -> Result<(), ()> { panic!("out of paper") })
    }));
    assert!(caught.is_err());
    {
        let mut call = Box::pin(bulkhead.call_async(std::future::pending::<Result<(), ()>>));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(bulkhead.available(), 0);
    }
    let statistics = bulkhead.statistics();
    assert_eq!((statistics.available, statistics.failed, statistics.dropped), (1, 2, 1));
}

#[test]
fn where_nobody_may_wait_a_full_bulkhead_rejects_while_its_lock_is_held() {
    for config in [BulkheadConfig::new(1), BulkheadConfig::new(1).with_wait(millis(50), 0)] {
        let bench = bench(config);
        let permit = bench.bulkhead.try_acquire().expect("a place");
        let queue = bench.bulkhead.inner.lock();
        let rejected = bench.bulkhead.call(|| Ok::<_, ()>(1));
        drop(queue);
        assert_eq!(rejected, Err(Error::Rejected(Rejection::new(names::BULKHEAD, Reason::Full))));
        assert_eq!(bench.bulkhead.statistics().rejected_full, 1);
        drop(permit);
    }
}

#[test]
fn a_wait_allowed_later_is_waited() {
    let bench = bench(BulkheadConfig::new(1));
    let permit = bench.bulkhead.try_acquire().expect("a place");
    bench.bulkhead.reconfigure(BulkheadConfig::new(1).with_wait(millis(50), 1)).expect("valid");
    let mut waiter = Waiter::new(&bench.bulkhead);
    assert!(waiter.poll().is_pending());
    drop(permit);
    assert!(waiter.poll().is_ready());
}

#[test]
fn a_raised_limit_lets_waiters_in_and_a_lowered_one_takes_no_place_away() {
    let Bench { sink, bulkhead, .. } = bench(BulkheadConfig::new(1).with_wait(millis(50), 10));
    let holder = bulkhead.try_acquire().expect("free");
    let mut waiters: Vec<_> = (0..3).map(|_| Waiter::waits(&bulkhead)).collect();
    bulkhead.resize(3).expect("valid");
    assert_eq!(waiters.iter().map(Waiter::wakes).collect::<Vec<_>>(), [1, 1, 0]);
    let permits = [waiters[0].permit(), waiters[1].permit(), holder];
    bulkhead.resize(1).expect("valid");
    assert_eq!((bulkhead.statistics().running, bulkhead.available()), (3, 0));
    let [one, two, three] = permits;
    drop((one, two));
    assert_eq!(waiters[2].wakes(), 0);
    drop(three);
    assert_eq!(waiters[2].wakes(), 1);
    let resized = |name: &&&str| **name == names::BULKHEAD_RESIZED;
    assert_eq!(sink.names().iter().filter(resized).count(), 2);
}

#[test]
fn statistics_count_from_the_last_reset_also_what_ran_at_it() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(2));
    bulkhead.try_acquire().expect("free").succeed();
    let (good, bad) =
        (bulkhead.try_acquire().expect("free"), bulkhead.try_acquire().expect("free"));
    assert!(bulkhead.try_acquire().is_err());
    bulkhead.reset_statistics();
    let fresh = bulkhead.statistics();
    assert_eq!((fresh.permitted, fresh.finished, fresh.rejected(), fresh.running), (0, 0, 0, 2));
    assert_eq!((fresh.failure_rate, fresh.health()), (None, Health::Degraded));
    good.succeed();
    bad.fail();
    bulkhead.try_acquire().expect("free").fail();
    let later = bulkhead.statistics();
    assert_eq!((later.permitted, later.finished, later.succeeded, later.failed), (1, 3, 1, 2));
}

#[test]
fn a_failure_rate_is_judged_once_ten_calls_have_ended() {
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(2));
    for _ in 0..9 {
        bulkhead.try_acquire().expect("free").fail();
    }
    drop(bulkhead.try_acquire().expect("free"));
    let nine = bulkhead.statistics();
    assert_eq!((nine.failure_rate, nine.health()), (Some(1.0), Health::Healthy));
    bulkhead.try_acquire().expect("free").succeed();
    assert_eq!(bulkhead.statistics().health(), Health::Critical);
    (0..8).for_each(|_| bulkhead.try_acquire().expect("free").succeed());
    assert_eq!(bulkhead.statistics().health(), Health::Healthy, "half of the calls is not more");
}

#[test]
fn settings_out_of_range_are_refused_and_change_nothing() {
    let config = BulkheadConfig::new(u32::MAX).with_wait(millis(1), u32::MAX);
    assert_eq!(config.validate().expect_err("two faults").faults().len(), 2);
    let Bench { bulkhead, .. } = bench(BulkheadConfig::new(2));
    assert!(bulkhead.reconfigure(config).is_err());
    assert_eq!(bulkhead.config(), BulkheadConfig::new(2));
    let text = r#"{"max_concurrent_calls":25,"max_wait_duration":0.0,"queue_calls_max":100}"#;
    assert_eq!(serde_json::to_string(&BulkheadConfig::default()).expect("serializes"), text);
}

#[test]
fn threads_never_run_more_at_once_than_there_are_places() {
    let bulkhead = Bulkhead::new(
        BulkheadConfig::new(3).with_wait(Duration::from_mins(1), 100),
        steadfast_base::Time::system(),
    )
    .expect("valid");
    let (running, most) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let result = bulkhead.call(|| {
                        most.fetch_max(
                            running.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, ()>(())
                    });
                    assert_eq!(result, Ok(()));
                }
            });
        }
    });
    let statistics = bulkhead.statistics();
    assert!(most.into_inner() <= 3);
    assert_eq!(
        (statistics.succeeded, statistics.permitted, statistics.available),
        (2_400, 2_400, 3)
    );
}

/// What a caller does.
#[derive(Clone, Debug)]
enum Step {
    Try,
    Wait,
    /// Ends the permit or the wait of this number, if it is still there.
    End(usize),
    Resize(u32),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Try),
        4 => Just(Step::Wait),
        4 => any::<usize>().prop_map(Step::End),
        1 => (0_u32..4).prop_map(Step::Resize),
        2 => (0_u64..40).prop_map(Step::Advance),
    ]
}

/// The slow, obvious bulkhead: who runs, and who waits until when.
#[derive(Default)]
struct Model {
    limit: usize,
    running: Vec<usize>,
    waiting: Vec<(usize, u64)>,
}

impl Model {
    fn let_in(&mut self) {
        while self.running.len() < self.limit && !self.waiting.is_empty() {
            self.running.push(self.waiting.remove(0).0);
        }
    }
}

const QUEUE: usize = 3;
const WAIT: u64 = 50;

proptest! {
    #[test]
    fn the_bulkhead_does_what_the_model_does(steps in prop::collection::vec(step(), 1..80)) {
        let Bench { clock, bulkhead, .. } =
            bench(BulkheadConfig::new(2).with_wait(millis(WAIT), 3));
        let mut model = Model { limit: 2, ..Model::default() };
        let mut now = 0;
        let mut callers: Vec<(Option<Waiter>, Option<BulkheadPermit<'static>>)> = Vec::new();
        for step in steps {
            let caller = callers.len();
            match step {
                Step::Try => {
                    let permit = bulkhead.try_acquire_owned().ok();
                    let room = model.running.len() < model.limit && model.waiting.is_empty();
                    prop_assert_eq!(permit.is_some(), room);
                    if room {
                        model.running.push(caller);
                    }
                    callers.push((None, permit));
                }
                Step::Wait => {
                    let mut waiter = Waiter::new(&bulkhead);
                    let polled = waiter.poll();
                    if model.running.len() < model.limit && model.waiting.is_empty() {
                        model.running.push(caller);
                    } else if model.waiting.len() < QUEUE {
                        model.waiting.push((caller, now + WAIT));
                    }
                    let waits = model.waiting.iter().any(|(who, _)| *who == caller);
                    prop_assert_eq!(polled.is_pending(), waits);
                    let permit = match polled { Poll::Ready(Ok(permit)) => Some(permit), _ => None };
                    prop_assert_eq!(permit.is_some(), model.running.contains(&caller));
                    callers.push((waits.then_some(waiter), permit));
                }
                Step::End(which) if caller > 0 => {
                    let which = which % caller;
                    callers[which] = (None, None);
                    model.running.retain(|who| *who != which);
                    model.waiting.retain(|(who, _)| *who != which);
                    model.let_in();
                }
                Step::End(_) => {}
                Step::Resize(limit) => {
                    bulkhead.resize(limit).expect("valid");
                    model.limit = limit as usize;
                    model.let_in();
                }
                Step::Advance(by) => {
                    now += by;
                    clock.advance(millis(by));
                    model.waiting.retain(|(_, until)| *until > now);
                }
            }
            for (number, (waiter, permit)) in callers.iter_mut().enumerate() {
                if let Some(waiting) = waiter {
                    let polled = waiting.poll();
                    prop_assert_eq!(
                        polled.is_pending(),
                        model.waiting.iter().any(|(who, _)| *who == number)
                    );
                    if let Poll::Ready(result) = polled {
                        *waiter = None;
                        *permit = result.ok();
                        prop_assert_eq!(permit.is_some(), model.running.contains(&number));
                    }
                }
            }
            let statistics = bulkhead.statistics();
            prop_assert_eq!(statistics.running as usize, model.running.len());
            prop_assert_eq!(statistics.waiting, model.waiting.len() as u64);
        }
    }
}
