//! Emergency mode in front of a callee that manages so many calls a second, in virtual time.

use steadfast_base::{MemorySink, Recoverable as _, VirtualClock};

use super::*;

/// Calls of each priority a second; the callee answers the first ones in time, whatever their priority.
struct World {
    mode: EmergencyMode,
    clock: VirtualClock,
    sink: Arc<MemorySink>,
    /// Calls that came, and of them those that succeeded and those that were shed.
    came: [u32; 5],
    succeeded: [u32; 5],
    shed: [u32; 5],
}

impl World {
    fn new() -> Self {
        let clock = VirtualClock::new();
        let sink = Arc::new(MemorySink::new(64));
        let told: Arc<dyn Sink> = Arc::<MemorySink>::clone(&sink);
        let mode = EmergencyMode::with_sink(EmergencyConfig::default(), clock.time(), told);
        let zero = [0; 5];
        Self { mode: mode.unwrap(), clock, sink, came: zero, succeeded: zero, shed: zero }
    }

    /// Lets seconds pass in which calls of all priorities come evenly mixed.
    fn run(&mut self, seconds: u32, load: [u32; 5], capacity: u32) {
        (self.came, self.succeeded, self.shed) = ([0; 5], [0; 5], [0; 5]);
        for _ in 0..seconds {
            let mut room = capacity;
            let all: u32 = load.iter().sum();
            let mut due = [0; 5];
            for call in 1..=all.max(1) {
                for (class, priority) in Priority::ALL.into_iter().enumerate() {
                    while due[class] * all < load[class] * call && due[class] < load[class] {
                        due[class] += 1;
                        self.call(class, priority, &mut room);
                    }
                }
            }
            self.clock.advance(Duration::from_secs(1));
        }
    }

    fn call(&mut self, class: usize, priority: Priority, room: &mut u32) {
        self.came[class] += 1;
        match self.mode.try_acquire(priority) {
            Err(shed) => {
                assert_eq!(shed.recovery(), Recovery::RetryAfter(Duration::from_secs(1)));
                self.shed[class] += 1;
            }
            Ok(permit) if *room == 0 => permit.failed(),
            Ok(permit) => {
                *room -= 1;
                self.succeeded[class] += 1;
                permit.succeeded();
            }
        }
    }

    fn told(&self) -> Vec<String> {
        self.sink.events().iter().map(ToString::to_string).collect()
    }
}

/// 250 calls a second where 100 succeed: two of five.
const LOAD: [u32; 5] = [50; 5];

#[test]
fn s57_less_than_half_for_five_seconds_enters_and_nine_tenths_for_ten_leave() {
    let mut world = World::new();
    world.run(4, LOAD, 100);
    assert!(!world.mode.is_on());
    world.run(1, LOAD, 100);
    assert!(world.mode.is_on());
    assert_eq!(world.told(), ["cascade.emergency.entered success=0.4 capacity=100"]);
    world.run(60, LOAD, 100);
    assert!(world.mode.is_on(), "what is asked for does not succeed");
    // All is well again: 100 calls a second come.
    world.run(9, [20; 5], 100);
    assert!(world.mode.is_on());
    world.run(12, [20; 5], 100);
    assert!(!world.mode.is_on());
    assert_eq!(world.told().len(), 2);
}

#[test]
fn s57_just_half_of_the_calls_is_enough_not_to_enter() {
    let mut world = World::new();
    world.run(60, [40; 5], 100);
    assert!(!world.mode.is_on());
    world.run(4, LOAD, 100);
    world.run(1, [40; 5], 100);
    world.run(4, LOAD, 100);
    assert!(!world.mode.is_on(), "never five seconds in a row");
}

#[test]
fn s57_the_lowest_priority_is_shed_first_and_the_highest_succeeds() {
    let mut world = World::new();
    world.run(5, LOAD, 100);
    world.run(120, LOAD, 100);
    let part = |some: u32, class: usize| f64::from(some) / f64::from(world.came[class]);
    assert_eq!(world.shed[0], 0);
    assert!(part(world.succeeded[0], 0) >= 0.99, "{:?}", world.succeeded);
    assert!(part(world.succeeded[1], 1) >= 0.9, "{:?}", world.succeeded);
    assert!(part(world.shed[2], 2) >= 0.9, "{:?}", world.shed);
    assert_eq!(world.shed[3..], world.came[3..], "the lowest ones first");
    let all: u32 = world.succeeded.iter().sum();
    assert!(all >= 90 * 120, "and nearly all that the callee manages is used: {all}");
}

#[test]
fn s57_the_highest_that_there_is_succeeds_though_it_is_not_the_highest_of_all() {
    let mut world = World::new();
    let load = [0, 0, 90, 90, 90];
    world.run(5, load, 100);
    assert!(world.mode.is_on());
    world.run(120, load, 100);
    assert_eq!(world.shed[2], 0);
    assert!(f64::from(world.succeeded[2]) >= 0.99 * f64::from(world.came[2]));
}

#[test]
fn s57_it_is_entered_and_left_at_most_once_in_thirty_seconds() {
    let mut world = World::new();
    let (mut turns, mut was_on): (Vec<(bool, u32)>, bool) = (Vec::new(), false);
    for second in 0..600 {
        // Five bad seconds, fifteen good ones, and so on.
        let load = if second % 20 < 5 { LOAD } else { [10; 5] };
        world.run(1, load, 100);
        let is_on = world.mode.is_on();
        if std::mem::replace(&mut was_on, is_on) != is_on {
            turns.push((is_on, second));
        }
    }
    for of in [true, false] {
        let at: Vec<u32> = turns.iter().filter(|turn| turn.0 == of).map(|turn| turn.1).collect();
        assert!(at.len() > 5, "{turns:?}");
        assert!(at.windows(2).all(|two| two[1] - two[0] >= 30), "{turns:?}");
    }
}

#[test]
fn what_the_callee_manages_again_is_found_again() {
    let mut world = World::new();
    world.run(5, LOAD, 20);
    world.run(30, LOAD, 20);
    world.run(30, LOAD, 200);
    world.run(10, LOAD, 200);
    let all: u32 = world.succeeded.iter().sum();
    assert!(all >= 180 * 10, "{all} of 2,000");
}

#[test]
fn errors_that_are_always_there_keep_nobody_out() {
    let mut world = World::new();
    world.run(5, LOAD, 100);
    let mut number = 0_u32;
    // One call of twenty fails by itself.
    for _ in 0..60 {
        for priority in Priority::ALL {
            for _ in 0..20 {
                let Ok(permit) = world.mode.try_acquire(priority) else { continue };
                number += 1;
                if number.is_multiple_of(20) { permit.failed() } else { permit.succeeded() }
            }
        }
        world.clock.advance(Duration::from_secs(1));
    }
    assert!(!world.mode.is_on(), "{:?}", world.mode.statistics());
}

#[test]
fn few_calls_say_nothing_and_none_for_a_while_leave() {
    let mut world = World::new();
    world.run(30, [1; 5], 0);
    assert!(!world.mode.is_on(), "five a second are too few");
    world.run(5, LOAD, 0);
    assert!(world.mode.is_on());
    world.clock.advance(Duration::from_secs(11));
    assert!(!world.mode.is_on());
}

#[test]
fn a_permit_that_is_dropped_counts_for_nothing_and_by_a_panic_it_failed() {
    let world = World::new();
    for _ in 0..5 {
        for _ in 0..20 {
            drop(world.mode.try_acquire(Priority::Normal).unwrap());
        }
        world.clock.advance(Duration::from_secs(1));
    }
    assert!(!world.mode.is_on());
    for _ in 0..5 {
        for _ in 0..20 {
            let mode = world.mode.clone();
            let call = move || {
                let _permit = mode.try_acquire(Priority::Normal).unwrap();
                std::panic::panic_any("crashed");
            };
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
        }
        world.clock.advance(Duration::from_secs(1));
    }
    assert!(world.mode.is_on());
}
