//! Everything starts and stops once: run under valgrind, and with `panic = "abort"`.
//!
//! `smoke small` works, lets actors fail and panic, with a supervisor and without, and shuts down. `smoke abort` is for a build with
//! `panic = "abort"`: it works without a panic, and checks that a panic then ends the process.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use std::env;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};

use steadfast::prelude::{
    Actor, ActorRef, ChildSpec, Cx, ExitReason, Flow, Reply, RootSupervisor, Supervisor, System,
};
use steadfast::supervision::Backoff;

/// Actors that work beside the one that fails.
const COUNTERS: u64 = 16;
/// Messages for each of them.
const MESSAGES: u64 = 100;

fn main() -> Result<ExitCode> {
    match env::args().nth(1).as_deref() {
        Some("small") => {
            work(!cfg!(panic = "abort"))?;
            println!("smoke: all worked, failed and stopped as told");
        }
        Some("abort") => {
            ensure!(cfg!(panic = "abort"), "this is a build with `panic = \"unwind\"`");
            work(false)?;
            dies_of_a_panic()?;
            println!("smoke: a panic ends the process, and all else works");
        }
        // The child of `abort`: it must not come to its end.
        Some("panic") => work(true)?,
        _ => bail!("say `small` or `abort`"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Counters count beside an actor that may panic; then the system is shut down.
fn work(with_panic: bool) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let system = System::builder("smoke").build()?;
        let mut counters = Vec::new();
        for number in 0..COUNTERS {
            counters.push(system.spawn(&format!("counter-{number}"), Counter::default).await?);
        }
        let fragile = system.spawn("fragile", Counter::default).await?;
        count(&counters, 0).await?;
        if with_panic {
            fragile.tell(Msg::Panic).await?;
            let reason = fragile.stopped().await;
            ensure!(matches!(reason, ExitReason::Panic(_)), "ended with {reason:?}");
        }
        count(&counters, MESSAGES).await?;
        supervise(&system, with_panic).await?;
        system.shutdown().await;
        ensure!(system.actor_count() == 0, "{} actors are left", system.actor_count());
        Ok(())
    })
}

/// A supervised counter comes back after an error, and after a panic where there may be one.
async fn supervise(system: &System, with_panic: bool) -> Result<()> {
    let spec = || ChildSpec::new("counter", Counter::default).backoff(Backoff::none());
    let inner = Supervisor::one_for_one().child(spec());
    let outer = Supervisor::rest_for_one().child(spec()).child(ChildSpec::supervisor("in", inner));
    let root = RootSupervisor::of(outer).start(system, "root").await?;
    let counter = system.lookup("/smoke/root/in/counter").context("no such counter")?;
    let fatal = [Some(Msg::Fail), with_panic.then_some(Msg::Panic)];
    let mut failures = 0;
    for message in fatal.into_iter().flatten() {
        failures += 1;
        counter.tell(Msg::Add(1)).await?;
        counter.tell(message).await?;
        let sum = counter.ask(Msg::Sum).await?;
        ensure!(sum == 0, "a new incarnation counted {sum}");
    }
    let kept = root.error_history().len();
    ensure!(kept == failures, "{kept} failures are kept");
    Ok(())
}

/// Sends to all, then asks all.
async fn count(counters: &[ActorRef<Msg>], already: u64) -> Result<()> {
    for counter in counters {
        for _ in 0..MESSAGES {
            counter.tell(Msg::Add(1)).await?;
        }
    }
    for counter in counters {
        let sum = counter.ask(Msg::Sum).await?;
        ensure!(sum == already + MESSAGES, "counted {sum}");
    }
    Ok(())
}

/// Starts this program again with a panic in it.
fn dies_of_a_panic() -> Result<()> {
    let mut child = Command::new(env::current_exe()?);
    let status = child.arg("panic").stderr(Stdio::null()).status()?;
    ensure!(status.code().is_none(), "expected an abort, not {status}");
    Ok(())
}

#[derive(Debug, Default)]
struct Counter {
    sum: u64,
}

#[derive(Debug)]
enum Msg {
    Add(u64),
    Sum(Reply<u64>),
    Fail,
    Panic,
}

impl Actor for Counter {
    type Msg = Msg;
    type Error = anyhow::Error;

    async fn handle(&mut self, msg: Msg, _cx: &mut Cx<Self>) -> Result<Flow> {
        match msg {
            Msg::Add(number) => self.sum += number,
            Msg::Sum(reply) => reply.send(self.sum),
            Msg::Fail => bail!("as told"),
            Msg::Panic => fail(),
        }
        Ok(Flow::Continue)
    }
}

#[expect(clippy::panic, reason = "this program shows what a panic does")]
fn fail() {
    panic!("as told");
}
