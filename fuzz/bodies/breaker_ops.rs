//! A breaker does what the slow and obvious model of its tests does, whatever happens to it.

use std::time::Duration;

use steadfast_breaker::{
    AfterProbeWait, Config, OnDrop, OpenWait, ProbeVerdict, ProbeWait, Recovery, State, Window,
};

#[path = "../../crates/breaker/tests/it/model/reference.rs"]
mod reference;
#[path = "../../crates/breaker/tests/it/model/run.rs"]
mod run;

use self::run::{Run, Step};

/// Bytes that make a configuration, and those that make a step.
const CONFIG: usize = 16;
const STEP: usize = 3;
/// The model remembers everything and looks at it at every step.
const STEPS_MAX: usize = 100;

/// Takes the first bytes as a configuration and the rest as steps of three bytes.
pub(crate) fn run(data: &[u8]) {
    let Some((head, steps)) = data.split_first_chunk::<CONFIG>() else { return };
    let Some(config) = config(head) else { return };
    let mut run = Run::new(config);
    for bytes in steps.as_chunks::<STEP>().0.iter().take(STEPS_MAX) {
        run.step(step(*bytes));
    }
    run.look();
}

/// `None` if the settings do not fit together.
fn config(bytes: &[u8; CONFIG]) -> Option<Config> {
    let [window, size, min_calls, failures, slow, row, limit, within, rest @ ..] = *bytes;
    let [verdict, probes, wait, then, recovery, on_drop, open_wait, growth] = rest;
    let millis = |byte: u8| Duration::from_millis(u64::from(byte) * 20 + 100);
    let rate = |byte: u8| (byte > 0).then(|| f64::from(byte) / 255.0);
    let mut builder = Config::builder().min_calls(u32::from(min_calls % 12) + 1);
    builder = match window % 2 {
        0 => builder.window(Window::Calls(u32::from(size) + 1)),
        _ => builder.window(Window::Time(Duration::from_secs(u64::from(size % 12) + 2))),
    };
    builder = match rate(failures) {
        Some(rate) => builder.failure_rate(rate),
        None => builder.no_failure_rate(),
    };
    builder = match rate(slow) {
        Some(rate) => builder.slow_rate(Duration::from_secs(1), rate),
        None => builder.no_slow_rate(),
    };
    builder = match row % 8 {
        0 => builder.no_consecutive_failures(),
        row => builder.consecutive_failures(u32::from(row)),
    };
    if limit % 8 > 0 {
        builder = builder.failure_limit(u32::from(limit % 8), millis(within));
    }
    let verdict = match verdict % 4 {
        0 => ProbeVerdict::Rate,
        successes => ProbeVerdict::Successes(u32::from(successes)),
    };
    let wait = match wait % 4 {
        0 => ProbeWait::OpenWait,
        1 => ProbeWait::Unlimited,
        _ => ProbeWait::For(millis(wait)),
    };
    let then = if then % 2 == 0 { AfterProbeWait::Open } else { AfterProbeWait::Closed };
    let recovery = if recovery % 2 == 0 { Recovery::Lazy } else { Recovery::Automatic };
    let on_drop = match on_drop % 3 {
        0 => OnDrop::SlowIsFailure,
        1 => OnDrop::Release,
        _ => OnDrop::Failure,
    };
    builder
        .probes(u32::from(probes % 4) + 1, verdict)
        .probe_wait(wait, then)
        .recovery(recovery)
        .on_drop(on_drop)
        .open_wait(millis(open_wait))
        .open_wait_growth(1.0 + f64::from(growth % 3) / 2.0, OpenWait::default().max)
        .build()
        .ok()
}

fn step([kind, first, second]: [u8; STEP]) -> Step {
    let index = usize::from(first % 8);
    let letter = match second % 8 {
        0..4 => 's',
        4..7 => 'e',
        _ => 'i',
    };
    let millis = u64::from(first) * 12;
    match kind % 16 {
        0..3 => Step::Acquire,
        3..5 => Step::Finish(index, letter),
        5 => Step::Drop(index),
        6 => Step::Cancel(index),
        7..10 => Step::Calls(u32::from(first % 64) + 1, letter),
        10 => Step::Allowed,
        11 => Step::Record(letter, millis),
        12 => Step::Advance(millis),
        13 => match first % 6 {
            0 => Step::SetState(State::Closed),
            1 => Step::SetState(State::Open),
            2 => Step::SetState(State::HalfOpen),
            3 => Step::SetState(State::ForcedOpen),
            4 => Step::SetState(State::Disabled),
            _ => Step::SetState(State::MetricsOnly),
        },
        14 if second % 4 == 0 => Step::Reset,
        14 => Step::OpenFor(millis + 1),
        _ => Step::Look,
    }
}
