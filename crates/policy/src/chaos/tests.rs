//! Faults by seed, rate and schedule, and their end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use steadfast_base::VirtualClock;

use super::plan::SystemPlan;
use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn chaos(config: ChaosConfig, seed: u64) -> (VirtualClock, Chaos) {
    let clock = VirtualClock::new();
    let chaos = Chaos::new(config, clock.time(), Seed::new(seed)).expect("valid");
    (clock, chaos)
}

/// Which of a hundred calls fail.
fn failures(chaos: &Chaos) -> Vec<bool> {
    (0..100).map(|_| chaos.call(|| (), || Ok(())).is_err()).collect()
}

#[test]
fn the_same_seed_gives_the_same_faults_and_another_one_others() {
    let config = ChaosConfig::default().with_call_fault(CallFault::Error, 0.3);
    let run = |seed| failures(&chaos(config.clone(), seed).1);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let failed = run(1).iter().filter(|failed| **failed).count();
    assert!((15..=45).contains(&failed), "{failed} of 100 at a rate of 0.3");
}

#[test]
fn a_rule_more_leaves_the_others_their_faults() {
    let config = ChaosConfig::default().with_call_fault(CallFault::Error, 0.3);
    let more = config.clone().with_call_fault(CallFault::latency(Duration::ZERO), 0.5);
    assert_eq!(failures(&chaos(config, 1).1), failures(&chaos(more, 1).1));
}

#[test]
fn faults_keep_to_their_schedule() {
    let schedule = ChaosSchedule::after(secs(10)).lasting(secs(2)).repeated_every(secs(5));
    let config = ChaosConfig::default().with_call_fault(CallFault::Error, 1.0).during(schedule);
    let (clock, chaos) = chaos(config, 1);
    let mut failed = Vec::new();
    for second in 0..20 {
        if chaos.call(|| (), || Ok(())).is_err() {
            failed.push(second);
        }
        clock.advance(secs(1));
    }
    assert_eq!(failed, [10, 11, 15, 16]);
    assert_eq!(chaos.injected(), 4);
}

#[test]
fn latency_delays_the_start_of_a_call_within_its_bounds() {
    let fault = CallFault::Latency { min: secs(1), max: secs(3) };
    let (clock, chaos) = chaos(ChaosConfig::default().with_call_fault(fault, 1.0), 1);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..20 {
        let started = clock.time().now();
        let mut call = pin!(chaos.call_async(|| (), || async { Ok(clock.time().now()) }));
        assert!(call.as_mut().poll(&mut cx).is_pending());
        assert!(clock.advance_to_next());
        let Poll::Ready(Ok(at)) = call.as_mut().poll(&mut cx) else { panic!("still waiting") };
        assert!((secs(1)..=secs(3)).contains(&(at - started)));
    }
}

#[test]
fn a_panic_is_a_panic_and_a_lost_answer_never_comes() {
    let (_clock, panics) = chaos(ChaosConfig::default().with_call_fault(CallFault::Panic, 1.0), 1);
    let caught = catch_unwind(AssertUnwindSafe(|| panics.call(|| (), || Ok(()))));
    let payload = caught.expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"chaos: injected panic"));
    let (clock, drops) = chaos(ChaosConfig::default().with_call_fault(CallFault::Drop, 1.0), 1);
    let made = std::cell::Cell::new(false);
    let mut call = pin!(drops.call_async(
        || (),
        || async {
            made.set(true);
            Ok(())
        }
    ));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    clock.advance(secs(1_000_000));
    assert!(call.as_mut().poll(&mut cx).is_pending() && !made.get());
    assert_eq!(drops.call(|| (), || Ok(())), Err(Error::Inner(())), "a thread is never held");
}

/// Keeps what is done to it.
#[derive(Default)]
struct Target(Mutex<Vec<String>>);

impl Target {
    fn did(&self, what: String) {
        self.0.lock().expect("not poisoned").push(what);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("not poisoned"))
    }
}

impl ChaosTarget for Target {
    fn actors(&self) -> Vec<String> {
        ["/a", "/b", "/c", "/d"].map(str::to_owned).into()
    }

    fn kill(&self, actor: &str) {
        self.did(format!("kill {actor}"));
    }

    fn part(&self, left: &[String], right: &[String]) {
        self.did(format!("part {} {}", left.join(","), right.join(",")));
    }

    fn heal(&self, left: &[String], right: &[String]) {
        self.did(format!("heal {} {}", left.join(","), right.join(",")));
    }
}

fn system(config: ChaosConfig) -> (VirtualClock, Arc<Target>, SystemChaos) {
    let (clock, target) = (VirtualClock::new(), Arc::new(Target::default()));
    let seam: Arc<dyn ChaosTarget> = Arc::<Target>::clone(&target);
    let chaos = SystemChaos::new(config, clock.time(), Seed::new(3), Some(seam)).expect("valid");
    (clock, target, chaos)
}

#[test]
fn random_actors_are_killed_at_each_occasion() {
    let config =
        ChaosConfig::default().with_system_fault(SystemFault::KillActors(2), secs(10), 1.0);
    let (clock, target, chaos) = system(config);
    assert_eq!(chaos.step(), Some(Instant::ZERO + secs(10)));
    assert!(target.take().is_empty());
    clock.advance(secs(10));
    assert_eq!(chaos.step(), Some(Instant::ZERO + secs(20)));
    let killed = target.take();
    assert!(killed.len() == 2 && killed[0] != killed[1], "{killed:?}");
    clock.advance(secs(100));
    chaos.step();
    assert_eq!(target.take().len(), 2, "missed occasions are not made up for");
}

#[test]
fn a_partition_is_healed_at_its_end_and_when_chaos_is_dropped() {
    let named = SystemFault::Partition {
        left: vec!["/a".to_owned()],
        right: vec!["/b".to_owned()],
        lasting: secs(5),
    };
    let dealt = SystemFault::Partition { left: Vec::new(), right: Vec::new(), lasting: secs(500) };
    let config = ChaosConfig::default().with_system_fault(named, secs(10), 1.0).with_system_fault(
        dealt,
        secs(15),
        1.0,
    );
    let (clock, target, chaos) = system(config);
    clock.advance(secs(10));
    chaos.step();
    assert_eq!(target.take(), ["part /a /b"]);
    clock.advance(secs(5));
    chaos.step();
    let did = target.take();
    assert_eq!(did[0], "heal /a /b");
    assert!(did[1].starts_with("part ") && did[1].len() == "part /a,/b /c,/d".len(), "{did:?}");
    drop(chaos);
    assert_eq!(target.take(), [did[1].replace("part", "heal")]);
}

#[test]
fn resources_are_held_up_to_their_bound_and_given_back() {
    let folder = std::env::temp_dir().join(format!("steadfast-chaos-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let files = || std::fs::read_dir(&folder).expect("there").count();
    for (fault, held, lasting_files) in [
        (SystemFault::Memory { bytes: 3_000_000, lasting: secs(5) }, 3_000_000, 0),
        (SystemFault::FileHandles { count: 20, lasting: secs(5) }, 20, 0),
        (
            SystemFault::Disk { bytes: 3_000_000, folder: folder.clone(), lasting: secs(5) },
            3_000_000,
            1,
        ),
    ] {
        let config = ChaosConfig::default().with_system_fault(fault, secs(10), 1.0);
        let (clock, _target, chaos) = system(config);
        clock.advance(secs(10));
        assert_eq!(chaos.step(), Some(Instant::ZERO + secs(15)));
        assert_eq!((chaos.held(), files()), (held, lasting_files));
        clock.advance(secs(5));
        chaos.step();
        assert_eq!((chaos.held(), files()), (0, 0));
        clock.advance(secs(5));
        chaos.step();
        assert_eq!(chaos.held(), held);
        drop(chaos);
        assert_eq!(files(), 0);
    }
    std::fs::remove_dir_all(&folder).expect("empty");
}

#[test]
fn a_fault_that_outlasts_its_next_occasions_is_not_begun_again() {
    let fault = SystemFault::Memory { bytes: 1_000_000, lasting: secs(10) };
    let config = ChaosConfig::default().with_system_fault(fault, secs(1), 1.0);
    let (clock, _target, chaos) = system(config);
    for second in 1..=40 {
        clock.advance(secs(1));
        chaos.step();
        assert_eq!(chaos.held(), 1_000_000, "after {second} s");
    }
}

#[test]
fn what_all_rules_hold_together_is_bounded() {
    let half = SystemFault::Memory { bytes: 9 << 30, lasting: secs(1) };
    let one = ChaosConfig::default().with_system_fault(half.clone(), secs(1), 1.0);
    assert!(one.validate().is_ok());
    let two = one.with_system_fault(half, secs(1), 1.0);
    let error = two.validate().expect_err("18 GiB").to_string();
    assert!(error.contains("chaos.system may hold 19327352832 of memory at once"), "{error}");
}

#[test]
fn occasions_happen_at_their_rate() {
    let config = ChaosConfig::default().with_system_fault(SystemFault::KillActors(1), secs(1), 0.2);
    let mut plan = SystemPlan::new(&config, Seed::new(1), Instant::ZERO);
    let actors = || vec!["/a".to_owned()];
    let killed: usize = (1..=1_000)
        .map(|second| plan.step(&config, Instant::ZERO + secs(second), actors).len())
        .sum();
    assert!((150..=250).contains(&killed), "{killed}");
}

#[test]
fn other_faults_undo_those_that_last_and_begin_anew() {
    let fault = SystemFault::Memory { bytes: 1 << 16, lasting: secs(60) };
    let config = ChaosConfig::default().with_system_fault(fault, secs(1), 1.0);
    let (clock, target, chaos) = system(config.clone());
    clock.advance(secs(1));
    chaos.step();
    assert_eq!(chaos.held(), 1 << 16);
    let wrong = ChaosConfig::default().with_system_fault(SystemFault::KillActors(1), secs(1), 2.0);
    assert!(chaos.reconfigure(wrong).is_err());
    assert_eq!(chaos.held(), 1 << 16, "nothing has changed");
    let kills = ChaosConfig::default().with_system_fault(SystemFault::KillActors(1), secs(10), 1.0);
    chaos.reconfigure(kills).unwrap();
    assert_eq!(chaos.held(), 0);
    clock.advance(secs(10));
    chaos.step();
    assert_eq!((chaos.held(), target.take().len()), (0, 1));
    chaos.reconfigure(config).unwrap();
    clock.advance(secs(1));
    chaos.step();
    assert_eq!(chaos.held(), 1 << 16);
}

#[test]
fn running_stops_at_its_end_and_undoes_what_lasts() {
    let fault = SystemFault::FileHandles { count: 1, lasting: secs(60) };
    let config = ChaosConfig::default().with_system_fault(fault, Duration::from_millis(1), 1.0);
    let time = Time::system();
    let chaos = SystemChaos::new(config, time.clone(), Seed::new(1), None).expect("valid");
    chaos.run(time.now() + Duration::from_millis(5));
    assert_eq!((chaos.held(), chaos.step()), (0, None));
}

#[test]
fn every_fault_of_the_settings_is_listed_and_they_serialize() {
    let config = ChaosConfig::default()
        .with_call_fault(CallFault::Error, 1.5)
        .with_call_fault(CallFault::Latency { min: secs(2), max: secs(1) }, 0.5)
        .with_system_fault(SystemFault::KillActors(1), Duration::ZERO, -1.0)
        .with_system_fault(SystemFault::Memory { bytes: u64::MAX, lasting: secs(1) }, secs(1), 1.0);
    assert_eq!(config.validate().expect_err("faults").faults().len(), 5);
    let schedule = ChaosSchedule::after(secs(1)).lasting(secs(2));
    let config = ChaosConfig::default()
        .with_call_fault(CallFault::latency(secs(1)), 0.5)
        .with_system_fault(SystemFault::KillActors(1), secs(1), 0.5)
        .during(schedule);
    let text = serde_json::to_string(&config).expect("serializes");
    assert_eq!(serde_json::from_str::<ChaosConfig>(&text).expect("deserializes"), config);
}
