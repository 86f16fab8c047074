//! The decision after a failed attempt, as a table.

use steadfast_base::Instant;

use super::condition::judge;
use super::step::{Attempts, Decision, Stop};
use super::*;
use crate::budget::BudgetSettings;
use crate::error::{Error, TimedOut};
use crate::rejection::{Reason, Rejection};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Instant {
    Instant::ZERO + ms(millis)
}

fn settings() -> RetrySettings {
    RetrySettings { backoff: Backoff::constant(ms(100)), jitter: 0.5, ..RetrySettings::default() }
}

/// Steps once after the first attempt, which ended at 1 s.
fn step(
    settings: &RetrySettings,
    verdict: Verdict,
    deadline: Option<Instant>,
    random: f64,
) -> Decision {
    Attempts::first().step(settings, verdict, at(1_000), deadline, [random; 2], None)
}

#[test]
fn the_next_attempt_starts_after_the_longer_wait_and_the_jitter() {
    use Verdict::{Retry, RetryAfter};
    for (verdict, random, expected) in [
        (Retry, 0.0, 100),
        (Retry, 0.5, 125),
        (RetryAfter(ms(40)), 0.0, 100),
        (RetryAfter(ms(400)), 0.0, 400),
        (RetryAfter(ms(400)), 0.5, 500),
        (RetryAfter(ms(60_000)), 0.0, 60_000),
    ] {
        let decision = step(&settings(), verdict, None, random);
        let again = Decision::Again { at: at(1_000 + expected), wait: ms(expected) };
        assert_eq!(decision, again, "{verdict:?} at {random}");
    }
}

#[test]
fn a_call_is_given_up_for_the_first_reason_that_holds() {
    let one = RetrySettings { max_attempts: 1, ..settings() };
    let too_long = Verdict::RetryAfter(ms(60_001));
    for (settings, verdict, deadline, stop) in [
        (one, Verdict::Retry, None, Stop::Attempts),
        (one, too_long, Some(at(0)), Stop::Attempts),
        (settings(), too_long, None, Stop::RetryAfter),
        (settings(), Verdict::Retry, Some(at(1_100)), Stop::Deadline),
        (settings(), Verdict::Retry, Some(at(900)), Stop::Deadline),
    ] {
        let decision = step(&settings, verdict, deadline, 0.0);
        assert_eq!(decision, Decision::GiveUp(stop), "{verdict:?} until {deadline:?}");
    }
    let just_in_time = step(&settings(), Verdict::Retry, Some(at(1_101)), 0.0);
    assert_eq!(just_in_time, Decision::Again { at: at(1_100), wait: ms(100) });
}

#[test]
fn the_budget_is_asked_last_and_pays_only_for_attempts_that_are_made() {
    let budget = BudgetSettings::Ratio { ratio: 0.0, per_second: 0.0, burst: 2 };
    let budget = Budget::new(budget).unwrap();
    let mut attempts = Attempts::first();
    let mut step = |deadline| {
        let (verdict, budget) = (Verdict::Retry, Some(&budget));
        attempts.step(&settings(), verdict, at(1_000), deadline, [0.0; 2], budget)
    };
    assert_eq!(step(Some(at(1_000))), Decision::GiveUp(Stop::Deadline));
    assert!(matches!(step(None), Decision::Again { .. }));
    assert!(matches!(step(None), Decision::Again { .. }));
    assert_eq!(step(None), Decision::GiveUp(Stop::Attempts));
    assert!(budget.tokens().abs() < 1e-9);
    let spent =
        Attempts::first().step(&settings(), Verdict::Retry, at(0), None, [0.0; 2], Some(&budget));
    assert_eq!(spent, Decision::GiveUp(Stop::Budget));
}

#[test]
fn a_decorrelated_backoff_gets_no_more_jitter() {
    let settings = RetrySettings { backoff: Backoff::decorrelated(ms(100)), ..settings() };
    let decision = step(&settings, Verdict::Retry, None, 0.9);
    assert_eq!(decision, Decision::Again { at: at(1_100), wait: ms(100) });
}

#[test]
fn what_other_policies_say_is_judged_by_the_settings() {
    type Outcome = Result<u8, Error<&'static str>>;
    let wait = Rejection::new(names::RATE_LIMIT, Reason::RateLimited).with_retry_after(ms(5));
    let full = Rejection::new(names::BULKHEAD, Reason::Full);
    let (off, on) = (
        RetrySettings { retry_timeouts: false, ..settings() },
        RetrySettings { retry_rejections: true, ..settings() },
    );
    let cases: [(Outcome, RetrySettings, Verdict); 9] = [
        (Ok(1), on, Verdict::Accept),
        (Err(Error::Inner("no")), off, Verdict::Retry),
        (Err(Error::Timeout(TimedOut::after(ms(1)))), on, Verdict::Retry),
        (Err(Error::Timeout(TimedOut::after(ms(1)))), off, Verdict::Accept),
        (Err(Error::Timeout(TimedOut::before_start())), on, Verdict::Accept),
        (Err(Error::Rejected(wait)), off, Verdict::Accept),
        (Err(Error::Rejected(wait)), on, Verdict::RetryAfter(ms(5))),
        (Err(Error::Rejected(full)), on, Verdict::Retry),
        (Err(Error::Rejected(full)), off, Verdict::Accept),
    ];
    for (result, settings, verdict) in cases {
        assert_eq!(judge(&ErrorsRetry, &result, &settings), verdict, "{result:?}");
    }
}
