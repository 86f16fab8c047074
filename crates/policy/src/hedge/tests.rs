//! Attempts side by side, in virtual time; numbers are those of the scenarios.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use steadfast_base::VirtualClock;

use super::*;
use crate::budget::BudgetSettings;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn generous() -> Budget {
    Budget::new(BudgetSettings::ratio(1.0)).expect("valid")
}

struct Bench {
    clock: VirtualClock,
    hedge: Hedge,
    /// When each attempt started, in milliseconds.
    starts: Rc<RefCell<Vec<u128>>>,
    /// Attempts that live.
    alive: Rc<Cell<u32>>,
}

/// Counts as alive until it is dropped.
struct Alive(Rc<Cell<u32>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Bench {
    fn new(config: HedgeConfig, budget: &Budget) -> Self {
        let clock = VirtualClock::new();
        let hedge = Hedge::new(config, budget, clock.time()).expect("valid");
        Self { clock, hedge, starts: Rc::default(), alive: Rc::default() }
    }

    /// An attempt that starts now and ends after so many milliseconds.
    fn attempt(
        &self,
        ms: u64,
        result: Result<u32, u32>,
    ) -> impl Future<Output = Result<u32, u32>> + use<> {
        let time = self.clock.time();
        self.starts.borrow_mut().push(time.now().as_nanos().into());
        self.alive.set(self.alive.get() + 1);
        let alive = Alive(Rc::clone(&self.alive));
        async move {
            time.sleep(millis(ms)).await;
            drop(alive);
            result
        }
    }

    /// Polls to the end; the output, and the milliseconds it took.
    fn finish<F: Future>(&self, future: F) -> (F::Output, u128) {
        let mut future = pin!(future);
        let started = self.clock.time().now();
        loop {
            if let Poll::Ready(output) =
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                assert_eq!(self.alive.get(), 0, "the losers are dropped before the answer");
                return (output, (self.clock.time().now() - started).as_millis());
            }
            assert!(self.clock.advance_to_next(), "it waits for time alone");
        }
    }

    /// Runs a call whose attempts take these milliseconds; the last one repeats.
    fn run(&self, attempts: &[(u64, Result<u32, u32>)]) -> (Result<u32, u32>, u128) {
        self.finish(self.hedge.run(Idempotency::Idempotent, |number| {
            let index = (number as usize).min(attempts.len()) - 1;
            self.attempt(attempts[index].0, attempts[index].1)
        }))
    }

    fn starts(&self) -> Vec<u128> {
        self.starts.borrow().iter().map(|nanos| nanos / 1_000_000).collect()
    }
}

#[test]
fn s49_an_answer_before_the_delay_is_one_call() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    assert_eq!(bench.run(&[(9, Ok(1))]), (Ok(1), 9));
    assert_eq!(bench.starts(), [0]);
}

#[test]
fn s49_a_second_attempt_starts_at_the_delay_and_the_first_answer_wins() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    assert_eq!(bench.run(&[(11, Ok(1)), (50, Ok(2))]), (Ok(1), 11));
    assert_eq!(bench.starts(), [0, 10]);
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    assert_eq!(bench.run(&[(100, Ok(1)), (5, Ok(2))]), (Ok(2), 15));
    let statistics = bench.hedge.statistics();
    assert_eq!((statistics.calls, statistics.hedges, statistics.won), (1, 1, 1));
}

#[test]
fn s49_what_must_not_be_repeated_or_cannot_be_copied_is_one_call() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    let run = bench.hedge.run(Idempotency::NotIdempotent, |number| bench.attempt(50, Ok(number)));
    assert_eq!(bench.finish(run), (Ok(1), 50));
    for (idempotency, copy) in
        [(Idempotency::Idempotent, None), (Idempotency::NotIdempotent, Some(9))]
    {
        let run = bench.hedge.run_request(idempotency, 5, |_| copy, |n| bench.attempt(50, Ok(n)));
        assert_eq!(bench.finish(run), (Ok(5), 50));
    }
    assert_eq!(bench.starts().len(), 3);
    let copied = bench.hedge.run_request(
        Idempotency::Idempotent,
        5,
        |n| Some(*n),
        |n| bench.attempt(50, Ok(n)),
    );
    assert_eq!(bench.finish(copied), (Ok(5), 50));
    assert_eq!(bench.starts().len(), 5);
}

#[test]
fn an_extra_call_that_cannot_be_made_costs_nothing() {
    let budget = generous();
    let bench = Bench::new(HedgeConfig::after(millis(10)), &budget);
    let copies = Cell::new(0);
    // There is a copy to keep, and none of that.
    let copy = |request: &u32| (copies.replace(copies.get() + 1) == 0).then_some(*request);
    let call = bench
        .hedge
        .run_request(Idempotency::Idempotent, 7, copy, |request| bench.attempt(50, Ok(request)));
    let before = budget.tokens();
    assert_eq!(bench.finish(call).0, Ok(7));
    assert_eq!((copies.get(), bench.starts.borrow().len()), (2, 1));
    assert!(budget.tokens() >= before, "{} of {before}", budget.tokens());
}

#[test]
fn s49_without_delay_all_start_at_once_and_with_an_endless_one_each_after_the_other() {
    let bench = Bench::new(HedgeConfig::at_once().with_attempts_max(3), &generous());
    assert_eq!(bench.run(&[(30, Ok(1)), (20, Ok(2)), (40, Ok(3))]), (Ok(2), 20));
    assert_eq!(bench.starts(), [0, 0, 0]);
    let bench = Bench::new(HedgeConfig::sequential().with_attempts_max(3), &generous());
    assert_eq!(bench.run(&[(30, Err(1)), (20, Err(2)), (40, Ok(3))]), (Ok(3), 90));
    assert_eq!(bench.starts(), [0, 30, 50]);
}

#[test]
fn s49_if_all_fail_the_error_is_that_of_the_first() {
    for (config, starts) in [
        (HedgeConfig::after(millis(10)).with_attempts_max(3), vec![0, 10, 20]),
        (HedgeConfig::at_once().with_attempts_max(3), vec![0, 0, 0]),
        (HedgeConfig::sequential().with_attempts_max(3), vec![0, 25, 30]),
    ] {
        let bench = Bench::new(config, &generous());
        assert_eq!(bench.run(&[(25, Err(1)), (5, Err(2)), (6, Err(3))]).0, Err(1));
        assert_eq!(bench.starts(), starts);
    }
}

#[test]
fn a_failed_attempt_is_replaced_at_once_when_no_other_runs() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    assert_eq!(bench.run(&[(3, Err(1)), (5, Ok(2))]), (Ok(2), 8));
    assert_eq!(bench.starts(), [0, 3]);
}

#[test]
fn a_dropped_call_drops_all_attempts() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    {
        let run = bench.hedge.run(Idempotency::Idempotent, |number| bench.attempt(99, Ok(number)));
        let mut run = pin!(run);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut cx).is_pending());
        bench.clock.advance(millis(10));
        assert!(run.as_mut().poll(&mut cx).is_pending());
        assert_eq!(bench.alive.get(), 2);
    }
    assert_eq!(bench.alive.get(), 0);
}

#[test]
fn s50_a_uniformly_slow_callee_gets_five_per_cent_more_calls_and_the_reserve() {
    // The same as the budget of a pipeline that is given the settings alone.
    let budget = HedgeConfig::default_budget();
    let reserve = budget.tokens();
    let bench = Bench::new(HedgeConfig::after(millis(10)), &budget);
    for _ in 0..1_000 {
        assert_eq!(bench.run(&[(50, Ok(1))]), (Ok(1), 50));
    }
    let statistics = bench.hedge.statistics();
    let extra = f64::from(u32::try_from(statistics.hedges).expect("few"));
    assert!(extra >= 50.0 && extra <= 50.0 + reserve, "{extra} with a reserve of {reserve}");
    assert_eq!(statistics.hedges + statistics.refused, 1_000);
    assert_eq!(bench.starts().len() as u64, 1_000 + statistics.hedges);
}

#[test]
fn settings_are_checked_and_changed_live() {
    let bench = Bench::new(HedgeConfig::after(millis(10)), &generous());
    assert!(bench.hedge.reconfigure(HedgeConfig::at_once().with_attempts_max(0)).is_err());
    bench.hedge.reconfigure(HedgeConfig::after(millis(1)).with_attempts_max(1)).expect("valid");
    assert_eq!(bench.run(&[(9, Ok(1))]), (Ok(1), 9));
    assert_eq!(bench.starts(), [0]);
    bench.hedge.reset_statistics();
    assert_eq!(bench.hedge.statistics().calls, 0);
}
