//! The pure core: which faults happen when; seeded, and stepped with the time.

use std::time::Duration;

use steadfast_base::{Instant, Seed, Stream};

use super::config::{CallFault, ChaosConfig, SystemFault};

/// What happens to one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// How much later it starts.
    pub(super) delay: Duration,
    /// What happens instead of it.
    pub(super) instead: Option<CallFault>,
}

/// Draws the fate of calls. Each rule has a stream of its own, so that a change of one rule leaves the
/// others their numbers.
#[derive(Debug)]
pub(super) struct CallPlan {
    streams: Vec<Stream>,
}

impl CallPlan {
    pub(super) fn new(config: &ChaosConfig, seed: Seed) -> Self {
        Self { streams: streams(config.calls.len(), seed, "policy.chaos.call") }
    }

    /// Delays of several rules add up; of several other faults the first rule wins.
    pub(super) fn draw(&mut self, config: &ChaosConfig, elapsed: Duration) -> Fate {
        let mut fate = Fate::default();
        for (rule, stream) in config.calls.iter().zip(&mut self.streams) {
            if !rule.schedule.is_active(elapsed) || !stream.chance(rule.rate) {
                continue;
            }
            match rule.fault {
                CallFault::Latency { min, max } => {
                    let range = max.saturating_sub(min);
                    let delay = min.saturating_add(range.mul_f64(stream.unit_f64()));
                    fate.delay = fate.delay.saturating_add(delay);
                }
                fault => fate.instead = fate.instead.or(Some(fault)),
            }
        }
        fate
    }
}

/// What is to be done to the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill(String),
    /// Begins a fault; the number names it until it ends.
    Begin(u64, SystemFault),
    End(u64),
}

/// Draws the faults of the system.
#[derive(Debug)]
pub(super) struct SystemPlan {
    streams: Vec<Stream>,
    /// The next occasion of each rule.
    occasions: Vec<Instant>,
    /// Until when the last fault of each rule lasts.
    busy: Vec<Instant>,
    /// Faults that last, and their end; one for each rule at most.
    lasting: Vec<(u64, Instant)>,
    begun: u64,
    made: Instant,
}

impl SystemPlan {
    pub(super) fn new(config: &ChaosConfig, seed: Seed, now: Instant) -> Self {
        Self {
            streams: streams(config.system.len(), seed, "policy.chaos.system"),
            occasions: config.system.iter().map(|rule| now + rule.every).collect(),
            busy: vec![now; config.system.len()],
            lasting: Vec::new(),
            begun: 0,
            made: now,
        }
    }

    /// What is to be done now; `actors` are those that may be killed or parted.
    ///
    /// Each rule has at most one occasion in a step: those that were missed are not made up for. At an
    /// occasion while its last fault lasts, a rule begins no other, so that what is held stays bounded.
    pub(super) fn step(
        &mut self,
        config: &ChaosConfig,
        now: Instant,
        actors: impl Fn() -> Vec<String>,
    ) -> Vec<Act> {
        let ended = self.lasting.extract_if(.., |(_, end)| *end <= now);
        let mut acts: Vec<Act> = ended.map(|(number, _)| Act::End(number)).collect();
        let rules = config.system.iter().zip(&mut self.streams).zip(&mut self.occasions);
        for (((rule, stream), occasion), busy) in rules.zip(&mut self.busy) {
            if *occasion > now {
                continue;
            }
            *occasion = now + rule.every;
            if !rule.schedule.is_active(now - self.made) || !stream.chance(rule.rate) {
                continue;
            }
            match &rule.fault {
                SystemFault::KillActors(count) => {
                    let mut actors = actors();
                    stream.shuffle(&mut actors);
                    acts.extend(actors.into_iter().take(*count as usize).map(Act::Kill));
                }
                fault if *busy <= now => {
                    self.begun += 1;
                    let fault = dealt(fault, stream, &actors);
                    let end = now + fault.lasting().unwrap_or_default();
                    *busy = end;
                    self.lasting.push((self.begun, end));
                    acts.push(Act::Begin(self.begun, fault));
                }
                _ => {}
            }
        }
        acts
    }

    /// When the next step may have something to do.
    pub(super) fn next_step(&self) -> Option<Instant> {
        let ends = self.lasting.iter().map(|(_, end)| *end);
        self.occasions.iter().copied().chain(ends).min()
    }
}

/// The fault with its groups, dealt at random if none are named.
fn dealt(
    fault: &SystemFault,
    stream: &mut Stream,
    actors: &impl Fn() -> Vec<String>,
) -> SystemFault {
    match fault {
        SystemFault::Partition { left, right, lasting } if left.is_empty() && right.is_empty() => {
            let mut left = actors();
            stream.shuffle(&mut left);
            let right = left.split_off(left.len() / 2);
            SystemFault::Partition { left, right, lasting: *lasting }
        }
        fault => fault.clone(),
    }
}

fn streams(count: usize, seed: Seed, name: &str) -> Vec<Stream> {
    (0..count).map(|number| seed.stream(&format!("{name}.{number}"))).collect()
}
