//! Going back and forward in a replay, to a step, a time or a position.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_base::Timestamp;
use steadfast_eventlog::Position;

use super::{Halt, ReplayController, ReplayError, checkpoints::Moment, player::Unit};

/// Travel. Nothing is run backward: it goes on from a moment kept in memory, or from the start.
impl ReplayController {
    /// Goes back some steps, at most to before the first one.
    ///
    /// Nothing is run backward: it goes on from the nearest moment kept in memory, or from the start.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn back(&mut self, steps: u64) -> Result<Halt, ReplayError> {
        let target = self.step.saturating_sub(steps);
        let near = self.checkpoints.newest(|moment| moment.step <= target);
        self.go_to(near);
        self.forward(target.saturating_sub(self.step)).await
    }

    /// Goes to a time: everything that happened at `at` or before has been played, up to the first step
    /// that happened later.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn travel_to(&mut self, at: Timestamp) -> Result<Halt, ReplayError> {
        if self.latest > at {
            let near = self.checkpoints.newest(|moment| moment.latest <= at);
            self.go_to(near);
        }
        self.travel_while(|unit| unit.event.at <= at).await
    }

    /// Goes to a position of the log: everything up to and including it has been played.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped on the way, the replay stands at a step before the one asked for.
    pub async fn travel_to_position(&mut self, position: Position) -> Result<Halt, ReplayError> {
        if self.last.as_ref().is_some_and(|last| last.position > position) {
            let is_before =
                |moment: &Moment| moment.last.as_ref().is_none_or(|last| last.position <= position);
            let near = self.checkpoints.newest(is_before);
            self.go_to(near);
        }
        self.travel_while(|unit| unit.event.position <= position).await
    }

    async fn travel_while(&mut self, goes: impl Fn(&Unit) -> bool) -> Result<Halt, ReplayError> {
        loop {
            if !self.prepare().await? {
                return Ok(Halt::End);
            }
            if !self.upcoming.as_ref().is_some_and(&goes) {
                return Ok(Halt::Arrived);
            }
            self.play()?;
        }
    }

    /// The present moment, if every actor can be kept now. One of another story than the record is not.
    pub(super) fn moment(&mut self) -> Option<Moment> {
        if self.is_changed {
            return None;
        }
        let mut players = BTreeMap::new();
        for (actor, player) in &mut self.players {
            players.insert(actor.clone(), player.save()?);
        }
        let (step, position, latest) = (self.step, self.feed.last(), self.latest);
        // A unit that was read ahead and not played is read again.
        let ahead = self.upcoming.as_ref().map(|unit| unit.event.position.previous());
        let position = ahead.unwrap_or(position);
        let (last, players) = (self.last.clone(), Arc::new(players));
        let (gaps, skipped) = (self.gaps_total, self.skipped);
        Some(Moment { step, position, latest, last, gaps, skipped, players })
    }

    /// The present moment; without states where they cannot be kept.
    pub(super) fn present(&mut self) -> Moment {
        self.moment().unwrap_or_else(|| Moment {
            step: self.step,
            position: self.feed.last(),
            latest: self.latest,
            last: self.last.clone(),
            gaps: self.gaps_total,
            skipped: self.skipped,
            players: Arc::default(),
        })
    }

    pub(super) fn keep_moment(&mut self) {
        if let Some(moment) = self.moment() {
            self.checkpoints.keep(moment);
        }
    }

    /// Goes to a moment kept in memory, or to the start.
    pub(super) fn go_to(&mut self, moment: Option<Moment>) {
        self.upcoming = None;
        self.ended = false;
        self.pace.reset();
        self.broken = None;
        // Whoever was put in somebody's place goes with the others.
        self.is_changed = false;
        self.passes_breakpoint = false;
        self.players.clear();
        match moment {
            None => {
                self.feed.rewind(self.start);
                (self.step, self.latest, self.last) = (0, Timestamp::UNIX_EPOCH, None);
                (self.gaps_total, self.skipped) = (0, 0);
            }
            Some(moment) => {
                self.feed.rewind(moment.position);
                (self.step, self.latest, self.last) = (moment.step, moment.latest, moment.last);
                (self.gaps_total, self.skipped) = (moment.gaps, moment.skipped);
                for (actor, saved) in moment.players.iter() {
                    if let Ok(player) = self.player(actor) {
                        player.load(saved);
                    }
                }
            }
        }
        // Those behind the moment are met again.
        self.gaps.truncate(usize::try_from(self.gaps_total).unwrap_or(usize::MAX));
    }
}
