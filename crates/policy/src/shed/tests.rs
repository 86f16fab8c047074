//! Who is served and who is shed, in virtual time; numbers are those of the scenarios.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::VirtualClock;

use super::queue::Offered;
use super::*;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(ms: u64) -> Instant {
    Instant::ZERO + millis(ms)
}

#[test]
fn s54_a_standing_queue_is_overloaded_and_sheds_what_is_old() {
    let mut codel = CoDel::new(millis(5), millis(100));
    for ms in (0..100).step_by(10) {
        assert!(!codel.observe(at(ms), millis(6 + ms)), "not before a whole interval");
    }
    assert!(!codel.observe(at(100), millis(50)), "the first of an interval never says to drop");
    assert!(codel.is_overloaded());
    assert!(!codel.observe(at(110), millis(10)));
    assert!(codel.observe(at(110), Duration::from_nanos(10_000_001)));
    // One interval with a delay at the target ends it.
    assert!(!codel.observe(at(150), millis(5)));
    assert!(codel.is_overloaded() && codel.observe(at(199), millis(11)));
    assert!(!codel.observe(at(200), millis(50)));
    assert!(!codel.is_overloaded() && !codel.observe(at(201), millis(50)));
}

#[test]
fn s54_a_delay_at_the_target_is_no_overload() {
    let mut codel = CoDel::new(millis(5), millis(100));
    for ms in (0..1_000).step_by(10) {
        let delay = if ms % 100 == 50 { 5 } else { 80 };
        assert!(!codel.observe(at(ms), millis(delay)));
        assert!(!codel.is_overloaded());
    }
}

#[test]
fn a_target_without_end_drops_nothing() {
    let mut codel = CoDel::new(Duration::MAX, millis(100));
    for ms in [0, 150, 300] {
        assert!(!codel.observe(at(ms), millis(50)));
    }
    assert_eq!(codel.drop_after(), Duration::MAX);
}

fn queue() -> ShedQueue {
    ShedQueue::new(&ShedConfig::default())
}

fn offer(queue: &mut ShedQueue, ticket: u64, priority: Priority, ms: u64) -> Offered {
    queue.offer((ticket, priority), (at(ms), at(ms + 1_000)), 3)
}

#[test]
fn the_important_are_served_first_and_equals_in_order_of_arrival() {
    let mut queue = queue();
    offer(&mut queue, 1, Priority::Low, 0);
    offer(&mut queue, 2, Priority::High, 0);
    offer(&mut queue, 3, Priority::High, 0);
    let mut shed = Vec::new();
    let order: Vec<_> = (0..4).map(|_| queue.next(at(1), &mut shed)).collect();
    assert_eq!(order, [Some(2), Some(3), Some(1), None]);
    assert!(shed.is_empty());
    assert_eq!(queue.len(), 0);
}

#[test]
fn in_a_full_queue_the_oldest_of_the_least_important_makes_room() {
    let mut queue = queue();
    offer(&mut queue, 1, Priority::Normal, 0);
    offer(&mut queue, 2, Priority::Background, 0);
    offer(&mut queue, 3, Priority::Background, 0);
    assert_eq!(offer(&mut queue, 4, Priority::Background, 1), Offered::Refused);
    assert_eq!(offer(&mut queue, 5, Priority::Low, 1), Offered::QueuedInsteadOf(2));
    assert_eq!(offer(&mut queue, 6, Priority::Critical, 1), Offered::QueuedInsteadOf(3));
    assert_eq!(offer(&mut queue, 7, Priority::Low, 1), Offered::Refused);
    assert_eq!(queue.len(), 3);
}

#[test]
fn an_overloaded_lane_is_served_newest_first_and_the_stale_are_shed() {
    let config = ShedConfig::default();
    let mut queue = ShedQueue::new(&config);
    let (mut ticket, mut shed, mut served) = (0, Vec::new(), Vec::new());
    let mut offer = |queue: &mut ShedQueue, ms: u64| {
        ticket += 1;
        queue.offer((ticket, Priority::Normal), (at(ms), at(ms + 1_000)), 1_000);
        ticket
    };
    for ms in 0..400 {
        // Three come for each that is served; the first interval still saw an empty queue.
        offer(&mut queue, ms);
        offer(&mut queue, ms);
        let newest = offer(&mut queue, ms);
        if let Some(next) = queue.next(at(ms), &mut shed) {
            served.push(next == newest);
        }
    }
    assert!(queue.is_overloaded());
    assert!(served[5..200].iter().all(|newest| !newest), "in order while it is not overloaded");
    assert!(served[200..].iter().all(|newest| *newest), "newest first from then on");
    assert!(shed.len() > 200);
    let waiting = queue.len();
    assert!(waiting <= 3 * 11, "{waiting} are left of the last 10 ms");
}

#[test]
fn a_call_whose_deadline_passed_is_never_served() {
    let mut queue = queue();
    queue.offer((1, Priority::Normal), (at(0), at(5)), 3);
    queue.offer((2, Priority::Normal), (at(0), at(9)), 3);
    let mut shed = Vec::new();
    assert_eq!((queue.next(at(5), &mut shed), shed), (Some(2), vec![1]));
}

type Waiting = Pin<Box<dyn Future<Output = Result<ShedPermit<'static>, Rejection>>>>;

fn poll(waiting: &mut Waiting) -> Poll<Result<ShedPermit<'static>, Rejection>> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn shedder(config: ShedConfig) -> (VirtualClock, LoadShedder) {
    let clock = VirtualClock::new();
    let shedder = LoadShedder::new(config, clock.time()).expect("valid");
    (clock, shedder)
}

#[test]
fn a_free_place_goes_to_the_most_important_who_waits() {
    let (_clock, shedder) = shedder(ShedConfig::new(1));
    let holder = shedder.try_acquire().expect("free");
    let mut low: Waiting = Box::pin(shedder.acquire_owned(Priority::Low));
    let mut high: Waiting = Box::pin(shedder.acquire_owned(Priority::High));
    assert!(poll(&mut low).is_pending() && poll(&mut high).is_pending());
    drop(holder);
    assert!(poll(&mut low).is_pending());
    let Poll::Ready(Ok(permit)) = poll(&mut high) else { panic!("no permit") };
    drop(permit);
    assert!(matches!(poll(&mut low), Poll::Ready(Ok(_))));
}

#[test]
fn a_place_given_to_a_dropped_waiter_goes_to_the_next_and_waits_end() {
    let (clock, shedder) = shedder(ShedConfig::new(1).with_wait(millis(50), 10));
    let holder = shedder.try_acquire().expect("free");
    let mut waiting: Vec<Waiting> =
        (0..3).map(|_| -> Waiting { Box::pin(shedder.acquire_owned(Priority::Normal)) }).collect();
    assert!(waiting.iter_mut().all(|one| poll(one).is_pending()));
    drop(holder);
    drop(waiting.remove(0));
    let Poll::Ready(Ok(_second)) = poll(&mut waiting[0]) else { panic!("no permit") };
    clock.advance(millis(50));
    let Poll::Ready(Err(rejection)) = poll(&mut waiting[1]) else { panic!("still waiting") };
    assert_eq!((rejection.reason, rejection.retry_after), (Reason::Shed, None));
    let statistics = shedder.statistics();
    assert_eq!((statistics.waiting, statistics.shed), (0, [0, 0, 1, 0, 0]));
}

#[test]
fn an_important_call_pushes_another_out_of_a_full_queue() {
    let (_clock, shedder) = shedder(ShedConfig::new(1).with_wait(millis(50), 1));
    let _holder = shedder.try_acquire().expect("free");
    let mut low: Waiting = Box::pin(shedder.acquire_owned(Priority::Low));
    assert!(poll(&mut low).is_pending());
    let mut equal: Waiting = Box::pin(shedder.acquire_owned(Priority::Low));
    assert!(matches!(poll(&mut equal), Poll::Ready(Err(_))));
    let mut high: Waiting = Box::pin(shedder.acquire_owned(Priority::Critical));
    assert!(poll(&mut high).is_pending());
    assert!(matches!(poll(&mut low), Poll::Ready(Err(_))));
    assert_eq!(shedder.statistics().shed, [0, 0, 0, 2, 0]);
}

#[test]
fn under_twice_the_load_the_important_half_is_served() {
    let (clock, shedder) = shedder(ShedConfig::new(1).with_wait(millis(500), 100));
    let (mut served, mut asked) = ([0_u32; 2], [0_u32; 2]);
    let mut waiting: Vec<(usize, Waiting)> = Vec::new();
    let mut running: Option<(u64, ShedPermit<'static>)> = None;
    // A call takes 2 ms; one of each kind comes every 4 ms and two more low ones.
    for ms in 0..8_000 {
        if running.as_ref().is_some_and(|(until, _)| *until <= ms) {
            running = None;
        }
        if ms % 4 == 0 {
            for (kind, priority) in [
                (0, Priority::Critical),
                (1, Priority::Low),
                (1, Priority::Low),
                (1, Priority::Low),
            ] {
                asked[kind] += 1;
                waiting.push((kind, Box::pin(shedder.acquire_owned(priority))));
            }
        }
        waiting.retain_mut(|(kind, one)| match poll(one) {
            Poll::Pending => true,
            Poll::Ready(Ok(permit)) => {
                served[*kind] += 1;
                running = Some((ms + 2, permit));
                false
            }
            Poll::Ready(Err(_)) => false,
        });
        clock.advance(millis(1));
    }
    assert!(served[0] * 100 >= asked[0] * 99, "{} of {}", served[0], asked[0]);
    assert!(served[1] >= 1_900, "the rest of the capacity is used: {}", served[1]);
    assert!(shedder.statistics().shed[3] > 3_000);
}

#[test]
fn every_fault_is_listed_and_new_places_are_given_at_once() {
    let bad = ShedConfig::new(1).with_wait(millis(1), u32::MAX).with_codel(millis(0), millis(0));
    assert_eq!(bad.validate().expect_err("faults").faults().len(), 2);
    let (_clock, shedder) = shedder(ShedConfig::new(0));
    let mut waiting: Waiting = Box::pin(shedder.acquire_owned(Priority::Normal));
    assert!(poll(&mut waiting).is_pending());
    shedder.reconfigure(ShedConfig::new(1)).expect("valid");
    assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(_))));
}

proptest! {
    #[test]
    fn every_ticket_is_served_shed_or_waiting_exactly_once(
        steps in prop::collection::vec((0_usize..5, 0_u64..30, any::<bool>()), 1..200),
    ) {
        let mut queue = queue();
        let (mut now, mut shed, mut gone) = (0, Vec::new(), Vec::new());
        let mut refused = 0;
        for (ticket, (priority, pause, serve)) in (1_u64..).zip(steps.iter().copied()) {
            now += pause;
            match queue.offer((ticket, Priority::ALL[priority]), (at(now), at(now + 60)), 8) {
                Offered::Queued => {}
                Offered::QueuedInsteadOf(evicted) => gone.push(evicted),
                Offered::Refused => refused += 1,
            }
            if serve {
                gone.extend(queue.next(at(now), &mut shed));
            }
            prop_assert!(queue.len() <= 8);
        }
        gone.append(&mut shed);
        let total = gone.len() + refused + queue.len();
        prop_assert_eq!(total, steps.len());
        gone.sort_unstable();
        gone.dedup();
        prop_assert_eq!(gone.len() + refused + queue.len(), steps.len());
    }
}
