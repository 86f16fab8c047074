//! While everything fails, the extra attempts stay within the budget.

use std::time::Duration;

use steadfast_policy::{Backoff, BudgetSettings};

use crate::config::ComponentConfig;

use super::callers::all;
use super::report::Finding;
use super::twin::{Crowd, Subject};

/// Calls of each caller.
const ROUNDS: u32 = 4;

/// On a twin with the retry alone: a breaker would take the failures away from it. The waits are short,
/// so that time earns little.
pub(super) fn drill(subject: &Subject) -> Finding {
    let Some(mut settings) = subject.config.retry else {
        return Finding::skipped("there is no retry");
    };
    if settings.max_attempts < 2 {
        return Finding::skipped("it makes one attempt only");
    }
    settings.backoff = Backoff::constant(Duration::from_millis(1));
    let budget = subject.config.retry_budget.unwrap_or_default();
    let config = ComponentConfig {
        retry: Some(settings),
        retry_budget: Some(budget),
        ..ComponentConfig::default()
    };
    let twin = subject.twin(config);
    let (crowd, component) = (Crowd::default(), &twin.component);
    let begun = twin.time.now();
    let caller = |_| {
        let crowd = &crowd;
        async move {
            for _ in 0..ROUNDS {
                let call = component.run(|_| async move {
                    let _guest = crowd.enter();
                    Err::<(), _>("drilled")
                });
                // All fail; how often is what counts.
                let _ = call.await;
            }
        }
    };
    let callers = subject.callers;
    drop(twin.test.run(all((0..callers).map(caller))));
    let took = twin.time.now().saturating_duration_since(begun);

    let calls = callers * ROUNDS;
    let extra = crowd.total().saturating_sub(calls);
    let afforded = afforded(budget, calls, callers, took);
    let most = (calls * (settings.max_attempts - 1)).min(afforded);
    let expected = format!("at most {most} extra attempts for {calls} calls that fail");
    let found = format!("{extra} extra attempts for {calls} calls that fail");
    Finding::new(extra <= most, expected, found)
}

/// The extra attempts that a budget can pay for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of a few thousand, rounded up"
)]
fn afforded(budget: BudgetSettings, calls: u32, callers: u32, took: Duration) -> u32 {
    match budget {
        BudgetSettings::Ratio { ratio, per_second, burst } => {
            let earned = ratio * f64::from(calls) + per_second * took.as_secs_f64();
            (f64::from(burst) + earned).ceil() as u32
        }
        // Each failure takes a token, and half of them must be left; calls under way have asked before.
        BudgetSettings::Throttle { max_tokens, .. } => max_tokens / 2 + callers,
        _ => u32::MAX,
    }
}
