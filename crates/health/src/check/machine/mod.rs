//! When checks run and what follows from their results: a state machine stepped with the time.
//!
//! Runs of a check are due at the start and then every `interval`, counted from the start: the
//! schedule has no jitter, does not drift, and periods that were missed are not caught up.
//!
//! What is needed is looked at first. A check whose need failed in its last run is not run, and one that
//! failed is judged only after each of its needs has been looked at again: if one of them failed, the
//! failure is that one's, and not counted here.

mod settle;
#[cfg(test)]
mod tests;

use std::time::Duration;

use steadfast_base::{Health, Instant};

use crate::check::graph::Graph;
use crate::check::judge::{Finding, Judge};
use crate::check::status::{CheckState, CheckStatus, HealthSummary};

/// How one check is run and judged, with everything resolved.
#[derive(Clone, Debug)]
pub(in crate::check) struct Rules {
    pub(in crate::check) name: String,
    pub(in crate::check) interval: Duration,
    pub(in crate::check) timeout: Duration,
    pub(in crate::check) failure_threshold: u32,
    pub(in crate::check) success_threshold: u32,
    pub(in crate::check) liveness: bool,
}

/// What the shell has to do.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::check) enum Effect {
    /// Run this check and feed the result with this number.
    Run { check: usize, run: u64 },
    /// The current run of this check took too long; its result would be ignored.
    Abandon { check: usize },
    /// Tell that a verdict changed.
    Changed { check: usize, from: CheckState, to: CheckState },
    /// Tell that the health of the whole changed.
    Overall { from: Health, to: Health },
}

#[derive(Clone, Copy, Debug)]
struct Run {
    number: u64,
    started: Instant,
}

/// The last result of a check, counted or not.
#[derive(Clone, Debug)]
struct Last {
    started: Instant,
    ended: Instant,
    /// Whether checks that need this one could not have passed.
    down: bool,
    reason: Option<String>,
}

#[derive(Debug)]
struct Check {
    rules: Rules,
    needs: Vec<usize>,
    critical: bool,
    /// The next run of the schedule.
    next: Instant,
    /// To be run as soon as everything that it needs has been looked at.
    wanted: bool,
    running: Option<Run>,
    /// A failure that is judged once its needs have been looked at.
    held: Option<(Run, Instant, Finding)>,
    last: Option<Last>,
    judge: Judge,
    /// The state that was told last.
    told: CheckState,
}

impl Check {
    fn is_busy(&self) -> bool {
        self.wanted || self.running.is_some() || self.held.is_some()
    }

    fn is_down(&self) -> bool {
        self.judge.state.is_down() || self.last.as_ref().is_some_and(|last| last.down)
    }

    fn looked_at_since(&self, at: Instant) -> bool {
        self.last.as_ref().is_some_and(|last| last.started >= at)
    }

    fn conclude(&mut self, run: Run, ended: Instant, finding: Finding, counts: bool) {
        if counts {
            let Rules { failure_threshold, success_threshold, .. } = self.rules;
            self.judge.take(&finding, failure_threshold, success_threshold);
        }
        let down = !finding.passed();
        self.last = Some(Last { started: run.started, ended, down, reason: finding.reason });
    }
}

/// All checks of one checker.
#[derive(Debug)]
pub(in crate::check) struct Machine {
    checks: Vec<Check>,
    /// The checks, needs first.
    order: Vec<usize>,
    runs: u64,
    overall: Health,
}

impl Machine {
    /// All checks are due at `now`.
    pub(in crate::check) fn new(rules: Vec<Rules>, graph: Graph, now: Instant) -> Self {
        let parts = rules.into_iter().zip(graph.needs).zip(graph.critical);
        let checks = parts.map(|((rules, needs), critical)| Check {
            rules,
            needs,
            critical,
            next: now,
            wanted: false,
            running: None,
            held: None,
            last: None,
            judge: Judge::default(),
            told: CheckState::Unknown,
        });
        Self { checks: checks.collect(), order: graph.order, runs: 0, overall: Health::Unknown }
    }

    /// Takes new rules for the same checks; results and verdicts stay.
    ///
    /// A check whose interval became shorter is due that much earlier.
    pub(in crate::check) fn reconfigure(&mut self, rules: Vec<Rules>, graph: Graph, now: Instant) {
        let parts = rules.into_iter().zip(graph.needs).zip(graph.critical);
        for (check, ((rules, needs), critical)) in self.checks.iter_mut().zip(parts) {
            check.next = check.next.min(now + rules.interval);
            (check.rules, check.needs, check.critical) = (rules, needs, critical);
        }
        self.order = graph.order;
    }

    /// Does what is due at `now`.
    pub(in crate::check) fn advance(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        self.end_late_runs(now, effects);
        for check in &mut self.checks {
            if now >= check.next {
                check.next = following(check.next, check.rules.interval, now);
                // A run that is under way stands for this one.
                check.wanted |= check.running.is_none();
            }
        }
        self.settle(now, effects);
    }

    /// Takes in the result of a run that ended at `ended`; one that is not current is ignored.
    ///
    /// What follows from it happens in the next [`advance`](Self::advance).
    pub(in crate::check) fn finished(
        &mut self,
        check: usize,
        run: u64,
        ended: Instant,
        finding: Finding,
    ) {
        let Some(known) = self.checks.get_mut(check) else { return };
        let Some(current) = known.running.take_if(|current| current.number == run) else { return };
        let finding = if ended > current.started + known.rules.timeout {
            too_late(known.rules.timeout)
        } else {
            finding
        };
        self.take_result(check, current, ended, finding);
    }

    /// Wants a run of every check, beside the schedule.
    pub(in crate::check) fn want_all(&mut self) {
        for check in &mut self.checks {
            check.wanted = true;
        }
    }

    /// Whether every check has a result of a run that began at `at` or later, and nothing is open.
    pub(in crate::check) fn looked_at_since(&self, at: Instant) -> bool {
        self.checks.iter().all(|check| !check.is_busy() && check.looked_at_since(at))
    }

    /// When to call [`advance`](Self::advance) next; none without checks.
    pub(in crate::check) fn next_wake(&self) -> Option<Instant> {
        let wake = |check: &Check| {
            let run_ends = check.running.map(|run| run.started + check.rules.timeout);
            run_ends.map_or(check.next, |ends| ends.min(check.next))
        };
        self.checks.iter().map(wake).min()
    }

    pub(in crate::check) fn summary(&self, now: Instant) -> HealthSummary {
        HealthSummary::new((0..self.checks.len()).filter_map(|at| self.status(at, now)).collect())
    }

    pub(in crate::check) fn status(&self, check: usize, now: Instant) -> Option<CheckStatus> {
        let known = self.checks.get(check)?;
        let blocked_by = self.root_of(check).map(|root| root.rules.name.clone());
        let reason = match &blocked_by {
            Some(root) => Some(format!("{root} is down")),
            None => known.last.as_ref().and_then(|last| last.reason.clone()),
        };
        Some(CheckStatus {
            name: known.rules.name.clone(),
            state: known.judge.state,
            critical: known.critical,
            liveness: known.rules.liveness,
            reason,
            blocked_by,
            failures_in_a_row: known.judge.failures,
            successes_in_a_row: known.judge.successes,
            age: known.last.as_ref().map(|last| now - last.ended),
            took: known.last.as_ref().map(|last| last.ended - last.started),
            passed_once: known.judge.passed_once,
        })
    }

    /// The unhealthy check at the root of a blocked one.
    fn root_of(&self, check: usize) -> Option<&Check> {
        let mut check = self.checks.get(check)?;
        if check.judge.state != CheckState::Blocked {
            return None;
        }
        // Each step goes one down in a graph without cycles.
        for _ in 0..self.checks.len() {
            if check.judge.state == CheckState::Unhealthy {
                break;
            }
            let mut needs = check.needs.iter().filter_map(|needed| self.checks.get(*needed));
            check = needs.find(|needed| needed.judge.state.is_down())?;
        }
        Some(check)
    }

    fn end_late_runs(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        for at in 0..self.checks.len() {
            let Some(check) = self.checks.get_mut(at) else { continue };
            let timeout = check.rules.timeout;
            if let Some(run) = check.running.take_if(|run| now >= run.started + timeout) {
                effects.push(Effect::Abandon { check: at });
                self.take_result(at, run, now, too_late(timeout));
            }
        }
    }

    /// Takes in a result, or holds it until what the check needs has been looked at.
    fn take_result(&mut self, at: usize, run: Run, ended: Instant, finding: Finding) {
        let Some(check) = self.checks.get_mut(at) else { return };
        if finding.passed() || check.needs.is_empty() {
            let counts = check.judge.state != CheckState::Blocked;
            check.conclude(run, ended, finding, counts);
        } else {
            check.held = Some((run, ended, finding));
        }
    }
}

/// The first date after `now` of a schedule that has one at `date`.
fn following(date: Instant, interval: Duration, now: Instant) -> Instant {
    let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let passed = now.as_nanos().saturating_sub(date.as_nanos()) / interval_ns;
    let ahead = passed.saturating_add(1).saturating_mul(interval_ns);
    Instant::from_nanos(date.as_nanos().saturating_add(ahead))
}

fn too_late(timeout: Duration) -> Finding {
    let reason = Some(format!("did not answer within {timeout:?}"));
    Finding { health: Health::Unknown, reason }
}
