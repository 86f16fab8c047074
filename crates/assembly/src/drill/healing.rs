//! An open breaker stays open while its probe fails, and is reset once it passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use steadfast_base::{Health, HealthCheck, HealthReport};
use steadfast_breaker::{CircuitBreaker, State};
use steadfast_health::{BreakerOpen, HealingRule, ResetBreaker, SelfHealing};

use super::report::Finding;
use super::twin::{Subject, TIME_MAX, Twin};

/// A callee that is well when told so.
#[derive(Debug, Default)]
struct Probe(AtomicBool);

#[async_trait]
impl HealthCheck for Probe {
    fn name(&self) -> &'static str {
        "drilled callee"
    }

    async fn check(&self) -> HealthReport {
        let well = self.0.load(Ordering::Relaxed);
        if well { Health::Healthy.into() } else { Health::Critical.into() }
    }
}

/// On a twin with the settings of healing for this component, and a probe in place of the real one.
pub(super) fn drill(subject: &Subject) -> Finding {
    if subject.config.breaker.is_none() {
        return Finding::skipped("there is no breaker to heal");
    }
    let mut config = subject.healing.clone();
    config.components.retain(|name, _| *name == subject.name);
    let own = config.components.get(&subject.name).unwrap_or(&config.default);
    let round = config.interval + config.condition_timeout + own.timeout;
    let patience = own.cooldown + config.governor.settle + round * 2;
    if patience + round > TIME_MAX {
        return Finding::skipped("its waits are longer than a drill may take");
    }
    let twin = subject.twin(subject.config.clone());
    let breaker = twin.component.any_breaker().clone();
    let probe = Arc::new(Probe::default());
    let expected = "open while its probe fails, reset by healing once the probe passes";
    if breaker.add_health_check(Arc::clone(&probe) as Arc<dyn HealthCheck>).is_err() {
        return Finding::failed(expected, "a breaker without room for a probe");
    }
    breaker.open_for(TIME_MAX * 2);
    twin.test.run(async {
        let rule = HealingRule::new(
            subject.name.as_str(),
            BreakerOpen::new(breaker.clone()),
            ResetBreaker::new(breaker.clone()),
        );
        let healing = SelfHealing::builder().rule(rule).config(config);
        let healing = match healing.start(twin.test.system()) {
            Ok(healing) => healing,
            Err(error) => return Finding::failed(expected, error.to_string()),
        };
        let early = closes_within(&twin, &breaker, &healing, round).await;
        let acts = healing.stats().ended;
        probe.0.store(true, Ordering::Relaxed);
        let closed = closes_within(&twin, &breaker, &healing, patience).await;
        healing.stop().await;
        let found = match (early, closed) {
            (true, _) => "reset while its probe failed".to_owned(),
            (false, true) => format!("{acts} acts in vain while the probe failed, then reset"),
            (false, false) => format!("{} {patience:?} after its callee was back", breaker.state()),
        };
        Finding::new(!early && closed, expected, found)
    })
}

/// Whether healing closes the breaker in time; gives every approval that it asks for.
async fn closes_within(
    twin: &Twin,
    breaker: &CircuitBreaker,
    healing: &SelfHealing,
    wait: Duration,
) -> bool {
    const LOOK: Duration = Duration::from_secs(1);
    let until = twin.time.now() + wait;
    while twin.time.now() < until {
        for request in healing.approvals() {
            // One that has just expired is asked for again.
            let _ = healing.approve(request.id, "drill");
        }
        twin.time.sleep(LOOK).await;
        if breaker.state() == State::Closed {
            return true;
        }
    }
    false
}
