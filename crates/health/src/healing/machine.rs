//! What is healed when: a state machine stepped with findings, answers, results and the time.

use std::collections::VecDeque;
use std::time::Duration;

use steadfast_base::{Instant, Timestamp};

use super::config::{Approval, HealingConfig, OnExpiry};
use super::governor::{Governor, GovernorRule};
use super::record::{
    ApprovalRequest, ComponentStatus, HealingOutcome, HealingPhase, HealingRecord, HealingStats,
    UnknownRequest,
};

/// One component, with everything resolved.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) component: String,
    pub(super) action: String,
    pub(super) cooldown: Duration,
    pub(super) timeout: Duration,
    pub(super) approval: Option<Approval>,
}

/// What a look found about one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Well,
    Unwell(String),
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// How a request for approval was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
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
pub(super) enum Effect {
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
pub(super) struct Machine {
    components: Vec<Component>,
    governor: Governor,
    interval: Duration,
    history_max: usize,
    history: VecDeque<HealingRecord>,
    next_look: Instant,
    acts: u64,
    requests: u64,
    paused: bool,
}

impl Machine {
    /// The first look is due at `now`.
    pub(super) fn new(rules: Vec<Rules>, config: &HealingConfig, now: Instant) -> Self {
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
            history_max: config.history_max,
            history: VecDeque::new(),
            next_look: now,
            acts: 0,
            requests: 0,
            paused: false,
        }
    }

    /// The components to look at, if a look is due; the next one is due an interval later.
    pub(super) fn begin_look(&mut self, now: Instant) -> Option<Vec<usize>> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now + self.interval;
        let resting = |component: &Component| !matches!(component.phase, Phase::Acting(_));
        let places = self.components.iter().enumerate();
        Some(places.filter(|(_, component)| resting(component)).map(|(place, _)| place).collect())
    }

    /// Makes a look due at once.
    pub(super) fn look_soon(&mut self) {
        self.next_look = Instant::ZERO;
    }

    /// Takes in what a look found, and decides.
    pub(super) fn decide(
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
    pub(super) fn tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
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
    pub(super) fn ended(
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
    pub(super) fn answer(
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
    pub(super) fn is_acting(&self) -> bool {
        self.components.iter().any(|component| matches!(component.phase, Phase::Acting(_)))
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// When to call [`tick`](Self::tick) or look next.
    pub(super) fn next_wake(&self) -> Instant {
        let wakes = self.components.iter().filter_map(|component| match &component.phase {
            Phase::Acting(act) => Some(act.began + component.rules.timeout),
            Phase::Asking(request) => Some(request.expires),
            Phase::Watching => None,
        });
        wakes.min().map_or(self.next_look, |wake| wake.min(self.next_look))
    }

    pub(super) fn history(&self) -> impl Iterator<Item = &HealingRecord> {
        self.history.iter()
    }

    pub(super) fn stats(&self) -> HealingStats {
        let add = |sum: HealingStats, component: &Component| HealingStats {
            ended: sum.ended + component.stats.ended,
            succeeded: sum.succeeded + component.stats.succeeded,
            recovered: sum.recovered + component.stats.recovered,
        };
        self.components.iter().fold(HealingStats::default(), add)
    }

    pub(super) fn status(&self, now: Instant) -> Vec<ComponentStatus> {
        let status = |component: &Component| ComponentStatus {
            component: component.rules.component.clone(),
            phase: match &component.phase {
                Phase::Acting(_) => HealingPhase::Acting,
                Phase::Asking(_) => HealingPhase::AwaitingApproval,
                Phase::Watching if now < component.cool_until => HealingPhase::CoolingDown,
                Phase::Watching => HealingPhase::Watching,
            },
            unwell: component.unwell.as_ref().map(|(_, reason)| reason.clone()),
            deferred_by: component.deferred,
            stats: component.stats,
        };
        self.components.iter().map(status).collect()
    }

    pub(super) fn requests(&self, now: Instant) -> Vec<ApprovalRequest> {
        let request = |component: &Component| match &component.phase {
            Phase::Asking(request) => Some(ApprovalRequest {
                id: request.id,
                component: component.rules.component.clone(),
                action: component.rules.action.clone(),
                reason: request.reason.clone(),
                expires_in: request.expires - now,
                approved_by: request.approved_by.clone(),
            }),
            _ => None,
        };
        self.components.iter().filter_map(request).collect()
    }

    fn take_finding(
        &mut self,
        place: usize,
        finding: Finding,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(component) = self.components.get_mut(place) else { return };
        let puzzled =
            std::mem::replace(&mut component.puzzling, matches!(finding, Finding::Unknown(_)));
        match finding {
            Finding::Unknown(reason) => {
                // What cannot be seen is not acted on.
                component.unwell = None;
                if !puzzled {
                    effects.push(Effect::Puzzled { component: place, reason });
                }
                return;
            }
            Finding::Unwell(reason) => {
                let since = component.unwell.take().map_or(now, |(since, _)| since);
                component.unwell = Some((since, reason));
            }
            Finding::Well => {
                component.unwell = None;
                component.deferred = None;
                if let Phase::Asking(request) = &component.phase {
                    let (request, settled, by) = (request.id, Settled::Withdrawn, String::new());
                    effects.push(Effect::Answered { component: place, request, settled, by });
                    component.phase = Phase::Watching;
                }
            }
        }
        let recovered = component.unwell.is_none();
        if let Some(number) = component.unproven.take() {
            component.stats.recovered += u64::from(recovered);
            let mut records = self.history.iter_mut().rev();
            if let Some(record) = records.find(|record| record.number == number) {
                record.recovered = Some(recovered);
            }
        }
    }

    /// Unwell components that something may be done about; those not acted on for the longest time
    /// first, then those unwell for the longest time.
    fn candidates(&self, now: Instant) -> Vec<usize> {
        let mut places: Vec<_> = self
            .components
            .iter()
            .enumerate()
            .filter_map(|(place, component)| {
                let (since, _) = component.unwell.as_ref()?;
                let free = match &component.phase {
                    Phase::Watching => now >= component.cool_until,
                    Phase::Asking(request) => request.approved_by.is_some(),
                    Phase::Acting(_) => false,
                };
                free.then_some((component.acted, *since, place))
            })
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(.., place)| place).collect()
    }

    /// Asks an operator, acts, or puts it off.
    fn treat(&mut self, place: usize, now: Instant, at: Timestamp, effects: &mut Vec<Effect>) {
        let Some(component) = self.components.get_mut(place) else { return };
        let Some((_, reason)) = component.unwell.clone() else { return };
        if let (Phase::Watching, Some(approval)) = (&component.phase, &component.rules.approval) {
            self.requests += 1;
            let (id, expires_in) = (self.requests, approval.expires_after);
            effects.push(Effect::Asked {
                component: place,
                request: id,
                reason: reason.clone(),
                expires_in,
            });
            let expires = now + expires_in;
            component.phase = Phase::Asking(Request { id, reason, expires, approved_by: None });
            return;
        }
        let acted_on = self.acted_on_beside(place, now);
        let admitted = self.governor.admit(now, acted_on);
        let Some(component) = self.components.get_mut(place) else { return };
        if let Err(rule) = admitted {
            if component.deferred.replace(rule) != Some(rule) {
                effects.push(Effect::Deferred { component: place, rule });
            }
            return;
        }
        component.deferred = None;
        let by = match std::mem::take(&mut component.phase) {
            Phase::Asking(request) => request.approved_by,
            _ => None,
        };
        self.acts += 1;
        let number = self.acts;
        component.phase =
            Phase::Acting(Act { number, began: now, at, reason: reason.clone(), by: by.clone() });
        effects.push(Effect::Act { component: place, act: number, reason, by });
    }

    /// Other components that are being acted on, or were until a moment ago.
    fn acted_on_beside(&self, place: usize, now: Instant) -> usize {
        let others = self.components.iter().enumerate().filter(|(other, _)| *other != place);
        let acted_on = others.filter(|(_, other)| {
            matches!(other.phase, Phase::Acting(_))
                || other.acted.is_some_and(|ended| self.governor.is_settling(ended, now))
        });
        acted_on.count()
    }

    fn expire(&mut self, place: usize, now: Instant, effects: &mut Vec<Effect>) {
        let Some(component) = self.components.get_mut(place) else { return };
        let acts = component
            .rules
            .approval
            .as_ref()
            .is_some_and(|approval| approval.on_expiry == OnExpiry::Act);
        let Phase::Asking(request) = &mut component.phase else { return };
        let (id, by) = (request.id, String::new());
        let settled = if acts {
            // From here on only recovery or a denial ends it.
            request.expires = Instant::MAX;
            let unanswered = request.approved_by.is_none();
            request.approved_by.get_or_insert_with(|| "nobody, by expiry".to_owned());
            self.look_soon();
            unanswered.then_some(Settled::ActsUnanswered)
        } else {
            component.phase = Phase::Watching;
            component.cool_until = now + component.rules.cooldown;
            Some(Settled::Expired)
        };
        if let Some(settled) = settled {
            effects.push(Effect::Answered { component: place, request: id, settled, by });
        }
    }
}
