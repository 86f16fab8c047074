//! The supervisor as an actor: signals of its children drive the machine, effects are performed.

mod answers;
mod born;
mod commands;
mod effects;
mod events;
mod life;
mod permits;
mod reasons;
mod report;
mod request;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use steadfast_actor_core::{
    Actor, ActorHandle, ChildStage, Cx, EndWith, ExitReason, Flow, Overflow, ROOM_WAIT_DEFAULT,
    Signal, StartError, Started,
};
use steadfast_base::{ActorId, Instant, Sink};

use self::life::Patience;
pub(crate) use self::request::{
    Argument, DoneReply, Launcher, Newborn, Pending, Request, StartReply, Together,
};
use self::table::Table;
use crate::root::Root;
use crate::spec::{LaunchOnce, Mailbox};
use crate::{
    ChildKey, ChildSpec, Effect, Faults, Input, Outcome, Strategy, Supervisor, SupervisorCore,
};

/// What a supervisor hands down to those below it.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    pub(crate) sink: Option<Arc<dyn Sink>>,
    pub(crate) root: Option<Arc<Root>>,
}

/// The actor behind a [`SupervisorRef`](crate::SupervisorRef).
pub(crate) struct SupervisorActor {
    core: SupervisorCore,
    spec: Arc<Supervisor>,
    tree: Tree,
    table: Table,
    /// Specs of static children by slot; stays empty for dynamic ones.
    specs: Vec<Option<Arc<ChildSpec>>>,
    /// The last failures of children that had any.
    histories: BTreeMap<ChildKey, VecDeque<ExitReason>>,
    pending: HashMap<u64, Pending, IdHash>,
    commands: u64,
    inputs: VecDeque<Input>,
    effects: Vec<Effect>,
    /// The child whose last incarnation is to be ended, unless its start comes in the same step.
    renewing: Option<ChildKey>,
    /// The launcher of the dynamic child that is just being added.
    launching: Option<(ChildKey, LaunchOnce)>,
    /// Children whose start waits until an actor has let go of their name.
    delayed: Vec<(ActorId, ChildKey, Option<LaunchOnce>)>,
    /// Why the last start failed, for those who asked for it.
    start_error: Option<(ChildKey, StartError)>,
    /// The child that is just being taken in.
    newborn: Option<Newborn>,
    /// The keys of children that were started before this supervisor knew of them.
    born: HashMap<ActorId, ChildKey, IdHash>,
    /// What such children told before they were taken in.
    early: HashMap<ActorId, Vec<ChildStage>, IdHash>,
    ready: bool,
    outcome: Option<Outcome>,
    patience: Option<Patience>,
    armed: Option<Instant>,
    /// Children that wait for a permit of the root.
    asked: BTreeSet<ChildKey>,
    /// This incarnation, known from its start on.
    me: Option<(ActorHandle, u32)>,
    is_root: bool,
    /// Why a root ended, for the system.
    last_words: Option<ExitReason>,
}

impl SupervisorActor {
    /// The mailbox of a supervisor: callers wait for room whatever the system's default is.
    pub(crate) const MAILBOX: Mailbox =
        Mailbox { capacity: Some(1_024), overflow: Some(Overflow::Wait(ROOM_WAIT_DEFAULT)) };

    /// The factory of all incarnations of a supervisor.
    pub(crate) fn factory(
        supervisor: &Arc<Supervisor>,
        above: &Tree,
    ) -> impl FnMut() -> Result<Self, Faults> + Clone + Send + Sync + 'static {
        let (supervisor, above) = (Arc::clone(supervisor), above.clone());
        move || Self::new(Arc::clone(&supervisor), &above)
    }

    /// As [`factory`](Self::factory), for the top of a system.
    pub(crate) fn root_factory(
        supervisor: &Arc<Supervisor>,
        tree: &Tree,
    ) -> impl FnMut() -> Result<Self, Faults> + Clone + Send + Sync + 'static {
        let make = Self::factory(supervisor, tree);
        move || {
            let mut make = make.clone();
            let mut root = make()?;
            root.is_root = true;
            Ok(root)
        }
    }

    fn new(spec: Arc<Supervisor>, above: &Tree) -> Result<Self, Faults> {
        let mut core = SupervisorCore::new(spec.plan())?;
        if above.root.is_some() {
            core = core.with_permits();
        }
        let mut specs = Vec::new();
        for child in &spec.children {
            if let Some(key) = core.find(child.name()) {
                put(&mut specs, key, Arc::new(child.clone()));
            }
        }
        let dynamic = core.rules().strategy == Strategy::Dynamic;
        let table = if dynamic { Table::with_nest() } else { Table::default() };
        let sink = spec.sink.clone().or_else(|| above.sink.clone());
        let tree = Tree { sink, root: above.root.clone() };
        Ok(Self {
            core,
            spec,
            tree,
            table,
            specs,
            histories: BTreeMap::new(),
            pending: HashMap::default(),
            commands: 0,
            inputs: VecDeque::new(),
            effects: Vec::new(),
            renewing: None,
            launching: None,
            delayed: Vec::new(),
            start_error: None,
            newborn: None,
            born: HashMap::default(),
            early: HashMap::default(),
            ready: false,
            outcome: None,
            patience: None,
            armed: None,
            asked: BTreeSet::new(),
            me: None,
            is_root: false,
            last_words: None,
        })
    }

    /// Takes one input and performs everything that follows from it.
    fn feed(&mut self, input: Input, cx: &mut Cx<Self>) {
        self.inputs.push_back(input);
        self.run(cx);
    }

    fn run(&mut self, cx: &mut Cx<Self>) {
        let now = cx.now();
        while let Some(input) = self.inputs.pop_front() {
            let mut effects = std::mem::take(&mut self.effects);
            self.core.step(now, input, &mut effects);
            for effect in effects.drain(..) {
                self.perform(effect, cx);
            }
            self.effects = effects;
        }
        self.renew_waiting();
    }

    fn me(cx: &Cx<Self>) -> ActorHandle {
        cx.me().handle()
    }

    fn spec_of(&self, child: ChildKey) -> Option<&Arc<ChildSpec>> {
        self.specs.get(child.slot as usize)?.as_ref()
    }
}

/// Hashes actor ids and command ids: they are counted up, so a multiplication spreads them enough.
#[derive(Clone, Copy, Default)]
struct IdHash;

struct IdHasher(u64);

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(0)
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // The golden ratio of 2^64 (Knuth, The Art of Computer Programming 3, 6.4).
        self.0 = (self.0 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }
}

/// Puts a spec into the place of its child.
fn put(specs: &mut Vec<Option<Arc<ChildSpec>>>, child: ChildKey, spec: Arc<ChildSpec>) {
    let slot = child.slot as usize;
    if slot >= specs.len() {
        specs.resize(slot + 1, None);
    }
    if let Some(place) = specs.get_mut(slot) {
        *place = Some(spec);
    }
}

impl Actor for SupervisorActor {
    type Msg = Request;
    type Error = EndWith;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, EndWith> {
        self.table.set_wards(cx.wards());
        self.me = Some((Self::me(cx), cx.incarnation()));
        if let Some(root) = self.tree.root.as_ref().filter(|_| self.is_root) {
            root.set_actor(Self::me(cx));
        }
        self.set_nest_parts(cx);
        self.feed(Input::Start, cx);
        while !self.ready {
            if self.is_over(cx) {
                return match self.outcome {
                    // The order to stop is still there, and is next.
                    Some(Outcome::Stopped) => Ok(Started::Running),
                    _ => Err(EndWith(self.end_reason(cx))),
                };
            }
            let stoppable = self.outcome.is_none() && self.core.is_booting();
            if self.wait(cx, stoppable).await {
                self.feed(Input::Stop, cx);
            }
        }
        self.settle(cx);
        Ok(Started::Running)
    }

    async fn handle(&mut self, request: Request, cx: &mut Cx<Self>) -> Result<Flow, EndWith> {
        self.look_into_nest(cx);
        self.serve(request, cx);
        self.settle(cx);
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, signal: Signal, cx: &mut Cx<Self>) -> Result<Flow, EndWith> {
        if let Signal::Child(event) = signal {
            self.look_into_nest(cx);
            self.on_child(event, cx);
            self.settle(cx);
        }
        Ok(Flow::Continue)
    }

    async fn stopped(&mut self, reason: &ExitReason, cx: &mut Cx<Self>) {
        if self.outcome.is_some() && self.last_words.is_some() {
            return;
        }
        self.look_into_nest(cx);
        self.feed(Input::Stop, cx);
        self.tend_nest();
        while !self.is_over(cx) {
            self.wait(cx, false).await;
        }
        self.say_last_words(reason, cx);
    }
}
