//! What follows from results: who is judged, who is blocked, who runs next.

use steadfast_base::{Health, Instant};

use crate::check::judge::Finding;
use crate::check::status::CheckState;

use super::{Check, Effect, Machine, Run};

impl Machine {
    /// Starts and judges whatever can be, until nothing more follows.
    pub(super) fn settle(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        // Every round that changes something ends the wait of a check, runs or skips one; each can
        // happen once to each check before a result must come from outside.
        for _ in 0..=self.checks.len().saturating_mul(3) {
            if !self.round(now, effects) {
                break;
            }
        }
        for (at, check) in self.checks.iter_mut().enumerate() {
            let to = check.judge.state;
            let from = std::mem::replace(&mut check.told, to);
            if from != to {
                effects.push(Effect::Changed { check: at, from, to });
            }
        }
        let to = self.summary(now).health;
        let from = std::mem::replace(&mut self.overall, to);
        if from != to {
            effects.push(Effect::Overall { from, to });
        }
    }

    /// One pass over all checks, needs first; tells whether something changed.
    fn round(&mut self, now: Instant, effects: &mut Vec<Effect>) -> bool {
        let mut changed = false;
        for index in 0..self.order.len() {
            let Some(at) = self.order.get(index).copied() else { continue };
            changed |= self.judge_held(at);
            changed |= self.block_or_unblock(at);
            changed |= self.start_wanted(at, now, effects);
        }
        changed
    }

    /// Judges a failure that was held, once every need has been looked at since its run began.
    fn judge_held(&mut self, at: usize) -> bool {
        let Some(since) =
            self.checks.get(at).and_then(|check| Some(check.held.as_ref()?.0.started))
        else {
            return false;
        };
        let mut asked = false;
        let (mut excused, mut open) = (false, false);
        for needed in self.needs_of(at) {
            let Some(needed) = self.checks.get_mut(needed) else { continue };
            if needed.is_busy() {
                open = true;
            } else if needed.is_down() {
                excused = true;
            } else if !needed.looked_at_since(since) {
                (needed.wanted, asked, open) = (true, true, true);
            }
        }
        if open && !excused {
            return asked;
        }
        let held = self.checks.get_mut(at).and_then(|check| Some((check.held.take()?, check)));
        if let Some(((run, ended, finding), check)) = held {
            let counts = !excused && check.judge.state != CheckState::Blocked;
            check.conclude(run, ended, finding, counts);
        }
        true
    }

    fn block_or_unblock(&mut self, at: usize) -> bool {
        let state_of = |needed: usize| self.checks.get(needed).map(|check| check.judge.state);
        let down = self.needs_of(at).into_iter().filter_map(state_of).any(CheckState::is_down);
        let Some(check) = self.checks.get_mut(at) else { return false };
        let blocked = check.judge.state == CheckState::Blocked;
        // INV-HLT-1: a check is blocked while something that it needs is down, and only then.
        if down && !blocked {
            check.judge.block();
        } else if !down && blocked {
            check.judge.unblock();
            check.wanted = true;
        }
        down != blocked
    }

    /// Runs a wanted check, or skips it because of what it needs, or lets it wait for that.
    fn start_wanted(&mut self, at: usize, now: Instant, effects: &mut Vec<Effect>) -> bool {
        let ready = |check: &Check| check.wanted && check.running.is_none() && check.held.is_none();
        if !self.checks.get(at).is_some_and(ready) {
            return false;
        }
        let (mut waits, mut down) = (false, None);
        for needed in self.needs_of(at).into_iter().filter_map(|needed| self.checks.get(needed)) {
            waits |= needed.is_busy();
            if needed.is_down() && down.is_none() {
                down = Some(needed.rules.name.clone());
            }
        }
        if waits {
            return false;
        }
        self.runs += 1;
        let run = Run { number: self.runs, started: now };
        let Some(check) = self.checks.get_mut(at) else { return false };
        check.wanted = false;
        if let Some(name) = down {
            let reason = Some(format!("not run: {name} is down"));
            check.conclude(run, now, Finding { health: Health::Unknown, reason }, false);
        } else {
            check.running = Some(run);
            effects.push(Effect::Run { check: at, run: run.number });
        }
        true
    }

    fn needs_of(&self, at: usize) -> Vec<usize> {
        self.checks.get(at).map(|check| check.needs.clone()).unwrap_or_default()
    }
}
