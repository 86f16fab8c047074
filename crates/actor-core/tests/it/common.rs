//! The actors that most tests use.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use steadfast_actor_core::{
    Actor, ActorHandle, ActorRef, ChildStage, Cx, ExitReason, Failure, Flow, Order, Reply, Signal,
    Started, testkit::TestSystem,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What happened, over all incarnations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }
}

type Act = Box<dyn FnOnce(&mut Worker, &mut Cx<Worker>) -> Flow + Send>;
type Later = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) enum Msg {
    /// Logs the number.
    Note(u32),
    /// Logs the number, and says so.
    Ask(u32, Reply<u32>),
    /// All numbers that this incarnation got.
    Seen(Reply<Vec<u32>>),
    /// Drops the reply.
    Lose(Reply<u32>),
    Panic,
    /// Panics while it holds the reply.
    PanicOn(Reply<u32>),
    Fail,
    Stop,
    /// Runs inside the actor.
    Act(Act),
    /// Awaits inside the handler.
    Await(Later),
}

impl fmt::Debug for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(number) => write!(f, "Note({number})"),
            Self::Ask(number, _) => write!(f, "Ask({number})"),
            Self::Seen(_) => f.write_str("Seen"),
            Self::Lose(_) => f.write_str("Lose"),
            Self::Panic | Self::PanicOn(_) => f.write_str("Panic"),
            Self::Fail => f.write_str("Fail"),
            Self::Stop => f.write_str("Stop"),
            Self::Act(_) => f.write_str("Act"),
            Self::Await(_) => f.write_str("Await"),
        }
    }
}

impl From<u32> for Msg {
    fn from(number: u32) -> Self {
        Self::Note(number)
    }
}

pub(crate) fn act(act: impl FnOnce(&mut Worker, &mut Cx<Worker>) + Send + 'static) -> Msg {
    Msg::Act(Box::new(move |worker, cx| {
        act(worker, cx);
        Flow::Continue
    }))
}

pub(crate) fn awaiting(later: impl Future<Output = ()> + Send + 'static) -> Msg {
    Msg::Await(Box::pin(later))
}

/// Logs all that it goes through under its name.
pub(crate) struct Worker {
    pub(crate) log: Log,
    pub(crate) name: &'static str,
    pub(crate) seen: Vec<u32>,
}

impl Worker {
    pub(crate) fn new(name: &'static str, log: &Log) -> Self {
        Self { log: log.clone(), name, seen: Vec::new() }
    }

    /// A factory of workers.
    pub(crate) fn maker(name: &'static str, log: &Log) -> impl FnMut() -> Self + Send + 'static {
        let log = log.clone();
        move || Self::new(name, &log)
    }

    fn say(&self, what: impl fmt::Display) {
        self.log.add(format!("{} {what}", self.name));
    }
}

#[derive(Debug)]
pub(crate) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl Actor for Worker {
    type Msg = Msg;
    type Error = Broken;

    async fn handle(&mut self, msg: Msg, cx: &mut Cx<Self>) -> Result<Flow, Broken> {
        match msg {
            Msg::Note(number) => {
                self.say(number);
                self.seen.push(number);
            }
            Msg::Ask(number, reply) => {
                self.say(number);
                self.seen.push(number);
                reply.send(number);
            }
            Msg::Seen(reply) => reply.send(self.seen.clone()),
            Msg::Lose(reply) => drop(reply),
            Msg::Panic => panic!("asked to"),
            Msg::PanicOn(_reply) => panic!("asked to"),
            Msg::Fail => return Err(Broken),
            Msg::Stop => return Ok(Flow::Stop),
            Msg::Act(act) => return Ok(act(self, cx)),
            Msg::Await(later) => later.await,
        }
        Ok(Flow::Continue)
    }

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Broken> {
        self.say(format_args!("started {}", cx.incarnation()));
        Ok(Started::Running)
    }

    async fn restarting(&mut self, failure: &Failure, _: &mut Cx<Self>) {
        self.say(format_args!("restarting after {}", failure.message()));
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Cx<Self>) {
        self.say(format_args!("stopped {}", reason.name()));
    }

    async fn signal(&mut self, signal: Signal, _: &mut Cx<Self>) -> Result<Flow, Broken> {
        match signal {
            Signal::Terminated { path, reason, .. } => {
                self.say(format_args!("terminated {path} {}", reason.name()));
            }
            Signal::ChildExited { path, reason, .. } => {
                self.say(format_args!("child-exited {path} {}", reason.name()));
            }
            _ => self.say("signal"),
        }
        Ok(Flow::Continue)
    }
}

/// What the hand-made supervisor does about a child that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    Restart { delay: Duration, preserve: bool, keep_children: bool },
    Resume,
    Stop,
}

impl Plan {
    pub(crate) const RESTART: Self = Self::restart_after(Duration::ZERO);

    pub(crate) const fn restart_after(delay: Duration) -> Self {
        Self::Restart { delay, preserve: false, keep_children: false }
    }
}

/// The smallest supervisor: it does one and the same thing about every end but `Normal` and
/// `Shutdown`, which are final.
pub(crate) struct Boss {
    plan: Plan,
    log: Log,
    children: BTreeMap<u64, ActorHandle>,
}

pub(crate) enum BossMsg {
    Know(u64, ActorHandle, Reply<()>),
    Start(u64),
}

impl Boss {
    fn decide(&mut self, key: u64, reason: &ExitReason, cx: &mut Cx<Self>) {
        let Some(child) = self.children.get(&key) else { return };
        match self.plan {
            _ if !reason.is_failure() => child.stop_for_good(),
            Plan::Stop => child.stop_for_good(),
            Plan::Resume => child.order(Order::Resume),
            Plan::Restart { delay, preserve, keep_children } => {
                child.order(Order::Renew { preserve, keep_children });
                if delay.is_zero() {
                    child.order(Order::Start);
                } else {
                    drop(cx.once(key, delay, BossMsg::Start(key)));
                }
            }
        }
    }
}

impl Actor for Boss {
    type Msg = BossMsg;
    type Error = std::convert::Infallible;

    async fn handle(&mut self, msg: BossMsg, _: &mut Cx<Self>) -> Result<Flow, Self::Error> {
        match msg {
            BossMsg::Know(key, child, reply) => {
                self.children.insert(key, child);
                reply.send(());
            }
            BossMsg::Start(key) => self.children[&key].order(Order::Start),
        }
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, signal: Signal, cx: &mut Cx<Self>) -> Result<Flow, Self::Error> {
        let Signal::Child(event) = signal else { return Ok(Flow::Continue) };
        let key = event.key;
        match event.stage {
            ChildStage::Started => self.log.add(format!("boss: {key} started")),
            ChildStage::Ignored => self.log.add(format!("boss: {key} ignored")),
            ChildStage::StartFailed(reason) => {
                self.log.add(format!("boss: {key} start-failed {}", reason.name()));
                self.decide(key, &reason, cx);
            }
            ChildStage::Ended(reason) => {
                self.log.add(format!("boss: {key} ended {}", reason.name()));
                self.decide(key, &reason, cx);
            }
            ChildStage::Stopped(reason) => {
                self.log.add(format!("boss: {key} stopped {}", reason.name()));
            }
            ChildStage::Reported(failure) => {
                self.log.add(format!("boss: {key} reported {}", failure.message()));
            }
            _ => self.log.add("boss: what?"),
        }
        Ok(Flow::Continue)
    }

    async fn stopped(&mut self, _: &ExitReason, _: &mut Cx<Self>) {
        for child in self.children.values().rev() {
            child.stop_for_good();
            child.stopped().await;
        }
    }
}

/// A supervisor and one child `/test/boss/child` under it, a worker.
pub(crate) async fn family(test: &TestSystem, plan: Plan, log: &Log) -> ActorRef<Msg> {
    family_of(test, plan, log, |child| child).await.1
}

type ChildSpawn<F> = steadfast_actor_core::Spawn<Worker, F>;

/// As [`family`], with options for the child; gives the supervisor too.
pub(crate) async fn family_of(
    test: &TestSystem,
    plan: Plan,
    log: &Log,
    options: impl FnOnce(
        ChildSpawn<steadfast_actor_core::Plain<Maker>>,
    ) -> ChildSpawn<steadfast_actor_core::Plain<Maker>>,
) -> (ActorRef<BossMsg>, ActorRef<Msg>) {
    let boss = boss(test, plan, log).await;
    let maker: Maker = Box::new(Worker::maker("child", log));
    let child = options(test.spawn("child", maker).supervised_by(&boss.handle(), 1));
    let child = child.await.expect("the child starts");
    know(&boss, 1, &child.handle()).await;
    (boss, child)
}

type Maker = Box<dyn FnMut() -> Worker + Send>;

pub(crate) async fn boss(test: &TestSystem, plan: Plan, log: &Log) -> ActorRef<BossMsg> {
    let log = log.clone();
    let make = move || Boss { plan, log: log.clone(), children: BTreeMap::new() };
    test.spawn("boss", make).await.expect("the boss starts")
}

pub(crate) async fn know(boss: &ActorRef<BossMsg>, key: u64, child: &ActorHandle) {
    boss.ask(|reply| BossMsg::Know(key, child.clone(), reply)).await.expect("the boss answers");
}
