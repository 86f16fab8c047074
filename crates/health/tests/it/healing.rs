//! Self-healing with real breakers, actors and bulkheads.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Actor, Cx, Flow, Reply};
use steadfast_base::MemorySink;
use steadfast_breaker::{CircuitBreaker, Config, State};
use steadfast_health::{
    Approval, BreakerOpen, CheckUnhealthy, HealBy, HealingAction, HealingConfig, HealingOutcome,
    HealingPhase, HealingRule, HealthChecker, ResetBreaker, ResizeBulkhead, RestartActor,
    SelfHealing, names,
};
use steadfast_policy::{Bulkhead, BulkheadConfig};
use steadfast_supervision::{ChildSpec, Supervisor};

use crate::support::{Does, Told, secs};

/// A condition that can be switched.
fn unwell(flag: &Arc<AtomicBool>) -> impl Fn() -> Option<String> + Send + Sync + use<> {
    let flag = Arc::clone(flag);
    move || flag.load(Ordering::Relaxed).then(|| "stuck".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "a condition may answer that all is well")]
fn always() -> Option<String> {
    Some("stuck".to_owned())
}

#[test]
fn a_breaker_is_reset_only_after_a_real_probe() {
    let test = TestSystem::new();
    let config = Config::builder().open_wait(secs(100_000)).build().unwrap();
    let breaker = CircuitBreaker::new("mail", config, test.time().clone()).unwrap();
    let probe = Told::new("smtp", Does::Fail);
    let healing = SelfHealing::builder()
        .rule(HealingRule::new(
            "mail",
            BreakerOpen::new(breaker.clone()),
            ResetBreaker::new(breaker.clone()),
        ))
        .start(test.system())
        .unwrap();
    let last = || healing.history().last().unwrap().outcome.clone();
    test.run(async {
        test.advance(secs(59)).await;
        assert_eq!(healing.history(), [], "a closed breaker is well");
        breaker.set_state(State::Open).unwrap();
        test.advance(secs(2)).await;
        let no_check = "the breaker has no health check to probe with";
        assert_eq!(last(), HealingOutcome::Failed(no_check.to_owned()));
        assert_eq!(breaker.state(), State::Open);

        breaker.add_health_check(probe.clone()).unwrap();
        test.advance(secs(300)).await;
        let down = "the probe found it critical: smtp";
        assert_eq!(last(), HealingOutcome::Failed(down.to_owned()));
        assert_eq!((breaker.state(), probe.runs()), (State::Open, 1));

        probe.set(Does::Pass);
        test.advance(secs(300)).await;
        assert_eq!(last(), HealingOutcome::Succeeded);
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(healing.stats().success_rate(), Some(1.0 / 3.0));
        test.advance(secs(60)).await;
        assert_eq!(healing.history().last().unwrap().recovered, Some(true));
    });
}

#[test]
fn a_breaker_forced_open_by_hand_is_left_alone() {
    let test = TestSystem::new();
    let breaker = CircuitBreaker::new("mail", Config::default(), test.time().clone()).unwrap();
    breaker.add_health_check(Told::new("smtp", Does::Pass)).unwrap();
    breaker.set_state(State::ForcedOpen).unwrap();
    test.run(async {
        assert!(ResetBreaker::new(breaker.clone()).heal().await.is_err());
        assert_eq!(breaker.state(), State::ForcedOpen);
    });
}

struct Counter(u32);

enum Msg {
    Add(Reply<u32>),
}

impl Actor for Counter {
    type Msg = Msg;
    type Error = std::convert::Infallible;

    async fn handle(
        &mut self,
        Msg::Add(reply): Msg,
        _: &mut Cx<Self>,
    ) -> Result<Flow, Self::Error> {
        self.0 += 1;
        reply.send(self.0);
        Ok(Flow::Continue)
    }
}

#[test]
fn an_unhealthy_check_restarts_an_actor_that_keeps_its_ref() {
    let test = TestSystem::new();
    let check = Told::new("counter", Does::Pass);
    test.run(async {
        let supervisor = Supervisor::one_for_one()
            .child(ChildSpec::new("counter", || Counter(0)))
            .start(test.system(), "top")
            .await
            .unwrap();
        let counter = supervisor.child::<Msg>("counter").await.unwrap();
        assert_eq!(counter.ask(Msg::Add).await.unwrap(), 1);
        assert_eq!(counter.ask(Msg::Add).await.unwrap(), 2);
        let checker = HealthChecker::builder().check(check.clone()).start(test.system()).unwrap();
        let healing = SelfHealing::builder()
            .rule(HealingRule::new(
                "counter",
                CheckUnhealthy::new(checker.clone(), "counter"),
                RestartActor::new(supervisor.clone(), "counter"),
            ))
            .start(test.system())
            .unwrap();
        check.set(Does::Fail);
        test.advance(secs(130)).await;
        assert_eq!(healing.history()[0].outcome, HealingOutcome::Succeeded);
        assert_eq!(healing.history()[0].reason, "refused");
        assert_eq!(counter.ask(Msg::Add).await.unwrap(), 1, "a new incarnation");

        supervisor.terminate_child("counter").await.unwrap();
        RestartActor::new(supervisor.clone(), "counter").heal().await.unwrap();
        assert!(counter.ask(Msg::Add).await.is_err(), "that actor has ended");
        assert!(RestartActor::new(supervisor.clone(), "nobody").heal().await.is_err());
        let again = supervisor.child::<Msg>("counter").await.unwrap();
        assert_eq!(again.ask(Msg::Add).await.unwrap(), 1);
    });
}

#[test]
fn a_bulkhead_is_drained_and_opened_with_its_new_size() {
    let test = TestSystem::new();
    let time = test.time().clone();
    let bulkhead = Bulkhead::new(BulkheadConfig::new(4), time.clone()).unwrap();
    let action = Arc::new(ResizeBulkhead::new(bulkhead.clone(), 2, time.clone()));
    test.run(async {
        let permit = bulkhead.try_acquire_owned().unwrap();
        bulkhead.try_acquire().unwrap().fail();
        let done = Arc::new(AtomicBool::new(false));
        let (acting, told) = (Arc::clone(&action), Arc::clone(&done));
        drop(test.spawn_task(async move {
            acting.heal().await.unwrap();
            told.store(true, Ordering::Relaxed);
        }));
        test.advance(secs(5)).await;
        assert!(bulkhead.try_acquire().is_err(), "it drains");
        permit.succeed();
        test.advance(secs(1)).await;
        assert!(done.load(Ordering::Relaxed));
        assert_eq!((bulkhead.available(), bulkhead.statistics().failed), (2, 0));

        // A call that stays makes the act fail, and dropping the act opens the bulkhead as well.
        let _stays = bulkhead.try_acquire().unwrap();
        let error = action.heal().await.unwrap_err();
        assert_eq!(error.to_string(), "1 calls still ran after 10s");
        assert_eq!(bulkhead.available(), 1);
        let dropped = time.timeout(secs(1), action.heal()).await;
        assert!(dropped.is_err());
        assert_eq!(bulkhead.available(), 1);
    });
}

#[test]
fn conditions_and_actions_that_hang_or_panic_hold_up_nobody() {
    let test = TestSystem::new();
    let stuck = Arc::new(AtomicBool::new(true));
    let freed = Arc::clone(&stuck);
    let hangs = || HealBy::new("hang", pending);
    let panics = || HealBy::new("panic", || async { panic!("boom") });
    let mut config = HealingConfig::default();
    config.governor.share_max = 1.0;
    let healing = SelfHealing::builder()
        .config(config)
        .rule(HealingRule::new("sees nothing", || panic!("blind"), hangs()))
        .rule(HealingRule::new("hangs", always, hangs()).timeout(secs(10)))
        .rule(HealingRule::new("panics", always, panics()))
        .rule(HealingRule::new(
            "fine",
            unwell(&stuck),
            HealBy::new("free", move || {
                freed.store(false, Ordering::Relaxed);
                async { Ok(()) }
            }),
        ))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(30)).await;
        let outcomes: Vec<(String, HealingOutcome)> = healing
            .history()
            .into_iter()
            .map(|record| (record.component, record.outcome))
            .collect();
        assert_eq!(
            outcomes,
            [
                ("panics".to_owned(), HealingOutcome::Panicked("panicked: boom".to_owned())),
                ("fine".to_owned(), HealingOutcome::Succeeded),
                ("hangs".to_owned(), HealingOutcome::TimedOut),
            ]
        );
        assert!(!stuck.load(Ordering::Relaxed));
        assert_eq!(healing.stop().await, 0);
    });
}

#[test]
fn an_approval_is_asked_for_told_and_expires_to_doing_nothing() {
    let test = TestSystem::new();
    let sink = Arc::new(MemorySink::new(100));
    let acts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&acts);
    let action = HealBy::new("drop the table", move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let healing = SelfHealing::builder()
        .rule(HealingRule::new("db", always, action).needs_approval(Approval::default()))
        .sink(sink.clone())
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(60)).await;
        let request = healing.approvals().remove(0);
        assert_eq!((request.component.as_str(), request.reason.as_str()), ("db", "stuck"));
        assert_eq!(healing.components()[0].phase, HealingPhase::AwaitingApproval);
        test.advance(secs(840)).await;
        assert_eq!(healing.approvals(), []);
        assert!(healing.approve(request.id, "ada").is_err(), "too late");
        assert_eq!(acts.load(Ordering::Relaxed), 0);

        test.advance(secs(300)).await;
        let request = healing.approvals().remove(0);
        healing.approve(request.id, "ada").unwrap();
        assert!(healing.approve(request.id, "ada").is_err(), "once is enough");
        healing.idle().await;
        test.settle().await;
        assert_eq!(acts.load(Ordering::Relaxed), 1);
        assert_eq!(
            sink.names(),
            [
                names::APPROVAL_ASKED,
                names::APPROVAL_SETTLED,
                names::APPROVAL_ASKED,
                names::APPROVAL_SETTLED,
                names::HEALING_STARTED,
                names::HEALING_ENDED,
            ]
        );
    });
}

#[test]
fn looking_now_decides_now_and_a_pause_holds_it_back() {
    let test = TestSystem::new();
    let stuck = Arc::new(AtomicBool::new(false));
    let healing = SelfHealing::builder()
        .rule(HealingRule::new("db", unwell(&stuck), HealBy::new("nothing", || async { Ok(()) })))
        .start(test.system())
        .unwrap();
    test.run(async {
        healing.look_now().await;
        stuck.store(true, Ordering::Relaxed);
        healing.pause();
        healing.look_now().await;
        assert_eq!(healing.components()[0].unwell.as_deref(), Some("stuck"));
        assert_eq!(healing.history(), []);
        healing.resume();
        healing.look_now().await;
        healing.idle().await;
        assert_eq!(healing.history().len(), 1);
        assert_eq!(test.elapsed(), secs(0));
    });
}

#[test]
fn stopping_drops_the_act_under_way_and_leaves_nothing() {
    struct Told(Arc<Mutex<Vec<&'static str>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.lock().unwrap().push("dropped");
        }
    }
    let test = TestSystem::new();
    let before = test.task_count();
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    let action = HealBy::new("hang", move || {
        let told = Told(Arc::clone(&told));
        async move {
            let _told = told;
            pending().await
        }
    });
    let healing = SelfHealing::builder()
        .rule(HealingRule::new("db", always, action))
        .start(test.system())
        .unwrap();
    test.run(async {
        test.advance(secs(1)).await;
        assert_eq!(healing.components()[0].phase, HealingPhase::Acting);
        assert_eq!(healing.stop().await, 0);
        assert_eq!(*log.lock().unwrap(), ["dropped"]);
        assert_eq!((test.task_count(), test.clock().pending()), (before, 0));
        healing.look_now().await;
        healing.idle().await;
    });
}
