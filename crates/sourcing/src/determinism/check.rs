//! The same inputs in several worlds, turn by turn.

use std::{any::Any, error::Error, fmt, sync::Arc, time::Duration};

use steadfast_actor_core::{
    Actor, BuildError,
    tape::{self, Rehearsal, Source, Step, Taken},
};
use steadfast_base::{
    ActorId, CallContext, CorrelationId, EventId, Instant, Seed, Timestamp, context,
};
use steadfast_eventlog::{CodecError, Payload, Position};

use crate::{
    record::{Sent, Shape, TurnEnding, ValueHash, recording_of},
    replay::{
        Difference, NonDeterminism, Stage, playback::Playback, stages::Stages, state_differences,
    },
};

/// The worlds in which a check takes each input by default.
///
/// Two hash maps of two entries come out alike by chance every second time: with eight worlds a walk over
/// such a map goes unseen once in 128 turns.
pub const CHECK_WORLDS_DEFAULT: u32 = 8;

/// The path of the actor in a check.
const PATH: &str = "/check/actor";

/// Between two turns of a check.
const TURN_APART: Duration = Duration::from_secs(1);

/// Where the clock of a check begins: 2020-01-01T00:00:00Z.
const BEGINS: Timestamp = Timestamp::from_unix_nanos(1_577_836_800_000_000_000);

/// Checks that an actor is deterministic, on inputs of your choice.
///
/// The inputs are taken one after the other, as messages; timers do not fire, and a question to another
/// actor is never answered: a turn that asks ends there, in all worlds alike. Record the actor and replay it
/// to check those too.
///
/// # Example
///
/// A walk over a hash map, found at its turn:
///
/// ```
/// use std::{collections::HashMap, convert::Infallible};
///
/// use serde::{Deserialize, Serialize};
/// use steadfast_actor_core::{Actor, ActorRef, Cx, Flow};
/// use steadfast_sourcing::{determinism::Check, record::Shape};
///
/// struct Names { known: HashMap<String, u64>, out: ActorRef<String> }
///
/// #[derive(Serialize, Deserialize)]
/// enum Msg { Learn(String), TellAll }
///
/// impl Actor for Names {
///     type Msg = Msg;
///     type Error = Infallible;
///     async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
///         match msg {
///             Msg::Learn(name) => drop(self.known.insert(name, 1)),
///             Msg::TellAll => {
///                 for name in self.known.keys() {
///                     self.out.tell(name.clone()).await.ok();
///                 }
///             }
///         }
///         Ok(Flow::Continue)
///     }
/// }
///
/// let check = Check::new(Shape::new(), |stage| Names { known: HashMap::new(), out: stage.actor_ref("/out") });
/// let names = (0..20).map(|number| Msg::Learn(format!("name {number}")));
/// let error = check.run(names.chain([Msg::TellAll])).unwrap_err();
/// assert_eq!(error.non_determinism().map(|found| found.turn), Some(22));
/// ```
pub struct Check<A: Actor> {
    shape: Shape<A>,
    build: Arc<dyn Fn(&Stage) -> A + Send + Sync>,
    worlds: u32,
    seed: Seed,
}

/// One world: an actor, its clock and its tape.
struct World<A: Actor> {
    rehearsal: Rehearsal<A>,
    stage: Stage,
    tape: Option<Box<Playback>>,
    /// How far the clock behind the actor's back is off.
    offset: Duration,
}

/// What came out of a turn in one world.
struct Came {
    sent: Vec<Sent>,
    ending: TurnEnding,
    words_drawn: u64,
    state: Option<ValueHash>,
}

impl<A: Actor> Check<A> {
    /// A check of an actor that is built like this. The more its [`Shape`] knows, the more is compared.
    pub fn new(shape: Shape<A>, build: impl Fn(&Stage) -> A + Send + Sync + 'static) -> Self {
        let build = Arc::new(build);
        Self { shape, build, worlds: CHECK_WORLDS_DEFAULT, seed: Seed::new(0) }
    }

    /// Sets in how many worlds each input is taken, at least 2.
    #[must_use]
    pub fn worlds(mut self, worlds: u32) -> Self {
        self.worlds = worlds.max(2);
        self
    }

    /// Sets the seed of the actor's randomness, the same in all worlds.
    #[must_use]
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Takes the inputs in all worlds; how many turns that were, with the start.
    ///
    /// # Errors
    ///
    /// [`CheckError`]: the first turn that came out differently, as in a recording counted from 1 for the
    /// start; or an input that cannot be encoded.
    pub fn run(&self, inputs: impl IntoIterator<Item = A::Msg>) -> Result<u64, CheckError> {
        let mut worlds = Vec::new();
        for number in 0..self.worlds {
            worlds.push(self.world(number).map_err(CheckError::Stage)?);
        }
        let mut turn = 1;
        self.turn(&mut worlds, turn, None)?;
        for input in inputs {
            turn = u64::saturating_add(turn, 1);
            let input = self.shape.encode(&input).map_err(CheckError::Input)?;
            self.turn(&mut worlds, turn, Some(&input))?;
        }
        Ok(turn)
    }

    fn world(&self, number: u32) -> Result<World<A>, BuildError> {
        let stage = Stages::default().get("check", self.seed)?.for_actor(PATH);
        let mut rehearsal = Rehearsal::new(stage.system(), ActorId::new(1), PATH);
        rehearsal.next_incarnation();
        let mut tape = Box::new(Playback::new(self.shape.vocabulary.clone()));
        tape.keeps_found = true;
        // An odd number of seconds, minutes and hours: no two of these clocks agree in a digit for long.
        let offset = Duration::from_secs(4_001).saturating_mul(number);
        Ok(World { rehearsal, stage, tape: Some(tape), offset })
    }

    /// Takes one turn in all worlds, and compares what came out with what came out of the first one.
    fn turn(
        &self,
        worlds: &mut [World<A>],
        turn: u64,
        input: Option<&Payload>,
    ) -> Result<(), CheckError> {
        let mut first: Option<Came> = None;
        for at in 0..worlds.len() {
            let Some(world) = worlds.get_mut(at) else { continue };
            let came = self.take(world, turn, input)?;
            let Some(expected) = &first else {
                first = Some(came);
                continue;
            };
            if let Some(difference) = difference(expected, &came) {
                return Err(CheckError::NonDeterminism(Box::new(NonDeterminism {
                    actor: recording_of(PATH),
                    turn,
                    position: Position::ZERO,
                    difference,
                    state: self.state_differences(worlds, at),
                })));
            }
        }
        Ok(())
    }

    fn state_differences(
        &self,
        worlds: &[World<A>],
        other: usize,
    ) -> Vec<crate::replay::StateDifference> {
        let tree = |at: usize| self.shape.state_tree(worlds.get(at)?.rehearsal.actor()?);
        match (tree(0), tree(other)) {
            (Some(expected), Some(found)) => state_differences(&expected, &found),
            _ => Vec::new(),
        }
    }

    fn take(
        &self,
        world: &mut World<A>,
        turn: u64,
        input: Option<&Payload>,
    ) -> Result<Came, CheckError> {
        let passed = TURN_APART.saturating_mul(u32::try_from(turn).unwrap_or(u32::MAX));
        let (now, wall) = (Instant::ZERO + passed, BEGINS + passed);
        world.stage.clock().set(now + world.offset, wall + world.offset);
        let step = if let Some(input) = input {
            let message = (self.shape.decode)(input).map_err(CheckError::Input)?;
            Step::Message(Source::Mailbox, message)
        } else {
            drop(world.rehearsal.seat((self.build)(&world.stage)));
            Step::Start
        };
        let Some(mut playback) = world.tape.take() else { return Err(CheckError::Lost) };
        playback.rewind();
        playback.free = Some((now, wall));
        let call = CallContext::new()
            .with_correlation(CorrelationId::from_u128(u128::from(turn)))
            .with_causation(EventId::from_u128(u128::from(turn)));
        let taken = {
            let _context = context::replace(Some(Arc::new(call)));
            let guard = tape::enter(playback);
            let taken = world.rehearsal.take(step);
            let tape: Option<Box<dyn Any>> = guard.leave().map(|tape| -> Box<dyn Any> { tape });
            world.tape = tape.and_then(|tape| tape.downcast().ok());
            taken
        };
        let sent = world.tape.as_mut().map(|tape| std::mem::take(&mut tape.found));
        Ok(Came {
            sent: sent.unwrap_or_default(),
            ending: match taken {
                Taken::Goes => TurnEnding::Goes,
                Taken::Stops => TurnEnding::Stops,
                Taken::Failed(error) => TurnEnding::Failed(error.to_string()),
                Taken::Panicked(text) => TurnEnding::Panicked(text),
                _ => TurnEnding::CutShort,
            },
            words_drawn: world.rehearsal.words_drawn(),
            state: world.rehearsal.actor().and_then(|actor| self.shape.state_hash(actor)),
        })
    }
}

/// The first difference between what came out in two worlds.
fn difference(expected: &Came, found: &Came) -> Option<Difference> {
    let outputs = expected.sent.len().max(found.sent.len());
    for at in 0..outputs {
        let (expected, found) = (expected.sent.get(at), found.sent.get(at));
        if expected != found {
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            let (expected, found) = (expected.cloned(), found.cloned());
            return Some(Difference::Output { number, expected, found });
        }
    }
    if expected.ending != found.ending {
        let (expected, found) = (expected.ending.clone(), found.ending.clone());
        return Some(Difference::Ending { expected, found });
    }
    if expected.words_drawn != found.words_drawn {
        let (expected, found) = (expected.words_drawn, found.words_drawn);
        return Some(Difference::Random { expected, found });
    }
    match (expected.state, found.state) {
        (Some(expected), Some(found)) if expected != found => {
            Some(Difference::State { expected, found })
        }
        _ => None,
    }
}

impl<A: Actor> fmt::Debug for Check<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("shape", &self.shape)
            .field("worlds", &self.worlds)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why a check did not pass.
#[derive(Debug)]
#[non_exhaustive]
pub enum CheckError {
    /// A turn came out differently in two worlds.
    NonDeterminism(Box<NonDeterminism>),
    /// An input cannot be encoded, or not decoded again.
    Input(CodecError),
    /// A world could not be built.
    Stage(BuildError),
    /// The handler took the tape away; nothing in this crate does.
    Lost,
}

impl CheckError {
    /// The turn that came out differently, if that was it.
    #[must_use]
    pub fn non_determinism(&self) -> Option<&NonDeterminism> {
        match self {
            Self::NonDeterminism(found) => Some(found),
            _ => None,
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonDeterminism(found) => fmt::Display::fmt(found, f),
            Self::Input(_) => f.write_str("an input cannot be encoded and decoded again"),
            Self::Stage(_) => f.write_str("the world of the check could not be built"),
            Self::Lost => f.write_str("the tape of the check was taken away"),
        }
    }
}

impl Error for CheckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Input(error) => Some(error),
            Self::Stage(error) => Some(error),
            _ => None,
        }
    }
}
