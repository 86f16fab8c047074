//! What if: the rest of a replay with another handler or another message, and what comes out otherwise.

use std::{any::Any, sync::Arc};

use steadfast_actor_core::Actor;
use steadfast_eventlog::{ActorName, Position};

use super::{
    Difference, Halt, ReplayController, ReplayError, Stage, actor_player::ActorPlayer,
    player::Unit, stages::Stages,
};
use crate::record::{Sent, Shape, recording_of};

/// Turns with differences that are listed at most; all are counted.
pub const TURN_DIFFERENCES_MAX: usize = 1_000;

/// One turn that came out otherwise.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TurnDifference {
    /// Whose turn it was.
    pub actor: ActorName,
    /// Its number.
    pub turn: u64,
    /// The position of its event.
    pub position: Position,
    /// The first difference.
    pub difference: Difference,
    /// What was given out, as recorded.
    pub expected: Vec<Sent>,
    /// What was given out instead.
    pub found: Vec<Sent>,
}

/// What came out otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Exploration {
    /// The turns that came out otherwise, in the order of the log; the first [`TURN_DIFFERENCES_MAX`].
    pub differences: Vec<TurnDifference>,
    /// How many turns and other records were played.
    pub played: u64,
    /// Whether there were more differences than are listed.
    pub more: bool,
}

/// What if. Each of these changes what follows; a step back, or any other way back, has the record again.
impl ReplayController {
    /// A second replay of the same, at the same step: to change something in, while this one stays as it is.
    ///
    /// It plays the record, also where something was changed in this one. Breakpoints and checkpoints are
    /// those of this one.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    pub async fn fork(&mut self) -> Result<Self, ReplayError> {
        let (feed, roles) = (self.feed.again(), Arc::clone(&self.roles));
        let mut fork = Self::new(feed, roles, self.settings.clone(), self.pace.again());
        fork.checkpoints = self.checkpoints.clone();
        fork.named.clone_from(&self.named);
        if let Some(moment) = self.moment() {
            let gaps = self.gaps.clone();
            fork.go_to(Some(moment));
            fork.gaps = gaps;
        }
        fork.forward(self.step.saturating_sub(fork.step)).await?;
        Ok(fork)
    }

    /// Puts another message in the place of the one that a turn to come was recorded with.
    ///
    /// Of an entity whose [`commands`](super::ReplayBuilder::commands) are replayed it is a command, and the
    /// path its name, `kind/id`.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NoRole`] if the actor has no role; [`ReplayError::WrongMessage`] if it takes none of this
    /// type.
    pub fn replace_message<M: Send + 'static>(
        &mut self,
        path: &str,
        turn: u64,
        message: M,
    ) -> Result<(), ReplayError> {
        let message: Box<dyn Any + Send> = Box::new(message);
        let actor = recording_of(path);
        if !self.player(&actor)?.replace(turn, message) {
            return Err(ReplayError::WrongMessage { actor });
        }
        self.is_changed = true;
        Ok(())
    }

    /// Puts another handler in the place of an actor's, from here on: `change` makes its state of the present
    /// one.
    ///
    /// Its messages must be encoded alike. Starts of the actor to come build it with `build`.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NoStart`] if the actor has no state of type `A` at this point.
    pub fn recast<A: Actor, B: Actor>(
        &mut self,
        path: &str,
        shape: Shape<B>,
        build: impl Fn(&Stage) -> B + Send + Sync + 'static,
        change: impl FnOnce(&A) -> B,
    ) -> Result<(), ReplayError> {
        let actor = recording_of(path);
        let mut player = ActorPlayer::new(shape, Arc::new(build) as _, Stages::default());
        let old = self.player(&actor)?;
        let fork = old.fork().ok_or_else(|| ReplayError::NoStart { actor: actor.clone() })?;
        let state = old.state().and_then(<dyn Any>::downcast_ref::<A>);
        let state = state.ok_or_else(|| ReplayError::NoStart { actor: actor.clone() })?;
        player.begin_as(fork, change(state))?;
        self.recast_as(actor, Box::new(player));
        self.is_changed = true;
        Ok(())
    }

    /// Plays to the end past all differences, and lists them.
    ///
    /// What the changed turns send reaches nobody: the other actors take what was recorded. An answer to a
    /// question that was not recorded never comes, and the turn ends there.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), but for divergences, which are what it is about.
    ///
    /// # Cancel safety
    ///
    /// The replay is consumed: nothing is left of it.
    pub async fn explore(mut self) -> Result<Exploration, ReplayError> {
        self.exploring = Some(Exploration::default());
        self.players_mut().for_each(|player| player.explore());
        self.clear_breakpoints();
        self.set_speed(steadfast_eventlog::Speed::FASTEST);
        while self.run().await? != Halt::End {}
        Ok(self.exploring.unwrap_or_default())
    }

    pub(super) fn note_difference(
        &mut self,
        unit: &Unit,
        difference: Difference,
    ) -> Result<(), ReplayError> {
        let Some(exploration) = &mut self.exploring else { return Ok(()) };
        if exploration.differences.len() >= TURN_DIFFERENCES_MAX {
            exploration.more = true;
            return Ok(());
        }
        let event = &unit.event;
        let found = self.player(&event.actor)?.found().to_vec();
        let sent =
            unit.sent.iter().filter_map(|sent| Sent::read(sent.payload.bytes().clone()).ok());
        let difference = TurnDifference {
            actor: event.actor.clone(),
            turn: event.turn,
            position: event.position,
            difference,
            expected: sent.collect(),
            found,
        };
        if let Some(exploration) = &mut self.exploring {
            exploration.differences.push(difference);
        }
        Ok(())
    }
}
