//! Continuous faults for a while: nothing may grow.

use std::{
    fs,
    time::{Duration, Instant},
};

use steadfast_actor_core::{ActorRef, Cx, Overflow, Reply, System};
use steadfast_base::{Seed, Stream};

use crate::common::*;

/// Seconds that the soak runs: `STEADFAST_SOAK_SECONDS`, else 10.
fn soak_seconds() -> u64 {
    std::env::var("STEADFAST_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

#[derive(Clone, Copy, Debug)]
struct Usage {
    rss_kib: u64,
    files: usize,
    alive_tasks: usize,
}

fn usage(runtime: &tokio::runtime::Runtime) -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let rss = rss.and_then(|rest| rest.trim().split(' ').next()?.parse().ok());
    Usage {
        rss_kib: rss.unwrap_or(0),
        files: fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
        alive_tasks: runtime.metrics().num_alive_tasks(),
    }
}

/// One message, or one blow. Asks of an actor that hangs or is gone wait a millisecond.
async fn fault(worker: &ActorRef<Msg>, dice: &mut Stream) {
    match dice.below(40) {
        0..6 => drop(worker.tell(Msg::Panic).now()),
        6 => worker.kill(),
        7 => drop(worker.tell(Msg::Fail).now()),
        8..12 => drop(worker.ask(|reply| Msg::Ask(1, reply)).within(ms(1)).await),
        12 => drop(worker.ask(Msg::PanicOn).within(ms(1)).await),
        13 => drop(worker.ask(Msg::Lose).within(ms(1)).await),
        14..18 => drop(worker.tell(act(|_, cx| be_busy(cx))).now()),
        18 => drop(worker.tell(awaiting(std::future::pending())).now()),
        19 => {
            let stop = |reply: Reply<u32>| {
                act(move |_, cx| {
                    cx.stop();
                    drop(reply);
                })
            };
            drop(worker.ask(stop).within(ms(1)).await);
        }
        20 => worker.drain(),
        _ => drop(worker.tell(Msg::Note(4)).now()),
    }
}

/// Starts all that an actor may leave behind.
fn be_busy(cx: &mut Cx<Worker>) {
    drop(cx.once("t", SECOND, Msg::Note(1)));
    drop(cx.pipe_to_self(async {}, |()| Msg::Note(2)));
    drop(cx.pipe_to_self(std::future::pending::<()>(), |()| Msg::Note(2)));
    drop(cx.stash(Msg::Note(3)));
    cx.watch(&cx.me());
    drop(cx.spawn("kid", Worker::maker("kid", &Log::default())).detach());
}

/// A generation of actors that are told, asked, failed, killed and stopped at random.
async fn generation(system: &System, dice: &mut Stream, log: &Log) {
    let mut workers = Vec::new();
    for number in 0..50 {
        let overflow = match number % 4 {
            0 => Overflow::default(),
            1 => Overflow::Reject,
            2 => Overflow::DropNewest,
            _ => Overflow::DropOldest,
        };
        let spawn = system.spawn(&format!("w{number}"), Worker::maker("w", log)).capacity(4);
        workers.push(spawn.overflow(overflow).await.expect("its name is free again"));
    }
    for _ in 0..600 {
        let Some(worker) = dice.pick(&workers) else { return };
        fault(worker, dice).await;
    }
    for worker in &workers {
        worker.kill();
    }
    for worker in workers {
        let ended = system.time().timeout(10 * SECOND, worker.stopped()).await;
        assert!(ended.is_ok(), "{worker:?} does not end: {:?}", worker.handle());
    }
    log.take();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a soak takes real time")]
fn continuous_faults_grow_neither_memory_nor_tasks_nor_files() {
    // The panics of the faults would flood the output; nobody else reads this process's hook.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let seed = Seed::new(11);
    let builder = System::builder("soak").runtime(runtime.handle().clone()).seed(seed);
    let system = builder.build().unwrap();
    let (mut dice, log) = (seed.stream("soak"), Log::default());
    let length = Duration::from_secs(soak_seconds());
    let began = Instant::now();
    let mut warm = None;
    let mut generations = 0_u32;
    while began.elapsed() < length || generations < 20 {
        runtime.block_on(generation(&system, &mut dice, &log));
        generations += 1;
        if warm.is_none() && (began.elapsed() > length / 4 && generations >= 5) {
            warm = Some(usage(&runtime));
        }
    }
    drop(std::panic::take_hook());
    let warm = warm.unwrap_or_else(|| usage(&runtime));
    let report = runtime.block_on(system.shutdown());
    let end = usage(&runtime);
    assert_eq!((report.stuck, system.actor_count(), system.task_count()), (0, 0, 0));
    let grown = end.rss_kib.saturating_sub(warm.rss_kib);
    assert!(
        grown <= 4 * 1024 + warm.rss_kib / 10,
        "{generations} generations: {warm:?} to {end:?}"
    );
    assert_eq!(end.files, warm.files, "{warm:?} to {end:?}");
    assert!(end.alive_tasks <= warm.alive_tasks.max(2), "{warm:?} to {end:?}");
}
