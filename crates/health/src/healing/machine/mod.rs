//! What is healed when: a state machine stepped with findings, answers, results and the time.

mod decide;
#[cfg(test)]
mod tests;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use steadfast_base::{Instant, Timestamp};

use crate::healing::config::{Approval, HealingConfig};
use crate::healing::governor::{Governor, GovernorRule};
use crate::healing::record::{HealingOutcome, HealingRecord, HealingStats, UnknownRequest};

/// One component, with everything resolved.
#[derive(Clone, Debug)]
pub(in crate::healing) struct Rules {
    pub(in crate::healing) component: String,
    pub(in crate::healing) action: String,
    pub(in crate::healing) cooldown: Duration,
    pub(in crate::healing) timeout: Duration,
    pub(in crate::healing) approval: Option<Approval>,
}

/// What a look found about one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::healing) enum Finding {
    Well,
    Unwell(String),
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// How a request for approval was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::healing) enum Settled {
    Approved,
    Denied,
    Expired,
    /// Expired, and to be done for that very reason.
    ActsUnanswered,
    /// The component recovered by itself.
    Withdrawn,
}

/// What the shell has to do or tell.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::healing) enum Effect {
    /// Act, and feed the result with this number.
    Act {
        component: usize,
        act: u64,
        reason: String,
        by: Option<String>,
    },
    /// The current act of this component took too long; its result would be ignored.
    Abandon {
        component: usize,
    },
    Ended(HealingRecord),
    Deferred {
        component: usize,
        rule: GovernorRule,
    },
    Asked {
        component: usize,
        request: u64,
        reason: String,
        expires_in: Duration,
    },
    Answered {
        component: usize,
        request: u64,
        settled: Settled,
        by: String,
    },
    Puzzled {
        component: usize,
        reason: String,
    },
}

#[derive(Debug)]
struct Request {
    id: u64,
    reason: String,
    expires: Instant,
    approved_by: Option<String>,
}

#[derive(Debug)]
struct Act {
    number: u64,
    began: Instant,
    at: Timestamp,
    reason: String,
    by: Option<String>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Watching,
    Asking(Request),
    Acting(Act),
}

#[derive(Debug)]
struct Component {
    rules: Rules,
    phase: Phase,
    /// Since when it is unwell, and why.
    unwell: Option<(Instant, String)>,
    /// Whether the last look could not tell.
    puzzling: bool,
    cool_until: Instant,
    /// When its last act ended.
    acted: Option<Instant>,
    /// The last act, until a look tells whether it helped.
    unproven: Option<u64>,
    deferred: Option<GovernorRule>,
    stats: HealingStats,
}

/// The decisions about all components.
#[derive(Debug)]
pub(in crate::healing) struct Machine {
    components: Vec<Component>,
    governor: Governor,
    interval: Duration,
    condition_timeout: Duration,
    history_max: usize,
    history: VecDeque<HealingRecord>,
    next_look: Instant,
    acts: u64,
    requests: u64,
    paused: bool,
}

impl Machine {
    /// The first look is due at `now`.
    pub(in crate::healing) fn new(rules: Vec<Rules>, config: &HealingConfig, now: Instant) -> Self {
        let governor = Governor::new(&config.governor, rules.len());
        let components = rules.into_iter().map(|rules| Component {
            rules,
            phase: Phase::Watching,
            unwell: None,
            puzzling: false,
            cool_until: now,
            acted: None,
            unproven: None,
            deferred: None,
            stats: HealingStats::default(),
        });
        Self {
            components: components.collect(),
            governor,
            interval: config.interval,
            condition_timeout: config.condition_timeout,
            history_max: config.history_max,
            history: VecDeque::new(),
            next_look: now,
            acts: 0,
            requests: 0,
            paused: false,
        }
    }

    /// Takes new settings for the same components; what was done and what is under way stays.
    pub(in crate::healing) fn reconfigure(
        &mut self,
        rules: Vec<Rules>,
        config: &HealingConfig,
        now: Instant,
    ) {
        for (component, rules) in self.components.iter_mut().zip(rules) {
            component.rules = rules;
        }
        self.governor.reconfigure(&config.governor, self.components.len());
        self.next_look = self.next_look.min(now + config.interval);
        self.interval = config.interval;
        self.condition_timeout = config.condition_timeout;
        self.history_max = config.history_max;
        let forgotten = self.history.len().saturating_sub(config.history_max);
        drop(self.history.drain(..forgotten));
    }

    /// Longest time to find out whether a component is unwell.
    pub(in crate::healing) fn condition_timeout(&self) -> Duration {
        self.condition_timeout
    }

    /// The components to look at, if a look is due; the next one is due an interval later.
    pub(in crate::healing) fn begin_look(&mut self, now: Instant) -> Option<Vec<usize>> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now + self.interval;
        let resting = |component: &Component| !matches!(component.phase, Phase::Acting(_));
        let places = self.components.iter().enumerate();
        Some(places.filter(|(_, component)| resting(component)).map(|(place, _)| place).collect())
    }

    /// Makes a look due at once.
    pub(in crate::healing) fn look_soon(&mut self) {
        self.next_look = Instant::ZERO;
    }

    /// Takes in what a look found, and decides.
    pub(in crate::healing) fn decide(
        &mut self,
        now: Instant,
        at: Timestamp,
        findings: Vec<(usize, Finding)>,
        effects: &mut Vec<Effect>,
    ) {
        self.tick(now, effects);
        for (place, finding) in findings {
            self.take_finding(place, finding, now, effects);
        }
        if self.paused {
            return;
        }
        for place in self.candidates(now) {
            self.treat(place, now, at, effects);
        }
    }

    /// Ends what time has ended: acts that took too long, requests that nobody answered.
    pub(in crate::healing) fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        for place in 0..self.components.len() {
            let Some(component) = self.components.get_mut(place) else { continue };
            match &component.phase {
                Phase::Acting(act) if now >= act.began + component.rules.timeout => {
                    let number = act.number;
                    effects.push(Effect::Abandon { component: place });
                    self.ended(place, number, now, HealingOutcome::TimedOut, effects);
                }
                Phase::Asking(request) if now >= request.expires => {
                    self.expire(place, now, effects);
                }
                _ => {}
            }
        }
    }

    /// Takes in the result of an act; one that is not current is ignored.
    pub(in crate::healing) fn ended(
        &mut self,
        place: usize,
        number: u64,
        now: Instant,
        outcome: HealingOutcome,
        effects: &mut Vec<Effect>,
    ) {
        let Some(component) = self.components.get_mut(place) else { return };
        let current = matches!(&component.phase, Phase::Acting(act) if act.number == number);
        if !current {
            return;
        }
        let Phase::Acting(act) = std::mem::take(&mut component.phase) else { return };
        component.cool_until = now + component.rules.cooldown;
        component.acted = Some(now);
        component.unproven = Some(number);
        component.stats.ended += 1;
        component.stats.succeeded += u64::from(outcome == HealingOutcome::Succeeded);
        let record = HealingRecord {
            number,
            component: component.rules.component.clone(),
            action: component.rules.action.clone(),
            reason: act.reason,
            approved_by: act.by,
            at: act.at,
            took: now - act.began,
            outcome,
            recovered: None,
        };
        if self.history.len() >= self.history_max {
            self.history.pop_front();
        }
        self.history.push_back(record.clone());
        effects.push(Effect::Ended(record));
    }

    /// Takes in an operator's answer.
    pub(in crate::healing) fn answer(
        &mut self,
        id: u64,
        approved: bool,
        by: &str,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> Result<(), UnknownRequest> {
        let waits = |component: &Component| match &component.phase {
            Phase::Asking(request) => {
                let unanswered = request.approved_by.is_none() || !approved;
                request.id == id && unanswered && now < request.expires
            }
            _ => false,
        };
        let place = self.components.iter().position(waits).ok_or(UnknownRequest(id))?;
        let component = self.components.get_mut(place).ok_or(UnknownRequest(id))?;
        let settled = if approved { Settled::Approved } else { Settled::Denied };
        match &mut component.phase {
            Phase::Asking(request) if approved => request.approved_by = Some(by.to_owned()),
            phase => {
                *phase = Phase::Watching;
                component.cool_until = now + component.rules.cooldown;
            }
        }
        if approved {
            // The component is looked at again before anything is done to it.
            self.look_soon();
        }
        let by = by.to_owned();
        effects.push(Effect::Answered { component: place, request: id, settled, by });
        Ok(())
    }

    /// Whether an act is under way.
    pub(in crate::healing) fn is_acting(&self) -> bool {
        self.components.iter().any(|component| matches!(component.phase, Phase::Acting(_)))
    }

    pub(in crate::healing) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(in crate::healing) fn is_paused(&self) -> bool {
        self.paused
    }

    /// When to call [`tick`](Self::tick) or look next.
    pub(in crate::healing) fn next_wake(&self) -> Instant {
        let wakes = self.components.iter().filter_map(|component| match &component.phase {
            Phase::Acting(act) => Some(act.began + component.rules.timeout),
            Phase::Asking(request) => Some(request.expires),
            Phase::Watching => None,
        });
        wakes.min().map_or(self.next_look, |wake| wake.min(self.next_look))
    }
}
