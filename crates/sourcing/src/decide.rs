//! What `decide` may ask of the world.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use steadfast_base::{CorrelationId, EventId, Instant, Seed, Stream, Time, Timestamp, context};
use steadfast_eventlog::{ActorName, CodecError, CodecId, Payload, Seq};

use crate::EventSourced;

/// How many futures one command may start with [`Decide::perform`]; further ones are dropped.
pub const PERFORMS_MAX: usize = 64;

/// What [`EventSourced::decide`] may ask of the world; all of it is the same again in a replay.
///
/// | What | Where it comes from |
/// |---|---|
/// | [`timestamp`](Self::timestamp), [`now`](Self::now) | the clock of the system, read once in a turn |
/// | [`rng`](Self::rng) | the seed of the system, the entity and [`seq`](Self::seq): a recovery draws the same |
/// | [`id`](Self::id), [`seq`](Self::seq) | the entity |
/// | [`correlation`](Self::correlation), [`causation`](Self::causation) | the context of the call |
/// | [`effect`](Self::effect) | a closure, whose result is recorded |
/// | [`perform`](Self::perform) | a future, whose result comes back as a command |
///
/// Nothing that is not asked for is read, drawn or recorded.
pub struct Decide<S: EventSourced> {
    actor: ActorName,
    id: Arc<str>,
    world: World,
    /// Whether the results of effects are kept for a recorder.
    recorded: bool,
    inputs: TurnInputs,
    rng: Option<Stream>,
    /// How many recorded results have been given out.
    given: usize,
    missing: Option<&'static str>,
    performs: Vec<Performed<S::Command>>,
    leaves: bool,
}

/// A future that comes back as a command.
pub(crate) type Performed<C> = Pin<Box<dyn Future<Output = C> + Send>>;

enum World {
    Live(Time),
    Given,
}

/// All that one turn was given beside the command: what a replay gives it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnInputs {
    /// The number of the last event before the turn.
    pub seq: Seq,
    /// What the randomness is derived from.
    pub seed: Seed,
    /// The monotonic time, if it was asked for.
    pub now: Option<Instant>,
    /// The wall-clock time, if it was asked for.
    pub at: Option<Timestamp>,
    /// The piece of work that the call belongs to.
    pub correlation: Option<CorrelationId>,
    /// The event that caused the call.
    pub causation: Option<EventId>,
    /// The names and results of effects, in the order of the calls.
    pub effects: Vec<(String, Payload)>,
}

impl TurnInputs {
    /// The inputs of a turn that asked for nothing.
    pub fn new(seq: Seq, seed: Seed) -> Self {
        Self {
            seq,
            seed,
            now: None,
            at: None,
            correlation: None,
            causation: None,
            effects: Vec::new(),
        }
    }
}

impl<S: EventSourced> Decide<S> {
    /// The context of a live entity, used again for each of its turns.
    pub(crate) fn live(
        actor: ActorName,
        id: Arc<str>,
        time: Time,
        seed: Seed,
        recorded: bool,
    ) -> Self {
        Self::new(actor, id, World::Live(time), TurnInputs::new(Seq::ZERO, seed), recorded)
    }

    /// The context of a recorded turn, given again. It reads no clock, draws nothing new, and starts nothing.
    ///
    /// What the turn asks for and the record lacks shows in [`missing`](Self::missing).
    pub fn replay(
        actor: impl Into<ActorName>,
        id: impl Into<Arc<str>>,
        inputs: TurnInputs,
    ) -> Self {
        Self::new(actor.into(), id.into(), World::Given, inputs, false)
    }

    fn new(
        actor: ActorName,
        id: Arc<str>,
        world: World,
        inputs: TurnInputs,
        recorded: bool,
    ) -> Self {
        Self {
            actor,
            id,
            world,
            recorded,
            inputs,
            rng: None,
            given: 0,
            missing: None,
            performs: Vec::new(),
            leaves: false,
        }
    }

    /// Begins the next turn, in the context of the call at hand.
    pub(crate) fn begin(&mut self, seq: Seq) {
        self.inputs.seq = seq;
        (self.inputs.now, self.inputs.at) = (None, None);
        let call = |call: Option<&steadfast_base::CallContext>| {
            call.map_or((None, None), |call| (call.correlation(), call.causation()))
        };
        (self.inputs.correlation, self.inputs.causation) = context::current_ref(call);
        self.inputs.effects.clear();
        self.performs.clear();
        self.rng = None;
        self.leaves = false;
    }

    pub(crate) fn take_performs(&mut self) -> Vec<Performed<S::Command>> {
        std::mem::take(&mut self.performs)
    }

    pub(crate) fn leaves(&self) -> bool {
        self.leaves
    }

    /// All that the turn was given so far.
    pub fn inputs(&self) -> &TurnInputs {
        &self.inputs
    }

    /// What a replayed turn asked for that the record does not have: the code has changed.
    pub fn missing(&self) -> Option<&'static str> {
        self.missing
    }

    /// The entity's own id, without its kind.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name under which the entity's events are stored.
    pub fn actor(&self) -> &ActorName {
        &self.actor
    }

    /// The number of the entity's last event; 0 before the first.
    pub fn seq(&self) -> Seq {
        self.inputs.seq
    }

    /// The piece of work that the command belongs to.
    pub fn correlation(&self) -> Option<CorrelationId> {
        self.inputs.correlation
    }

    /// The event that caused the command.
    pub fn causation(&self) -> Option<EventId> {
        self.inputs.causation
    }

    /// The wall-clock time of this turn; the events of the turn get it too.
    pub fn timestamp(&mut self) -> Timestamp {
        if let Some(at) = self.inputs.at {
            return at;
        }
        let at = match &self.world {
            World::Live(time) => time.timestamp(),
            World::Given => {
                self.missing = self.missing.or(Some("timestamp"));
                Timestamp::UNIX_EPOCH
            }
        };
        *self.inputs.at.insert(at)
    }

    /// The monotonic time of this turn. It means nothing after a restart of the process.
    pub fn now(&mut self) -> Instant {
        if let Some(now) = self.inputs.now {
            return now;
        }
        let now = match &self.world {
            World::Live(time) => time.now(),
            World::Given => {
                self.missing = self.missing.or(Some("now"));
                Instant::ZERO
            }
        };
        *self.inputs.now.insert(now)
    }

    /// The randomness of this turn.
    ///
    /// It depends on the seed, the entity and [`seq`](Self::seq) only: two commands at the same number, of
    /// which the first stored nothing, draw the same.
    pub fn rng(&mut self) -> &mut Stream {
        let Self { rng, inputs, actor, .. } = self;
        rng.get_or_insert_with(|| inputs.seed.stream(&format!("{actor}#{}", inputs.seq)))
    }

    /// Asks something of the world that is neither time nor randomness, and is quick: a setting, a look into
    /// a cache. The result is recorded, where turns are; a replay gets it without running `ask`.
    ///
    /// For what takes time, see [`perform`](Self::perform), or let the command carry the result.
    ///
    /// # Errors
    ///
    /// [`EffectError`] in a replay that has no such result, or if a recorded result cannot be encoded. Never
    /// where turns are not recorded.
    pub fn effect<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        ask: impl FnOnce() -> T,
    ) -> Result<T, EffectError> {
        if let World::Given = self.world {
            return self.given(name);
        }
        let result = ask();
        if self.recorded {
            let payload = Payload::encode(CodecId::NAMED, name, 1, &result);
            let payload = payload.map_err(|cause| EffectError { name, cause: Some(cause) })?;
            self.inputs.effects.push((name.to_owned(), payload));
        }
        Ok(result)
    }

    fn given<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, EffectError> {
        let recorded = self.inputs.effects.get(self.given).filter(|(found, _)| found == name);
        let Some((_, payload)) = recorded else {
            self.missing = self.missing.or(Some(name));
            return Err(EffectError { name, cause: None });
        };
        self.given += 1;
        payload.decode().map_err(|cause| EffectError { name, cause: Some(cause) })
    }

    /// Runs a future beside the entity once this turn's events are durable; its result comes back as a
    /// command.
    ///
    /// It is not run if the events could not be stored, nor in a replay: there the command that it led to is
    /// replayed like any other. It is lost if the entity stops or restarts before it is ready; what must not
    /// be lost is found again from the state.
    pub fn perform<T: Send + 'static>(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
        into_command: impl FnOnce(T) -> S::Command + Send + 'static,
    ) {
        if matches!(self.world, World::Live(_)) && self.performs.len() < PERFORMS_MAX {
            self.performs.push(Box::pin(async move { into_command(future.await) }));
        }
    }

    /// Lets the entity leave memory after this turn, unless commands wait for it.
    pub fn passivate(&mut self) {
        self.leaves = true;
    }
}

impl<S: EventSourced> fmt::Debug for Decide<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decide")
            .field("actor", &self.actor)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

/// The result of an effect was not recorded, or cannot be encoded or decoded.
#[derive(Clone, Debug)]
pub struct EffectError {
    name: &'static str,
    cause: Option<CodecError>,
}

impl EffectError {
    /// The name of the effect.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for EffectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Some(_) => write!(f, "the result of the effect {} has no such bytes", self.name),
            None => write!(f, "the effect {} was not recorded", self.name),
        }
    }
}

impl Error for EffectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
