//! Random pipelines of calls against a slow, obvious model of a retry with a budget and a deadline.

use std::cell::Cell;

use proptest::prelude::*;

use steadfast_base::RetryMark;
use steadfast_policy::{Budget, BudgetSettings, Error, Fallback, Retry};

use crate::bench::{Bench, ms};

/// What one attempt does: takes so many milliseconds, then succeeds, fails, or fails for good.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Good,
    Bad,
    Fatal,
}

#[derive(Clone, Debug)]
struct Plan {
    attempts_max: u32,
    wait: u64,
    timeout: u64,
    total: u64,
    answers: Vec<(u64, Answer)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let answer =
        prop_oneof![1 => Just(Answer::Good), 4 => Just(Answer::Bad), 1 => Just(Answer::Fatal)];
    let answers = prop::collection::vec((0_u64..60, answer), 6);
    (1_u32..6, 1_u64..40, 1_u64..50, 50_u64..200, answers).prop_map(
        |(attempts_max, wait, timeout, total, answers)| Plan {
            attempts_max,
            wait,
            timeout,
            total,
            answers,
        },
    )
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Good,
    Failed,
    TimedOut,
}

/// The result, the attempts made and the time taken, step by step.
fn model(plan: &Plan) -> (End, usize, u64) {
    let mut now = 0;
    let mut made = 0;
    loop {
        let (takes, answer) = *plan.answers.get(made).expect("as many as attempts at most");
        made += 1;
        let left = plan.timeout.min(plan.total - now);
        let end = if takes > left {
            now += left;
            End::TimedOut
        } else {
            now += takes;
            match answer {
                Answer::Good => End::Good,
                Answer::Bad => End::Failed,
                Answer::Fatal => return (End::Failed, made, now),
            }
        };
        let next = now + plan.wait;
        if end == End::Good || made >= plan.attempts_max as usize || next >= plan.total {
            return (end, made, now);
        }
        now = next;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_pipeline_does_what_the_model_does(plan in plans()) {
        let bench = Bench::new();
        let retry = Retry::constant(ms(plan.wait)).jitter(0.0).max_attempts(plan.attempts_max);
        let pipeline = bench
            .builder()
            .total_deadline(ms(plan.total))
            .retry(retry.when(|answer: &Answer| *answer == Answer::Bad))
            .attempt_timeout(ms(plan.timeout.min(plan.total)))
            .build()
            .unwrap();
        let made = Cell::new(0);
        let time = bench.clock.time();
        let result = bench.block_on(pipeline.run(|call| {
            let (takes, answer) = plan.answers[made.get()];
            made.set(made.get() + 1);
            assert_eq!(call.attempt() as usize, made.get());
            assert_eq!(call.retry(), RetryMark::Forbidden);
            let time = &time;
            async move {
                if takes > 0 {
                    time.sleep(ms(takes)).await;
                }
                if answer == Answer::Good { Ok(()) } else { Err(answer) }
            }
        }));
        let end = match result {
            Ok(()) => End::Good,
            Err(Error::Inner(_)) => End::Failed,
            Err(Error::Timeout(_)) => End::TimedOut,
            Err(other) => panic!("{other:?}"),
        };
        prop_assert_eq!((end, made.get(), bench.elapsed()), model(&plan));
        prop_assert_eq!(bench.clock.pending(), 0);
    }

    #[test]
    fn retries_never_exceed_the_budget(
        outcomes in prop::collection::vec(any::<bool>(), 1..300),
        burst in 1_u32..10,
        tenths in 0_u32..10,
    ) {
        let bench = Bench::new();
        let ratio = f64::from(tenths) / 10.0;
        let settings = BudgetSettings::Ratio { ratio, per_second: 0.0, burst };
        let budget = Budget::new(settings).unwrap();
        let retry = Retry::constant(ms(1)).max_attempts(5).budget(&budget);
        let pipeline = bench.builder().fallback(Fallback::value(())).retry(retry).build().unwrap();
        let made = Cell::new(0_u32);
        let mut calls = 0_u32;
        for good in outcomes {
            calls += 1;
            let attempt = |_| {
                made.set(made.get() + 1);
                async move { if good { Ok(()) } else { Err("no") } }
            };
            prop_assert_eq!(bench.block_on(pipeline.run(attempt)), Ok(()));
            let retries = made.get() - calls;
            prop_assert!(f64::from(retries) <= f64::from(burst) + ratio * f64::from(calls) + 1e-6);
        }
        prop_assert!(made.get() >= calls, "first attempts are never held back");
    }
}
