//! A system in virtual time on one thread, and actors that do what they are told.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast_actor_core::{
    Actor, ActorRef, Cx, ExitReason, Failure, Flow, Reply, Signal, Started, System,
};
use steadfast_base::{Instant, Seed, VirtualClock};

/// Polls that everything which can go on is given before the clock moves.
const SETTLE: usize = 64;

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A system in virtual time.
pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) clock: VirtualClock,
    pub(crate) log: Log,
    /// How children of a name start, in turn; they start well when it runs out.
    pub(crate) starts: Arc<Mutex<BTreeMap<String, Vec<Start>>>>,
}

/// How one start goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Well,
    Ignore,
    Fail,
    Panic,
    Hang,
}

impl World {
    /// Runs a test on a thread of its own runtime.
    pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self::expect_panics();
        let clock = VirtualClock::new();
        let system = System::builder("test")
            .time(clock.time())
            .seed(Seed::new(7))
            .runtime(runtime.handle().clone())
            .build()
            .unwrap();
        let world = World { system, clock, log: Log::default(), starts: Arc::default() };
        runtime.block_on(test(world));
    }

    /// Runs a test in real time on two threads.
    pub(crate) fn on_threads<F>(test: impl FnOnce(System) -> F)
    where
        F: Future<Output = ()>,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self::expect_panics();
        let system = System::builder("test").runtime(runtime.handle().clone()).build().unwrap();
        runtime.block_on(test(system));
    }

    /// Keeps the panics of workers off the output of the test.
    fn expect_panics() {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload_as_str().is_some_and(|text| text.starts_with("test:")) {
                report(info);
            }
        }));
    }

    /// Lets everything run that does not wait for time.
    pub(crate) async fn settle(&self) {
        for _ in 0..SETTLE {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass; every timer fires at its instant.
    pub(crate) async fn pass(&self, time: Duration) {
        self.settle().await;
        let end = self.now() + time;
        while let Some(at) = self.clock.next_wakeup().filter(|at| *at <= end) {
            self.clock.advance_to(at);
            self.settle().await;
        }
        self.clock.advance_to(end);
        self.settle().await;
    }

    /// Waits for a future, letting time pass where nothing else can.
    pub(crate) async fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        for _ in 0..100_000 {
            for _ in 0..SETTLE {
                tokio::select! {
                    biased;
                    done = &mut future => return done,
                    () = tokio::task::yield_now() => {}
                }
            }
            assert!(self.clock.advance_to_next(), "nothing is going to happen any more");
        }
        panic!("it does not come to an end");
    }

    pub(crate) fn now(&self) -> Instant {
        self.system.time().now()
    }

    pub(crate) fn starts(&self, name: &str, starts: &[Start]) {
        self.starts.lock().unwrap().insert(name.to_owned(), starts.to_vec());
    }

    /// A factory of workers that log under this name.
    pub(crate) fn worker(
        &self,
        name: &str,
    ) -> impl FnMut() -> Worker + Clone + Send + Sync + 'static {
        let (name, log, starts) = (name.to_owned(), self.log.clone(), Arc::clone(&self.starts));
        move || {
            let mut starts = starts.lock().unwrap();
            let start = match starts.get_mut(&name) {
                Some(starts) if !starts.is_empty() => starts.remove(0),
                _ => Start::Well,
            };
            Worker { start, ..Worker::new(&name, &log) }
        }
    }
}

/// An actor that does what it is told.
pub(crate) struct Worker {
    name: String,
    log: Log,
    start: Start,
    count: u64,
    slow_stop: bool,
    kept: Vec<Reply<u64>>,
}

impl Worker {
    pub(crate) fn new(name: &str, log: &Log) -> Self {
        let (name, log) = (name.to_owned(), log.clone());
        Self { name, log, start: Start::Well, count: 0, slow_stop: false, kept: Vec::new() }
    }
}

/// What a worker can be told.
#[derive(Debug)]
pub(crate) enum Do {
    /// Count one up.
    Add,
    /// Say the count.
    Count(Reply<u64>),
    /// Say which incarnation it is.
    Incarnation(Reply<u32>),
    /// Keep the reply in the state.
    Keep(Reply<u64>),
    /// Never answer, but keep the reply until the end of the handler, which fails.
    AskAndPanic(Reply<u64>),
    /// Log a number.
    Note(u64),
    Panic,
    Fail,
    Stop,
    /// Await for ever in the handler.
    Hang,
    /// Await for ever when told to stop.
    HangOnStop,
    /// Report an error without ending.
    Report,
    /// Start a child under this name.
    Spawn(&'static str),
    /// Say how many children there are.
    Children(Reply<usize>),
    /// Set a timer that logs.
    Timer(Duration),
    /// Watch another worker.
    Watch(ActorRef<Do>),
}

#[derive(Debug)]
pub(crate) struct Trouble(pub &'static str);

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Trouble {}

impl Actor for Worker {
    type Msg = Do;
    type Error = Trouble;

    async fn started(&mut self, _: &mut Cx<Self>) -> Result<Started, Trouble> {
        match self.start {
            Start::Well => {
                self.log.add(format!("+{}", self.name));
                Ok(Started::Running)
            }
            Start::Ignore => Ok(Started::Ignore),
            Start::Fail => Err(Trouble("no start")),
            Start::Panic => panic!("test: no start"),
            Start::Hang => pending().await,
        }
    }

    async fn handle(&mut self, message: Do, cx: &mut Cx<Self>) -> Result<Flow, Trouble> {
        match message {
            Do::Add => self.count += 1,
            Do::Count(reply) => reply.send(self.count),
            Do::Incarnation(reply) => reply.send(cx.incarnation()),
            Do::Keep(reply) => self.kept.push(reply),
            Do::AskAndPanic(reply) => {
                let _held = reply;
                panic!("test: told to");
            }
            Do::Panic => panic!("test: told to"),
            Do::Note(number) => self.log.add(format!("{} {number}", self.name)),
            Do::Fail => return Err(Trouble("told to")),
            Do::Stop => return Ok(Flow::Stop),
            Do::Hang => pending().await,
            Do::HangOnStop => self.slow_stop = true,
            Do::Report => {
                let failure = Failure::from_error(cx.timestamp(), &cx.path(), Trouble("seen"));
                assert!(cx.report_error(failure));
            }
            Do::Spawn(name) => {
                let log = self.log.clone();
                let child = move || Worker::new(name, &log);
                drop(cx.spawn(name, child).detach().unwrap());
            }
            Do::Children(reply) => reply.send(cx.children().len()),
            Do::Timer(delay) => cx.once("note", delay, Do::Note(99)).unwrap(),
            Do::Watch(other) => cx.watch_with(&other, Do::Note(77)),
        }
        Ok(Flow::Continue)
    }

    async fn restarting(&mut self, _: &Failure, _: &mut Cx<Self>) {
        self.log.add(format!("~{}", self.name));
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Cx<Self>) {
        if self.slow_stop {
            pending::<()>().await;
        }
        self.log.add(format!("-{} {}", self.name, reason.name()));
    }

    async fn signal(&mut self, signal: Signal, _: &mut Cx<Self>) -> Result<Flow, Trouble> {
        self.log.add(format!("{} {signal:?}", self.name));
        Ok(Flow::Continue)
    }
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
