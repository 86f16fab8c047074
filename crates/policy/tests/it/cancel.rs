//! Runs that are dropped, at every point they can be at.

use std::cell::Cell;
use std::pin::pin;

use steadfast_breaker::{CircuitBreaker, Config, ProbeVerdict, State};
use steadfast_policy::{Bulkhead, BulkheadConfig, Retry};

use crate::bench::{Bench, ms, poll};

#[test]
fn s44_a_cancel_during_the_backoff_makes_no_further_attempt() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(Retry::constant(ms(500)).jitter(0.0)).build().unwrap();
    let made = Cell::new(0);
    {
        let mut run = pin!(pipeline.run(|_| {
            made.set(made.get() + 1);
            async { Err::<(), _>("no") }
        }));
        assert!(poll(run.as_mut()).is_pending());
        bench.clock.advance(ms(300));
        assert!(poll(run.as_mut()).is_pending());
    }
    bench.clock.advance(ms(10_000));
    assert_eq!((made.get(), bench.clock.pending()), (1, 0));
}

#[test]
fn s40_a_run_gives_everything_back_wherever_it_is_dropped() {
    // The run of this pipeline is pending at: the first attempt's work, the backoff, the second work.
    for polls in 0..6 {
        let bench = Bench::new();
        let config = Config::builder().probes(1, ProbeVerdict::Successes(1)).build().unwrap();
        let breaker = CircuitBreaker::new("b", config, bench.clock.time()).unwrap();
        breaker.set_state(State::Open).unwrap();
        breaker.set_state(State::HalfOpen).unwrap();
        let bulkhead = Bulkhead::new(BulkheadConfig::new(1), bench.clock.time()).unwrap();
        let ignore =
            |_: &Result<(), steadfast_policy::Error<&str>>| steadfast_breaker::Outcome::Ignored;
        let pipeline = bench
            .builder()
            .total_deadline(ms(60_000))
            .retry(Retry::constant(ms(500)).jitter(0.0))
            .breaker(steadfast_policy::Guard::new(breaker.clone()).classify(ignore))
            .bulkhead(bulkhead.clone())
            .attempt_timeout(ms(1_000))
            .build()
            .unwrap();
        let time = bench.clock.time();
        {
            let mut run = pin!(pipeline.run(|_| async {
                time.sleep(ms(100)).await;
                Err::<(), _>("no")
            }));
            for _ in 0..polls {
                assert!(poll(run.as_mut()).is_pending() || polls > 4);
                if polls < 5 {
                    bench.clock.advance_to_next();
                }
            }
        }
        assert_eq!(bench.clock.pending(), 0, "after {polls} polls");
        assert_eq!(bulkhead.available(), 1, "after {polls} polls");
        assert!(breaker.acquire().is_ok(), "after {polls} polls");
    }
}
