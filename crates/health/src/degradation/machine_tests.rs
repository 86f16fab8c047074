//! Tests of the levels: thresholds, hysteresis, pins, and a model that looks back at the whole history.

use std::time::Duration;

use proptest::prelude::*;

use steadfast_base::Instant;

use super::config::{DegradationConfig, Level};
use super::machine::{Cause, Machine, Readings};
use crate::resource::Resource;

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn readings(cpu: f64, memory: f64, disk: f64) -> Readings {
    [(Resource::CPU, cpu), (Resource::MEMORY, memory), (Resource::DISK, disk)].into()
}

#[test]
fn thresholds_enter_the_levels_and_meeting_one_exactly_does_not() {
    for (cpu, memory, disk, level) in [
        (0.0, 0.0, 0.0, 0),
        (0.7, 0.8, 0.95, 0),
        (0.71, 0.0, 0.0, 1),
        (0.0, 0.81, 0.0, 1),
        (0.9, 0.9, 0.95, 1),
        (0.91, 0.0, 0.0, 2),
        (0.0, 0.91, 0.0, 2),
        (0.0, 0.0, 0.96, 2),
        (1.0, 1.0, 1.0, 2),
    ] {
        let mut machine = Machine::new(&DegradationConfig::default());
        machine.sample(at(0), &readings(cpu, memory, disk));
        assert_eq!(machine.level(), level, "{cpu} {memory} {disk}");
    }
}

#[test]
fn a_level_is_left_one_step_at_a_time_after_a_calm_minute_below_the_margin() {
    let mut machine = Machine::new(&DegradationConfig::default());
    let mut levels = Vec::new();
    for (second, cpu) in [
        (0, 0.95),
        (10, 0.86), // inside of the margin of 0.9: held
        (20, 0.84), // calm from here
        (79, 0.84),
        (80, 0.84),  // one minute: degraded, held by 0.7
        (500, 0.66), // inside of the margin of 0.7
        (510, 0.65), // calm from here
        (569, 0.0),
        (570, 0.0),
    ] {
        machine.sample(at(second), &readings(cpu, 0.0, 0.0));
        levels.push(machine.level());
    }
    assert_eq!(levels, [2, 2, 2, 2, 1, 1, 1, 1, 0]);
}

#[test]
fn a_burst_while_calming_down_begins_the_wait_anew() {
    let mut machine = Machine::new(&DegradationConfig::default());
    for (second, cpu, level) in
        [(0, 0.75, 1), (10, 0.1, 1), (50, 0.68, 1), (60, 0.1, 1), (110, 0.1, 1), (120, 0.1, 0)]
    {
        machine.sample(at(second), &readings(cpu, 0.0, 0.0));
        assert_eq!(machine.level(), level, "at {second}");
    }
}

#[test]
fn entering_may_be_made_to_wait_for_lasting_excess() {
    let config = DegradationConfig { enter_after: Duration::from_secs(10), ..Default::default() };
    let mut machine = Machine::new(&config);
    for (second, cpu, level) in
        [(0, 0.95, 0), (5, 0.1, 0), (10, 0.95, 0), (15, 0.95, 0), (20, 0.95, 2)]
    {
        machine.sample(at(second), &readings(cpu, 0.0, 0.0));
        assert_eq!(machine.level(), level, "at {second}");
    }
}

#[test]
fn a_pin_holds_against_all_readings_and_its_release_shows_what_they_ask_for() {
    let mut machine = Machine::new(&DegradationConfig::default());
    assert_eq!(machine.pin(1).unwrap().cause, Cause::ByHand);
    assert_eq!(machine.sample(at(0), &readings(0.99, 0.0, 0.0)), None);
    assert_eq!(machine.level(), 1);
    assert_eq!(machine.release().unwrap().to, 2);
    assert_eq!(machine.release(), None);
}

#[test]
fn levels_without_thresholds_are_entered_by_hand_only() {
    let mut config = DegradationConfig::default();
    config.levels.insert(1, Level::new("read-only"));
    config.leave_after = Duration::ZERO;
    let mut machine = Machine::new(&config);
    let mut levels = Vec::new();
    for (second, cpu) in [(0, 0.8), (1, 0.95), (2, 0.8), (3, 0.1)] {
        machine.sample(at(second), &readings(cpu, 0.0, 0.0));
        levels.push(machine.level());
    }
    assert_eq!(levels, [2, 3, 2, 0]);
}

/// The level by definition, from all samples so far: slow and obvious.
fn level_by_history(samples: &[(u64, f64)]) -> usize {
    const ENTER: [f64; 3] = [f64::INFINITY, 0.7, 0.9];
    const LEAVE_AFTER: u64 = 60;
    let entered_by = |cpu: f64| (1..3).rev().find(|level| cpu > ENTER[*level]).unwrap_or(0);
    let holds = |cpu: f64, level: usize| (level..3).any(|level| cpu > ENTER[level] - 0.049_999);
    let mut level = 0;
    // The sample at which the level was last changed or confirmed.
    let mut last = 0;
    for (index, (now, cpu)) in samples.iter().enumerate() {
        if entered_by(*cpu) > level {
            (level, last) = (entered_by(*cpu), index);
            continue;
        }
        // The first sample of the calm that lasts until now.
        let mut calm_from = None;
        for (before, cpu) in samples[last..=index].iter().rev() {
            if level == 0 || holds(*cpu, level) {
                break;
            }
            calm_from = Some(*before);
        }
        if calm_from.is_some_and(|from| now - from >= LEAVE_AFTER) {
            (level, last) = (level - 1, index);
        }
    }
    level
}

proptest! {
    #[test]
    fn the_level_is_what_the_whole_history_says(
        steps in prop::collection::vec((1_u64..50, prop::sample::select(vec![
            0.1, 0.6, 0.65, 0.66, 0.7, 0.71, 0.8, 0.84, 0.85, 0.86, 0.9, 0.91, 1.0,
        ])), 1..60),
    ) {
        let mut machine = Machine::new(&DegradationConfig::default());
        let mut history = Vec::new();
        let mut now = 0;
        for (pause, cpu) in steps {
            now += pause;
            history.push((now, cpu));
            let before = machine.level();
            let change = machine.sample(at(now), &readings(cpu, 0.0, 0.0));
            prop_assert_eq!(machine.level(), level_by_history(&history), "{:?}", history);
            prop_assert_eq!(change.is_some(), before != machine.level());
        }
    }

    /// Whatever swings within the margin never makes the level flap.
    #[test]
    fn readings_within_the_margin_never_change_the_level(
        swings in prop::collection::vec((1_u64..200, 0.6501..0.9), 1..60),
    ) {
        let mut machine = Machine::new(&DegradationConfig::default());
        machine.sample(at(0), &readings(0.75, 0.0, 0.0));
        let mut now = 0;
        for (pause, cpu) in swings {
            now += pause;
            prop_assert_eq!(machine.sample(at(now), &readings(cpu, 0.0, 0.0)), None);
        }
    }
}
