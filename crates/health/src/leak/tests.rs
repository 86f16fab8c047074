//! Leak detection in virtual time. Numbers in test names are those of the acceptance scenarios.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use steadfast_actor_core::System;
use steadfast_actor_core::testkit::TestSystem;
use steadfast_base::{
    Clock, ConfigFault, Instant, MemorySink, OwnedValue, Time, Timer, Timestamp, VirtualClock,
};
use steadfast_policy::{Bulkhead, BulkheadConfig};

use super::gauge::{CALM_SCANS, Change, Gauge};
use super::ledger::Ledger;
use super::sampler::Sampler;
use super::*;
use crate::monitor::tests::{FakeFiles, Handles};
use crate::{limits, names};

const HELD_MAX: Duration = Duration::from_mins(5);
const MINUTE: Duration = Duration::from_mins(1);

fn minutes(minutes: u32) -> Duration {
    MINUTE * minutes
}

/// A test system without its own moves of time.
fn still() -> TestSystem {
    TestSystem::builder().manual_time().build()
}

fn config(sample_one_in: usize) -> LeakConfig {
    LeakConfig { sample_one_in, ..LeakConfig::default() }
}

fn detector(test: &TestSystem, sample_one_in: usize) -> LeakDetector {
    let builder = LeakDetector::builder().config(config(sample_one_in)).without_process();
    builder.start(test.system()).expect("valid settings")
}

#[test]
fn s58_a_permit_held_too_long_is_reported_once_with_its_acquire_site() {
    let test = still();
    test.run(async {
        let sink = Arc::new(MemorySink::new(10));
        let told: Arc<MemorySink> = Arc::clone(&sink);
        let builder = LeakDetector::builder().config(config(1)).without_process().sink(told);
        let leaks = builder.start(test.system()).expect("valid settings");
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        let line = line!() + 1;
        let permit = permits.track("a permit");
        test.advance(minutes(60)).await;
        let reports = leaks.reports();
        assert_eq!(reports.len(), 1);
        let report = &reports[0];
        assert_eq!((report.name.as_str(), report.kind), ("inventory", LeakKind::Permits));
        // Held for five minutes at the fifth scan, which is not longer than allowed; found at the sixth.
        let cause = LeakCause::HeldTooLong { held_for: minutes(6), held_max: HELD_MAX };
        assert_eq!(report.cause, cause);
        assert_eq!((report.sites[0].site.file(), report.sites[0].site.line()), (file!(), line));
        assert_eq!(leaks.open_leaks().len(), 1);
        drop(permit);
        assert!(leaks.open_leaks().is_empty());
        assert_eq!(permits.held(), 0);

        assert_eq!(sink.names(), [names::LEAK_FOUND]);
        let site = format!("{}:{line}:", file!());
        let event = &sink.events()[0];
        let told = event.field("site").expect("a site").to_string();
        assert!(told.starts_with(&site), "{told}");
        let cause = OwnedValue::Text("held for 360s, allowed are 300s".to_owned());
        assert_eq!(event.field("cause"), Some(&cause));
    });
}

#[test]
fn s58_what_is_dropped_in_time_is_never_reported() {
    let test = still();
    test.run(async {
        let leaks = detector(&test, 1);
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        for _ in 0..20 {
            let permit = permits.track(());
            test.advance(HELD_MAX).await;
            assert!(permit.is_tracked());
            drop(permit);
        }
        // Late, but given back before anybody looked.
        let late = permits.track(());
        test.advance(Duration::from_nanos(359_999_999_999)).await;
        drop(late);
        test.advance(minutes(60)).await;
        assert!(leaks.reports().is_empty());
        assert_eq!(permits.held(), 0);
    });
}

#[test]
fn s58_ten_thousand_leaks_at_one_in_128_give_78_reports_or_one_more() {
    let test = still();
    test.run(async {
        let leaks = detector(&test, 128);
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        let leaked: Vec<_> = (0..10_000).map(|_| permits.track(())).collect();
        // One in each of 78 blocks, and perhaps one in the 16 that are left.
        let tracked = permits.held();
        assert!((78..=79).contains(&tracked), "{tracked}");
        test.advance(minutes(10)).await;
        assert_eq!(leaks.reports().len(), tracked);
        test.advance(minutes(10)).await;
        assert_eq!(leaks.reports().len(), tracked, "each is told once");
        drop(leaked);
        assert_eq!(permits.held(), 0);
    });
}

#[test]
fn s58_leaks_of_many_threads_are_sampled_too() {
    let clock = VirtualClock::new();
    let permits = tracker(128, 1_024, clock.time());
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let permits = permits.clone();
            std::thread::spawn(move || (0..200).map(|_| permits.track(())).collect::<Vec<_>>())
        })
        .collect();
    let leaked: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("done")).collect();
    let overdue = permits.ledger().overdue(HELD_MAX, Instant::ZERO + minutes(6));
    assert!(overdue.len() >= 40, "{} of 10,000", overdue.len());
    drop(leaked);
    assert_eq!(permits.held(), 0);
}

#[test]
fn s58_a_leaked_permit_of_a_bulkhead_is_named() {
    let test = still();
    test.run(async {
        let leaks = detector(&test, 1);
        let time = test.system().time().clone();
        let bulkhead = Bulkhead::new(BulkheadConfig::new(2), time).expect("valid settings");
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        let line = line!() + 1;
        let lost = permits.track(bulkhead.acquire_owned().await.expect("a free permit"));
        permits.track(bulkhead.acquire().await.expect("a free permit")).into_inner().succeed();
        test.advance(minutes(10)).await;
        let reports = leaks.reports();
        assert_eq!((reports.len(), reports[0].sites[0].site.line()), (1, line));
        assert_eq!(bulkhead.available(), 1);
        drop(lost);
        assert_eq!(bulkhead.available(), 2);
    });
}

/// Counts how often it is read.
#[derive(Debug, Default)]
struct CountingClock(AtomicU64);

impl Clock for CountingClock {
    fn now(&self) -> Instant {
        self.0.fetch_add(1, Ordering::Relaxed);
        Instant::ZERO
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

fn tracker(one_in: u32, tracked_max: usize, time: Time) -> LeakTracker {
    let sampler = Sampler::new(one_in, 1);
    LeakTracker::new("inventory".into(), LeakKind::Permits, HELD_MAX, sampler, tracked_max, time)
}

#[test]
fn s58_an_acquire_that_is_not_sampled_reads_no_clock_and_takes_no_lock() {
    let clock = Arc::new(CountingClock::default());
    let timer: Arc<dyn Timer> = Arc::clone(Time::system().timer());
    let shared: Arc<CountingClock> = Arc::clone(&clock);
    let permits = tracker(128, 1_024, Time::new(shared, timer));
    // A lock taken here would never be given.
    let ledger = permits.ledger();
    let before_the_first: Vec<_> = (0..).map_while(|_| not_sampled(&permits)).take(200).collect();
    assert!(before_the_first.len() < 128);
    drop(ledger);
    let leaked: Vec<_> = (0..12_800).map(|_| permits.track(())).collect();
    let sampled = leaked.iter().filter(|held| held.is_tracked()).count();
    assert!((99..=100).contains(&sampled));
    assert_eq!(clock.0.load(Ordering::Relaxed), u64::try_from(sampled).expect("small"));
}

/// An acquire, unless the next one of this thread would be sampled.
fn not_sampled(permits: &LeakTracker) -> Option<Tracked<()>> {
    permits.next_is_not_sampled().then(|| permits.track(()))
}

#[track_caller]
fn acquire_for_the_caller(permits: &LeakTracker) -> Tracked<u32> {
    permits.track(5).map(|permit| permit + 1)
}

#[test]
fn the_site_is_that_of_the_caller_through_functions_that_say_so() {
    let clock = VirtualClock::new();
    let permits = tracker(1, 10, clock.time());
    let line = line!() + 1;
    let mut permit = acquire_for_the_caller(&permits);
    *permit += 1;
    clock.advance(HELD_MAX + Duration::from_nanos(1));
    let overdue = permits.ledger().overdue(HELD_MAX, clock.time().now());
    assert_eq!(overdue[0].site.line(), line);
    assert_eq!(permit.into_inner(), 7);
    assert_eq!(permits.held(), 0, "what was taken out is watched no longer");
}

#[test]
fn a_full_table_makes_room_only_where_a_report_was_given() {
    let clock = VirtualClock::new();
    let permits = tracker(1, 3, clock.time());
    let leaked: Vec<_> = (0..3).map(|_| permits.track(())).collect();
    let unwatched = permits.track(());
    assert!(!unwatched.is_tracked());
    assert_eq!((permits.held(), permits.not_tracked()), (3, 1));
    clock.advance(minutes(6));
    assert_eq!(permits.ledger().overdue(HELD_MAX, clock.time().now()).len(), 3);
    let next = permits.track(());
    assert!(next.is_tracked());
    // The first made room for it, so giving the first back must not remove it.
    drop(leaked);
    assert_eq!(permits.held(), 1);
    clock.advance(minutes(6));
    assert_eq!(permits.ledger().overdue(HELD_MAX, clock.time().now()).len(), 1);
    drop(next);
    assert_eq!(permits.held(), 0);
}

#[test]
fn trackers_are_shared_by_name_and_bounded() {
    let test = still();
    test.run(async {
        let leaks = detector(&test, 1);
        let permit = leaks.tracker("a", LeakKind::Permits).expect("room").track(());
        assert_eq!(leaks.tracker("a", LeakKind::Permits).expect("there").held(), 1);
        for index in 1..limits::LEAK_TRACKERS_MAX {
            leaks.tracker(&index.to_string(), LeakKind::Other).expect("room");
        }
        assert!(leaks.tracker("one more", LeakKind::Other).is_err());
        drop(permit);
    });
}

/// What one gauge tells of readings a minute apart.
fn told(limit: f64, readings: impl IntoIterator<Item = f64>) -> Vec<(u32, Change)> {
    let growth = GrowthConfig::default();
    let mut gauge = Gauge::new("queue".into(), LeakKind::Other, limit, growth);
    (1..)
        .zip(readings)
        .filter_map(|(minute, value)| {
            Some((minute, gauge.step(Instant::ZERO + minutes(minute), value)?))
        })
        .collect()
}

#[test]
fn a_gauge_above_its_limit_is_told_once_until_it_is_over() {
    let above = LeakCause::AboveLimit { value: 101.0, limit: 100.0 };
    assert!(told(100.0, [100.0; 40]).is_empty(), "the limit itself is allowed");
    assert_eq!(told(100.0, [101.0; 40]), [(1, Change::Found(above))]);
    // Four calm readings are no end, five are.
    let flapping = [101.0, 5.0, 5.0, 5.0, 5.0, 101.0, 5.0, 5.0, 5.0, 5.0, 5.0, 101.0];
    assert_eq!(CALM_SCANS, 5);
    let expected = [(1, Change::Found(above)), (11, Change::Gone), (12, Change::Found(above))];
    assert_eq!(told(100.0, flapping), expected);
}

#[test]
fn steady_growth_is_told_before_the_limit_is_reached() {
    let growing = (0..60).map(|minute| 100.0 + 5.0 * f64::from(minute));
    let told = told(1_000.0, growing);
    let [(30, Change::Found(LeakCause::Growing { value, per_hour, reaches_limit, .. }))] = told[..]
    else {
        panic!("{told:?}");
    };
    assert!((value - 245.0).abs() < 1e-9 && (per_hour - 300.0).abs() < 1e-6);
    assert_eq!(reaches_limit.expected, minutes(151));
}

#[test]
fn growth_that_leads_nowhere_is_not_told() {
    // Too slow to reach the limit in a day; too little to matter; a cache that fills and stays.
    assert!(told(1e9, (0..200).map(f64::from)).is_empty());
    assert!(told(1_000.0, (0..200).map(|minute| 500.0 + 0.001 * f64::from(minute))).is_empty());
    let fills = (0..200).map(|minute| if minute < 20 { f64::from(minute) } else { 20.0 });
    assert!(told(1_000.0, fills).is_empty());
    assert!(told(f64::INFINITY, (0..200).map(f64::from)).is_empty());
}

#[test]
fn a_reading_that_is_no_number_is_ignored() {
    assert!(told(100.0, [f64::NAN, f64::INFINITY, 5.0]).is_empty());
}

#[test]
fn a_gauge_names_the_sites_where_most_of_its_kind_was_acquired() {
    let test = still();
    test.run(async {
        let builder = LeakDetector::builder().config(config(1)).without_process();
        let builder = builder.gauge("pool", LeakKind::Connections, || 101.0);
        let leaks = builder.start(test.system()).expect("valid settings");
        let pool = leaks.tracker("pool", LeakKind::Connections).expect("room");
        let one = pool.track(());
        let line = line!() + 1;
        let many: Vec<_> = (0..9).map(|_| pool.track(())).collect();
        let other = leaks.tracker("other", LeakKind::Permits).expect("room").track(());
        test.advance(MINUTE).await;
        let reports = leaks.reports();
        assert_eq!(reports.len(), 1);
        let sites: Vec<_> = reports[0].sites.iter().map(|site| site.held_about).collect();
        assert_eq!((reports[0].sites[0].site.line(), sites), (line, vec![9, 1]));
        drop((one, many, other));
    });
}

#[test]
fn a_leak_that_is_over_is_said_to_be() {
    let test = still();
    test.run(async {
        let sink = Arc::new(MemorySink::new(10));
        let count = Arc::new(AtomicU64::new(1_001));
        let counted = Arc::clone(&count);
        let told: Arc<MemorySink> = Arc::clone(&sink);
        let builder = LeakDetector::builder().without_process().sink(told);
        let builder = builder.gauge("permits", LeakKind::Permits, move || {
            u32::try_from(counted.load(Ordering::Relaxed)).map_or(0.0, f64::from)
        });
        let leaks = builder.start(test.system()).expect("valid settings");
        test.advance(minutes(3)).await;
        assert_eq!((sink.names(), leaks.open_leaks().len()), (vec![names::LEAK_FOUND], 1));
        count.store(1_000, Ordering::Relaxed);
        test.advance(minutes(5)).await;
        assert_eq!(sink.names(), [names::LEAK_FOUND, names::LEAK_GONE]);
        assert!(leaks.open_leaks().is_empty());
    });
}

#[test]
fn a_gauge_that_panics_costs_nothing_but_its_reading() {
    let test = still();
    test.run(async {
        let builder = LeakDetector::builder().without_process();
        let builder = builder.gauge("broken", LeakKind::Permits, || panic!("no count")).gauge(
            "works",
            LeakKind::Permits,
            || 2_000.0,
        );
        let leaks = builder.start(test.system()).expect("valid settings");
        test.advance(minutes(2)).await;
        let names: Vec<_> = leaks.reports().into_iter().map(|report| report.name).collect();
        assert_eq!(names, ["works"]);
    });
}

#[test]
fn nothing_is_scanned_after_the_stop() {
    let test = still();
    test.run(async {
        let leaks = detector(&test, 1);
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        let permit = permits.track(());
        assert_eq!(leaks.stop().await, 0);
        test.advance(minutes(60)).await;
        assert!(leaks.reports().is_empty());
        assert_eq!(leaks.scan().await.len(), 1, "asking still works");
        drop(permit);
    });
}

#[test]
fn new_settings_hold_at_once_and_bad_ones_change_nothing() {
    let test = still();
    test.run(async {
        let builder = LeakDetector::builder().config(config(1)).without_process();
        let builder = builder.gauge("pool", LeakKind::Connections, || 90.0).gauge_with_limit(
            "queue",
            LeakKind::Connections,
            95.0,
            || 90.0,
        );
        let leaks = builder.start(test.system()).expect("valid settings");
        let permits = leaks.tracker("inventory", LeakKind::Permits).expect("room");
        let own = leaks.tracker_with("own", LeakKind::Permits, minutes(60)).expect("room");
        let held = (permits.track(()), own.track(()));
        test.advance(minutes(2)).await;
        let mut bad = leaks.config();
        bad.tracked_max = 0;
        assert!(leaks.reconfigure(&bad).is_err());
        assert_eq!(leaks.config(), config(1));

        let mut stricter = leaks.config();
        stricter.connections = 80;
        stricter.held_max = MINUTE;
        stricter.interval = Duration::from_secs(10);
        stricter.growth.samples = 30;
        leaks.reconfigure(&stricter).expect("valid settings");
        assert!(leaks.reports().is_empty());
        test.advance(Duration::from_secs(10)).await;
        let names: BTreeSet<_> = leaks.reports().into_iter().map(|report| report.name).collect();
        assert_eq!(names, ["inventory", "pool"].map(str::to_owned).into());
        drop(held);
    });
}

#[test]
fn a_gauge_keeps_its_last_readings_when_fewer_are_kept() {
    let growth = GrowthConfig::default();
    let mut gauge = Gauge::new("queue".into(), LeakKind::Other, 1_000.0, growth);
    for minute in 1..=40 {
        assert_eq!(gauge.step(Instant::ZERO + minutes(minute), 10.0), None);
    }
    let mut config = LeakConfig::default();
    config.growth.samples = 30;
    gauge.reconfigure(&config);
    let grown = (41..=70)
        .map(|minute| gauge.step(Instant::ZERO + minutes(minute), f64::from(minute - 40) * 10.0));
    assert!(grown.flatten().count() > 0, "it is judged by what it kept and what came");
}

#[test]
fn the_process_is_watched_at_the_default_limits() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let system = System::builder("shop").build().expect("a system");
        let scan = async |handles, resident: &str| {
            let mut files = FakeFiles::machine();
            files.handles = handles;
            files.write("/proc/self/status", format!("VmRSS: {resident} kB\n"));
            let builder = LeakDetector::builder().process_files(Arc::new(files));
            let leaks = builder.start(&system).expect("valid settings");
            let names: BTreeSet<_> =
                leaks.scan().await.into_iter().map(|found| found.name).collect();
            leaks.stop().await;
            names
        };
        let fine = Handles { open: 1_000, sockets: 100 };
        assert!(scan(fine, "12800000").await.is_empty());
        let bad = Handles { open: 1_001, sockets: 101 };
        let all = ["process file handles", "process memory", "process sockets"];
        assert_eq!(scan(bad, "12800001").await, all.map(str::to_owned).into());
        system.shutdown().await;
    });
}

#[test]
fn every_fault_of_the_settings_is_listed() {
    let test = still();
    let config = LeakConfig {
        interval: Duration::ZERO,
        memory_share: 1.5,
        tracked_max: 0,
        growth: GrowthConfig { samples: 20, ..GrowthConfig::default() },
        ..LeakConfig::default()
    };
    let builder = LeakDetector::builder().config(config);
    let builder = builder.gauge("queue", LeakKind::Other, || 0.0);
    let builder = builder.gauge_with_limit("queue", LeakKind::Other, 5.0, || 0.0);
    let error = builder.start(test.system()).unwrap_err();
    let fields: Vec<_> = error.faults().iter().map(ConfigFault::field).collect();
    let expected = [
        "interval",
        "memory_share",
        "tracked_max",
        "growth.samples_min",
        "gauges.queue",
        "gauges.queue",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let expected = serde_json::json!({
        "interval": 60.0, "memory_share": 0.8, "file_handles": 1_000, "connections": 100,
        "tasks": 10_000, "permits": 1_000, "actors": 100_000, "held_max": 300.0,
        "sample_one_in": 128, "tracked_max": 1_024,
        "growth": {
            "samples": 60, "samples_min": 30, "confidence": 0.99, "share_min": 0.05,
            "horizon": 86_400.0
        }
    });
    assert_eq!(serde_json::to_value(LeakConfig::default()).expect("plain data"), expected);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire,
    Release(usize),
    Wait(u64),
    Scan,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Acquire),
        3 => (0_usize..64).prop_map(Step::Release),
        2 => (0_u64..200).prop_map(Step::Wait),
        1 => Just(Step::Scan),
    ]
}

proptest! {
    /// With room for all, the ledger reports exactly what a list of everything held says.
    #[test]
    fn the_ledger_does_what_a_plain_list_does(steps in prop::collection::vec(step(), 0..200)) {
        let held_max = HELD_MAX;
        let mut ledger = Ledger::new(1_000);
        let mut list = Vec::new();
        let mut now = Instant::ZERO;
        for step in steps {
            match step {
                Step::Acquire => {
                    let key = ledger.acquire(Site::caller(), now).expect("room for all");
                    list.push((key, now, false));
                }
                Step::Release(index) if !list.is_empty() => {
                    let (key, ..) = list.remove(index % list.len());
                    ledger.release(key);
                    ledger.release(key);
                }
                Step::Release(_) => {}
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Scan => {
                    let mut expected = Vec::new();
                    for (_, since, reported) in &mut list {
                        if now - *since > held_max && !*reported {
                            *reported = true;
                            expected.push(now - *since);
                        }
                    }
                    let found = ledger.overdue(held_max, now);
                    let found: Vec<_> = found.into_iter().map(|overdue| overdue.held_for).collect();
                    prop_assert_eq!(found, expected);
                }
            }
            prop_assert_eq!(ledger.len(), list.len());
            let leaked = list.iter().filter(|(.., reported)| *reported).count();
            prop_assert_eq!(ledger.leaked(now).len(), leaked);
        }
    }

    /// Without room for all, nothing is reported twice and nothing that was given back.
    #[test]
    fn a_small_ledger_never_reports_twice(steps in prop::collection::vec(step(), 0..200)) {
        let mut ledger = Ledger::new(3);
        let mut held = Vec::new();
        let (mut now, mut acquired, mut reported) = (Instant::ZERO, 0, 0);
        for step in steps {
            match step {
                Step::Acquire => {
                    if let Some(key) = ledger.acquire(Site::caller(), now) {
                        held.push(key);
                        acquired += 1;
                    }
                }
                Step::Release(index) if !held.is_empty() => {
                    ledger.release(held.remove(index % held.len()));
                }
                Step::Release(_) => {}
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Scan => reported += ledger.overdue(HELD_MAX, now).len(),
            }
            prop_assert!(reported <= acquired && ledger.len() <= 3.min(held.len()));
        }
    }
}
