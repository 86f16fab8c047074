//! Many callers at once: the bulkhead holds, all get an answer, nothing stays taken.

use std::future::pending;
use std::time::Duration;

use steadfast_policy::{Bulkhead, BulkheadStatistics, Error};

use crate::config::ComponentConfig;

use super::CALLERS_MAX;
use super::callers::all;
use super::report::Finding;
use super::twin::{Crowd, Subject};

/// How long a callee takes that is well.
const TAKES: Duration = Duration::from_millis(5);
/// Calls of each caller, so that places are taken again after they were given back.
const ROUNDS: u32 = 4;

/// On a twin with the bulkhead alone, so that nothing else keeps callers away from it.
pub(super) fn bulkhead(subject: &Subject) -> Finding {
    let Some(settings) = subject.config.bulkhead else {
        return Finding::skipped("there is no bulkhead");
    };
    let places = settings.max_concurrent_calls;
    if places >= CALLERS_MAX {
        return Finding::skipped(format!("it has {places} places, more than a drill has callers"));
    }
    let callers = subject.callers.max(places.saturating_mul(2)).min(CALLERS_MAX);
    let config = ComponentConfig { bulkhead: Some(settings), ..ComponentConfig::default() };
    let twin = subject.twin(config);
    let (crowd, time) = (Crowd::default(), &twin.time);
    let answers = twin.test.run(all((0..callers).map(|_| {
        twin.component.run(|_| async {
            let _guest = crowd.enter();
            time.sleep(TAKES).await;
            Ok::<_, ()>(())
        })
    })));
    let served = answers.iter().filter(|answer| answer.is_ok()).count();
    let rejected = answers.iter().filter(|answer| is_rejected(answer)).count();
    let left = twin.component.bulkhead().map(Bulkhead::statistics);
    let expected =
        format!("{places} calls at once of {callers} callers, and all places given back");
    let found = format!(
        "{} at once, {served} served, {rejected} turned away, {}",
        crowd.peak(),
        left.map_or_else(String::new, |left| format!("{} places taken", left.running)),
    );
    let holds = crowd.peak() == places.min(callers)
        && served + rejected == answers.len()
        && left.is_some_and(is_empty);
    Finding::new(holds, expected, found)
}

/// On a twin of the whole, before a callee of which a quarter of the calls fail and a quarter hang.
pub(super) fn many_callers(subject: &Subject) -> Finding {
    let callers = subject.callers;
    let hangs = subject.limits_time();
    let twin = subject.twin(subject.config.clone());
    let (crowd, time) = (Crowd::default(), &twin.time);
    let component = &twin.component;
    let caller = |number: u32| {
        let crowd = &crowd;
        async move {
            let mut answered = 0;
            for round in 0..ROUNDS {
                let call = component.run(|_| async move {
                    let _guest = crowd.enter();
                    time.sleep(TAKES).await;
                    match (number + round) % 4 {
                        0 => Err("drilled"),
                        1 if hangs => pending().await,
                        _ => Ok(()),
                    }
                });
                // Every answer counts, also a refusal.
                let _ = call.await;
                answered += 1;
            }
            answered
        }
    };
    let answered: u32 = twin.test.run(all((0..callers).map(caller))).into_iter().sum();
    let after = twin.test.run(async {
        component.any_breaker().reset();
        time.sleep(quiet(subject)).await;
        component.run(|_| async { Ok::<_, ()>(()) }).await
    });
    let left = component.bulkhead().map(Bulkhead::statistics);
    let calls = callers * ROUNDS;
    let expected =
        format!("{calls} answers to {calls} calls, nothing taken, and a good call afterwards");
    let found = format!(
        "{answered} answers, {} attempts made, {}, {}",
        crowd.total(),
        left.map_or("nothing taken".to_owned(), |left| format!("{} places taken", left.running)),
        if after.is_ok() { "a good call afterwards" } else { "no good call afterwards" },
    );
    let no_places =
        subject.config.bulkhead.is_some_and(|settings| settings.max_concurrent_calls == 0);
    let sound = answered == calls && left.is_none_or(is_empty) && (after.is_ok() || no_places);
    Finding::new(sound, expected, found)
}

/// Time after which a rate limit has forgotten what came before.
fn quiet(subject: &Subject) -> Duration {
    let rate = subject.config.rate_limit;
    rate.map_or(Duration::ZERO, |rate| (rate.period + rate.max_wait_duration) * 2)
}

fn is_empty(left: BulkheadStatistics) -> bool {
    left.running == 0 && left.waiting == 0
}

fn is_rejected<T, E>(answer: &Result<T, Error<E>>) -> bool {
    answer.as_ref().is_err_and(Error::is_rejected)
}
