//! Ejections and returns, stepped by hand and in virtual time.

use std::sync::Arc;
use std::time::Duration;

use steadfast_base::{MemorySink, VirtualClock};

use super::*;

fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

fn detector(hosts: u32) -> OutlierDetector<u32> {
    let mut detector = OutlierDetector::new(OutlierConfig::default()).expect("valid");
    (0..hosts).for_each(|host| detector.add(&host, Instant::ZERO));
    detector
}

fn fail(detector: &mut OutlierDetector<u32>, host: u32, times: u32, now: Instant) -> bool {
    (0..times).for_each(|_| drop(detector.record(&host, false, now)));
    detector.is_ejected(&host, now)
}

#[test]
fn failures_in_a_row_eject_and_a_success_in_between_starts_again() {
    let mut detector = detector(10);
    assert!(!fail(&mut detector, 1, 4, at(0)));
    detector.record(&1, true, at(0));
    assert!(!fail(&mut detector, 1, 4, at(0)));
    let changes = detector.record(&1, false, at(0));
    let cause = OutlierCause::ConsecutiveFailures(5);
    let kind = OutlierChangeKind::Ejected { cause, until: at(30) };
    assert_eq!(changes, [OutlierChange { host: 1, kind }]);
    assert_eq!(detector.available(at(0)).count(), 9);
}

#[test]
fn no_more_than_the_share_is_ejected_and_never_the_only_host() {
    let mut many = detector(20);
    let ejected = (0..20).filter(|host| fail(&mut many, *host, 5, at(0))).count();
    assert_eq!(ejected, 2);
    let mut few = detector(3);
    let ejected = (0..3).filter(|host| fail(&mut few, *host, 5, at(0))).count();
    assert_eq!(ejected, 1, "one is always allowed");
    assert!(!fail(&mut detector(1), 0, 100, at(0)));
    let spared = few.record(&2, false, at(0));
    assert!(spared.is_empty(), "the row starts again after it was judged");
}

#[test]
fn an_ejection_ends_on_time_and_grows_with_each_one() {
    let mut detector = detector(10);
    let mut now = at(0);
    let mut lengths = Vec::new();
    for _ in 0..12 {
        assert!(fail(&mut detector, 1, 5, now));
        let until = detector.ejected_until(&1).expect("ejected");
        lengths.push((until - now).as_secs());
        assert!(detector.is_ejected(&1, until - Duration::from_nanos(1)));
        assert!(!detector.is_ejected(&1, until));
        let back = detector.tick(until);
        assert_eq!(back[0].kind, OutlierChangeKind::Returned);
        now = until;
    }
    assert_eq!(lengths, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
}

#[test]
fn quiet_intervals_shorten_the_next_ejection_again() {
    let mut detector = detector(10);
    assert!(fail(&mut detector, 1, 5, at(0)));
    drop(detector.tick(at(30)));
    assert!(fail(&mut detector, 1, 5, at(30)));
    (7..20).for_each(|tens| drop(detector.tick(at(tens * 10))));
    assert!(fail(&mut detector, 1, 5, at(300)));
    assert_eq!(detector.ejected_until(&1), Some(at(330)));
}

#[test]
fn a_success_rate_far_below_the_others_ejects() {
    let mut detector = detector(6);
    for round in 0..100 {
        for host in 0..6 {
            // Host 5 fails every third call, never five in a row; the others one in fifty.
            let success = if host == 5 { round % 3 != 0 } else { round % 50 != 0 };
            drop(detector.record(&host, success, at(1)));
        }
    }
    let changes = detector.tick(at(11));
    assert_eq!(changes.len(), 1);
    let OutlierChangeKind::Ejected { cause: OutlierCause::SuccessRate(rate), .. } = changes[0].kind
    else {
        panic!("{changes:?}")
    };
    assert!(changes[0].host == 5 && (rate - 0.66).abs() < 1e-9);
}

#[test]
fn rates_are_not_compared_of_too_few_hosts_or_requests() {
    for (hosts, requests) in [(4, 100), (6, 99)] {
        let mut detector = detector(hosts);
        for round in 0..requests {
            for host in 0..hosts {
                drop(detector.record(&host, host != 0 || round % 3 != 0, at(1)));
            }
        }
        assert!(detector.tick(at(11)).is_empty(), "{hosts} hosts, {requests} requests");
    }
}

#[test]
fn results_of_calls_from_before_the_ejection_change_nothing() {
    let mut detector = detector(10);
    assert!(fail(&mut detector, 1, 5, at(0)));
    assert!(fail(&mut detector, 1, 100, at(1)));
    assert_eq!(detector.ejected_until(&1), Some(at(30)));
    drop(detector.tick(at(30)));
    assert!(!fail(&mut detector, 1, 4, at(30)));
}

#[test]
fn hosts_are_bounded_and_the_one_unheard_of_for_longest_is_forgotten() {
    let config = OutlierConfig { hosts_max: 3, ..OutlierConfig::default() };
    let mut detector = OutlierDetector::new(config).expect("valid");
    for (host, secs) in [(1, 0), (2, 1), (3, 2), (1, 3), (4, 4)] {
        drop(detector.record(&host, true, at(secs)));
    }
    assert_eq!(detector.available(at(5)).collect::<Vec<_>>(), [&1, &3, &4]);
}

#[test]
fn calls_to_an_ejected_host_are_rejected_until_it_returns() {
    let (clock, sink) = (VirtualClock::new(), Arc::new(MemorySink::new(16)));
    let events = Events::new("bench", clock.time(), Arc::<MemorySink>::clone(&sink));
    let hosts = OutlierEjection::with_events(OutlierConfig::default(), clock.time(), events)
        .expect("valid");
    hosts.add(&"a");
    for _ in 0..5 {
        assert_eq!(hosts.call(&"b", || Err::<(), _>("no")), Err(Error::Inner("no")));
    }
    clock.advance(Duration::from_secs(10));
    let rejected = hosts.call(&"b", || Ok::<_, &str>(())).expect_err("ejected");
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(20)));
    assert_eq!((hosts.statistics().ejected, hosts.statistics().rejected), (1, 1));
    clock.advance(Duration::from_secs(20));
    assert_eq!(hosts.call(&"b", || Ok::<_, &str>(())), Ok(()));
    let names = [names::OUTLIER_EJECTED, names::REJECTED, names::OUTLIER_RETURNED];
    assert_eq!(sink.names(), names);
    hosts.eject(&"b");
    assert_eq!(hosts.available(), ["a"]);
}

#[test]
fn every_fault_is_listed_at_once() {
    let config = OutlierConfig {
        interval: Duration::ZERO,
        success_rate_deviations: -1.0,
        ejection_base: Duration::from_hours(1),
        ejected_percent_max: 101,
        hosts_max: 0,
        ..OutlierConfig::default()
    };
    assert_eq!(config.validate().expect_err("faults").faults().len(), 5);
}
