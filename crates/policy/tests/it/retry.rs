//! Retries: attempts, waits, conditions, deadlines, budgets.

use std::time::Duration;

use steadfast_base::{OwnedValue, Recoverable, Recovery};
use steadfast_policy::{
    Backoff, Budget, BudgetSettings, Error, Last, Reason, Rejection, Retry, Verdict, names,
};

use crate::bench::{Bench, Script, ms};

fn half_a_second() -> Retry {
    Retry::constant(ms(500)).jitter(0.0)
}

#[test]
fn s41_three_attempts_wait_twice_and_pass_the_last_error_on_unchanged() {
    for (retry, calls, elapsed) in [
        (half_a_second(), 3, 1_000),
        (half_a_second().backoff(Backoff::exponential(ms(500))), 3, 1_500),
        (half_a_second().backoff(Backoff::linear(ms(500))), 3, 1_500),
        (half_a_second().max_attempts(1), 1, 0),
        (half_a_second().max_attempts(2), 2, 500),
    ] {
        let bench = Bench::new();
        let pipeline = bench.builder().retry(retry).build().unwrap();
        let script = Script::<()>::new(&[Err("first"), Err("second"), Err("third")]);
        let result = bench.block_on(pipeline.run(|_| async { script.next() }));
        let last = ["first", "second", "third"][calls - 1];
        assert_eq!(result, Err(Error::Inner(last)));
        assert_eq!((script.calls.get(), bench.elapsed()), (calls, elapsed));
    }
}

#[test]
fn s41_an_error_that_is_not_worth_it_is_not_tried_again() {
    let bench = Bench::new();
    let retry = half_a_second().when(|error: &&str| *error != "bad request");
    let pipeline = bench.builder().retry(retry).build().unwrap();
    let script = Script::<()>::new(&[Err("busy"), Err("bad request"), Ok(())]);
    let result = bench.block_on(pipeline.run(|_| async { script.next() }));
    assert_eq!(result, Err(Error::Inner("bad request")));
    assert_eq!((script.calls.get(), bench.elapsed()), (2, 500));
}

#[test]
fn s42_a_value_that_is_never_accepted_is_returned_or_reported() {
    let bench = Bench::new();
    let retry = || half_a_second().unless_ok(|value: &u32| *value > 10);
    let script = Script::new(&[Ok(1), Ok(2), Ok(3), Ok(4)]);
    let quiet = bench.builder().retry(retry()).build().unwrap();
    assert_eq!(bench.block_on(quiet.run(|_| async { script.next() })), Ok(3));
    assert_eq!(script.calls.get(), 3);

    let loud = bench.builder().retry(retry().fail_after_max()).build().unwrap();
    let result = bench.block_on(loud.run(|_| async { script.next() }));
    assert_eq!(result, Err(Error::Exhausted { last: Last::Unaccepted, attempts: 3 }));
    assert_eq!(script.calls.get(), 6);
}

#[test]
fn giving_up_loudly_keeps_the_last_error() {
    let bench = Bench::new();
    let pipeline = bench.builder().retry(half_a_second().fail_after_max()).build().unwrap();
    let result = bench.block_on(pipeline.run(|_| async { Err::<(), _>("no") }));
    assert_eq!(result, Err(Error::Exhausted { last: Last::Inner("no"), attempts: 3 }));
    let gave_up = bench.named(names::RETRY_GAVE_UP);
    assert_eq!(gave_up[0].field("why"), Some(&OwnedValue::Text("attempts".to_owned())));
}

#[test]
fn s44_an_attempt_that_would_start_after_the_deadline_is_not_waited_for() {
    for total_in_retry in [true, false] {
        let bench = Bench::new();
        let time = bench.clock.time();
        let work = |_| async {
            time.sleep(ms(700)).await;
            Err::<(), _>("no")
        };
        let result = if total_in_retry {
            let retry = half_a_second().total_deadline(ms(1_000));
            bench.block_on(bench.builder().retry(retry).build().unwrap().run(work))
        } else {
            let builder = bench.builder().total_deadline(ms(1_000)).retry(half_a_second());
            bench.block_on(builder.build().unwrap().run(work))
        };
        assert_eq!(result, Err(Error::Inner("no")));
        assert_eq!(bench.elapsed(), 700);
        let gave_up = bench.named(names::RETRY_GAVE_UP);
        assert_eq!(gave_up[0].field("why"), Some(&OwnedValue::Text("deadline".to_owned())));
    }
}

#[test]
fn s46_a_spent_budget_stops_retries_but_never_first_attempts() {
    let bench = Bench::new();
    let budget = Budget::new(BudgetSettings::throttle(10, 0.1)).unwrap();
    let retry = half_a_second().max_attempts(2).budget(&budget);
    let pipeline = bench.builder().retry(retry).build().unwrap();
    let script = Script::<()>::new(&[Err("down")]);
    for _ in 0..4 {
        bench.block_on(pipeline.run(|_| async { script.next() })).unwrap_err();
    }
    // Tokens 9, 8 | 7, 6 | 5: off | 4: off. Every first attempt was made.
    assert_eq!(script.calls.get(), 6);
    assert!((budget.tokens() - 4.0).abs() < 1e-9);
    let up = Script::new(&[Ok(())]);
    for _ in 0..11 {
        bench.block_on(pipeline.run(|_| async { up.next() })).unwrap();
    }
    assert!((budget.tokens() - 5.1).abs() < 1e-9);
    let flaky = Script::new(&[Err("down"), Ok(())]);
    // The failure itself takes a token: 4.1, so still off.
    assert!(bench.block_on(pipeline.run(|_| async { flaky.next() })).is_err());
}

#[test]
fn a_budget_is_shared_between_pipelines() {
    let bench = Bench::new();
    let settings = BudgetSettings::Ratio { ratio: 0.1, per_second: 0.0, burst: 3 };
    let budget = Budget::new(settings).unwrap();
    let pipeline = || {
        let retry = half_a_second().max_attempts(3).budget(&budget);
        bench.builder().retry(retry).build().unwrap()
    };
    let (one, two) = (pipeline(), pipeline());
    let script = Script::<()>::new(&[Err("down")]);
    bench.block_on(one.run(|_| async { script.next() })).unwrap_err();
    bench.block_on(two.run(|_| async { script.next() })).unwrap_err();
    assert_eq!(script.calls.get(), 5);
    assert_eq!(budget.refused(), 1);
}

#[derive(Debug, PartialEq)]
struct Status(Recovery);

impl Recoverable for Status {
    fn recovery(&self) -> Recovery {
        self.0
    }
}

#[test]
fn an_error_says_itself_whether_and_when_to_come_back() {
    for (recovery, calls, elapsed) in [
        (Recovery::Never, 1, 0),
        (Recovery::Unknown, 1, 0),
        (Recovery::Retry, 2, 500),
        (Recovery::RetryAfter(ms(200)), 2, 500),
        (Recovery::RetryAfter(ms(3_000)), 2, 3_000),
        (Recovery::RetryAfter(ms(61_000)), 1, 0),
    ] {
        let bench = Bench::new();
        let retry = half_a_second().max_attempts(2).by_recovery();
        let pipeline = bench.builder().retry(retry).build().unwrap();
        let made = std::cell::Cell::new(0);
        let result = bench.block_on(pipeline.run(|_| async {
            made.set(made.get() + 1);
            Err::<(), _>(Status(recovery))
        }));
        assert_eq!(result, Err(Error::Inner(Status(recovery))));
        assert_eq!((made.get(), bench.elapsed()), (calls, elapsed), "{recovery:?}");
    }
}

#[test]
fn a_rejection_is_passed_on_unless_retries_are_told_to_come_back() {
    use steadfast_breaker::{CircuitBreaker, Config, State};
    let open = Config::builder().open_wait(Duration::from_secs(5)).build().unwrap();
    for (retry_rejections, elapsed) in [(false, 0), (true, 5_000)] {
        let bench = Bench::new();
        let breaker = CircuitBreaker::new("b", open.clone(), bench.clock.time()).unwrap();
        breaker.set_state(State::Open).unwrap();
        let retry = half_a_second().retry_rejections(retry_rejections);
        let pipeline = bench.builder().retry(retry).breaker(&breaker).build().unwrap();
        let result = bench.block_on(pipeline.run(|_| async { Ok::<_, ()>(1) }));
        assert_eq!(result.is_ok(), retry_rejections);
        assert_eq!(bench.elapsed(), elapsed);
        assert_eq!(bench.named(names::REJECTED).len(), 1);
    }
}

#[test]
fn a_condition_of_ones_own_sees_values_and_errors() {
    let bench = Bench::new();
    let condition = |result: Result<&u32, &&str>| match result {
        Ok(503) => Verdict::RetryAfter(ms(900)),
        Err(&"busy") => Verdict::Retry,
        _ => Verdict::Accept,
    };
    let pipeline = bench.builder().retry(half_a_second().condition(condition)).build().unwrap();
    let script = Script::new(&[Ok(503), Err("busy"), Ok(200)]);
    assert_eq!(bench.block_on(pipeline.run(|_| async { script.next() })), Ok(200));
    assert_eq!(bench.elapsed(), 900 + 500);
}

#[test]
fn jitter_only_ever_adds_and_is_repeated_by_the_seed() {
    let run = |seed: u64| {
        let bench = Bench::new();
        let seed = steadfast_base::Seed::new(seed);
        let builder = bench.builder().seed(seed).retry(Retry::constant(ms(1_000)).max_attempts(50));
        let pipeline = builder.build().unwrap();
        bench.block_on(pipeline.run(|_| async { Err::<(), _>("no") })).unwrap_err();
        let waits = bench.named(names::RETRY_SCHEDULED).into_iter().map(|event| {
            match event.field("wait") {
                Some(OwnedValue::Duration(wait)) => *wait,
                other => panic!("a wait, not {other:?}"),
            }
        });
        waits.collect::<Vec<_>>()
    };
    let waits = run(1);
    assert_eq!(waits.len(), 49);
    assert!(waits.iter().all(|wait| (ms(1_000)..=ms(1_100)).contains(wait)));
    assert!(waits.iter().any(|wait| *wait > ms(1_050)));
    assert_eq!(waits, run(1));
    assert_ne!(waits, run(2));
}

#[test]
fn statistics_tell_how_calls_ended_and_can_be_reset() {
    let bench = Bench::new();
    let retry = half_a_second().when(|error: &&str| *error != "bad").build(bench.clock.time());
    let retry = retry.unwrap();
    for results in [&[Ok(())][..], &[Err("busy"), Ok(())], &[Err("busy")], &[Err("bad")]] {
        let script = Script::new(results);
        let _ = bench.block_on(retry.call_async(|_| async { script.next() }));
    }
    let statistics = retry.reset_statistics();
    assert_eq!((statistics.retries, statistics.recovered), (3, 1));
    assert_eq!((statistics.out_of_attempts, statistics.not_retryable), (1, 1));
    assert_eq!(retry.statistics().retries, 0);
}

#[test]
fn the_synchronous_retry_waits_on_its_thread() {
    let bench = Bench::new();
    let retry = half_a_second().build(bench.clock.time()).unwrap();
    let clock = bench.clock.clone();
    let caller = std::thread::spawn(move || {
        retry.call(|call| if call.attempt() < 3 { Err("busy") } else { Ok(call.attempt()) })
    });
    while !caller.is_finished() {
        clock.advance_to_next();
        std::thread::yield_now();
    }
    assert_eq!(caller.join().unwrap(), Ok(3));
    assert_eq!(bench.elapsed(), 1_000);
}

#[test]
fn new_settings_hold_for_the_next_failure() {
    let bench = Bench::new();
    let retry = half_a_second().build(bench.clock.time()).unwrap();
    let mut settings = retry.settings();
    settings.max_attempts = 5;
    retry.reconfigure(settings).unwrap();
    settings.max_attempts = 0;
    assert!(retry.reconfigure(settings).is_err());
    let script = Script::<()>::new(&[Err("no")]);
    bench.block_on(retry.call_async(|_| async { script.next() })).unwrap_err();
    assert_eq!(script.calls.get(), 5);
}

#[test]
fn an_error_knows_how_long_to_stay_away() {
    let rejection = Rejection::new(names::RATE_LIMIT, Reason::RateLimited).with_retry_after(ms(70));
    let error = Error::<Status>::from(rejection);
    assert_eq!(error.retry_after(), Some(ms(70)));
    assert_eq!(error.recovery(), Recovery::RetryAfter(ms(70)));
    let exhausted = Error::<Status>::Exhausted { last: Last::Rejected(rejection), attempts: 3 };
    assert_eq!(exhausted.retry_after(), Some(ms(70)));
}
