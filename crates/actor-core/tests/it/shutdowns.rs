//! The end of a system: phases, emergency, and what is left afterwards.

use std::{future::pending, sync::Arc, time::Duration};

use steadfast_actor_core::{
    ActorRef, BuildError, ExitReason, Overflow, Phase, PhaseError, System, testkit::TestSystem,
};
use steadfast_base::{Instant, VirtualClock};

use crate::common::*;

fn add_task(test: &System, phase: &str, log: &Log, hangs: bool) {
    let (log, line) = (log.clone(), format!("task in {phase}"));
    let task = move || async move {
        log.add(line);
        if hangs {
            pending::<()>().await;
        }
    };
    test.on_shutdown(phase, "task", task).unwrap();
}

/// The three phases of the system and two of the test's own.
fn five_phases(system: &System) {
    system.add_phase(Phase::new("drain").after("before-stop"), &["stop-actors"]).unwrap();
    system.add_phase(Phase::new("flush").after("after-stop").timeout(SECOND), &[]).unwrap();
}

#[test]
fn s45_a_phase_that_hangs_is_passed_over_and_a_second_call_is_the_same_shutdown() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        five_phases(&test);
        for phase in ["flush", "after-stop", "stop-actors", "drain", "before-stop"] {
            add_task(&test, phase, &log, phase == "drain");
        }
        test.on_shutdown("drain", "quick", || async {}).unwrap();
        let (report, again) = {
            let mut first = std::pin::pin!(test.shutdown());
            let begun = std::future::poll_fn(|task| {
                std::task::Poll::Ready(first.as_mut().poll(task).is_pending())
            });
            assert!(begun.await);
            let again = test.shutdown().await;
            (first.await, again)
        };
        assert_eq!(test.elapsed(), Duration::from_secs(5), "the time of one phase");
        let phases: Vec<_> = report.phases.iter().map(|phase| phase.phase.as_str()).collect();
        assert_eq!(phases, ["before-stop", "drain", "stop-actors", "after-stop", "flush"]);
        let late: Vec<_> = report.phases.iter().map(|phase| phase.late.len()).collect();
        assert_eq!(late, [0, 1, 0, 0, 0]);
        assert_eq!(report.phases[1].late, ["task"], "the hanging one, not the quick one");
        assert_eq!(again.phases, report.phases, "the second call is no second shutdown");
        assert_eq!(
            log.lines(),
            [
                "a started 1",
                "task in before-stop",
                "task in drain",
                "task in stop-actors",
                "a stopped shutdown",
                "task in after-stop",
                "task in flush",
            ]
        );
        assert_eq!((report.killed, report.stuck), (0, 0));
        assert_eq!(report.reason.name(), "shutdown");
        assert!(actor.exit_reason().is_some());
        assert_eq!((test.actor_count(), test.task_count()), (0, 0));
        assert_eq!(test.shutdown().await.phases, report.phases);
        assert_eq!(test.system().run().await.name(), "shutdown");
    });
}

#[test]
fn a_phase_may_abort_the_rest_when_it_is_late_and_actors_stop_all_the_same() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let strict = Phase::new("strict").timeout(SECOND).abort_on_timeout();
        test.add_phase(strict, &["before-stop"]).unwrap();
        for phase in ["strict", "before-stop", "after-stop"] {
            add_task(&test, phase, &log, phase == "strict");
        }
        let report = test.shutdown().await;
        let skipped: Vec<_> = report
            .phases
            .iter()
            .filter(|phase| phase.skipped)
            .map(|phase| phase.phase.as_str())
            .collect();
        assert_eq!(skipped, ["before-stop", "after-stop"]);
        assert_eq!(log.lines(), ["a started 1", "task in strict", "a stopped shutdown"]);
    });
}

#[test]
fn bad_phases_are_refused() {
    let test = TestSystem::new();
    let known = test.add_phase(Phase::new("before-stop"), &[]);
    assert_eq!(known, Err(PhaseError::Exists("before-stop".into())));
    let unknown = test.add_phase(Phase::new("a").after("nowhere"), &[]);
    assert_eq!(unknown, Err(PhaseError::Unknown("nowhere".into())));
    let cycle = test.add_phase(Phase::new("a").after("after-stop"), &["before-stop"]);
    assert!(matches!(cycle, Err(PhaseError::Cycle(_))), "{cycle:?}");
    let task = test.on_shutdown("nowhere", "task", || async {});
    assert_eq!(task, Err(PhaseError::Unknown("nowhere".into())));
    test.run(test.shutdown());
    assert_eq!(test.add_phase(Phase::new("late"), &[]), Err(PhaseError::Begun));
    let task = test.on_shutdown("after-stop", "task", || async {});
    assert_eq!(task, Err(PhaseError::Begun));
}

#[test]
fn a_task_that_panics_counts_as_late_and_stops_nothing() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.on_shutdown("before-stop", "bad", || async { panic!("bad task") }).unwrap();
    add_task(&test, "after-stop", &log, false);
    let report = test.run(test.shutdown());
    assert_eq!(report.phases[0].late, ["bad"]);
    assert_eq!(test.elapsed(), Duration::ZERO);
    assert_eq!(log.lines(), ["task in after-stop"]);
}

#[test]
fn tasks_beside_the_end_of_the_actors_do_not_make_their_phase_last_longer() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let stuck = test.spawn("stuck", Worker::maker("stuck", &log)).await.unwrap();
        stuck.tell(awaiting(pending())).await.unwrap();
        add_task(&test, "stop-actors", &log, true);
        test.settle().await;
        let report = test.shutdown().await;
        assert_eq!(test.elapsed(), Duration::from_secs(5), "the time of one phase, once");
        assert_eq!((report.killed, report.stuck), (1, 0));
        assert_eq!(report.phases[1].late, ["task", "1 actors were killed"]);
        assert_eq!(test.actor_count(), 0);
    });
}

#[test]
fn actors_that_do_not_stop_in_their_phase_are_killed() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let stuck = test.spawn("stuck", Worker::maker("stuck", &log)).await.unwrap();
        stuck.tell(awaiting(pending())).await.unwrap();
        test.settle().await;
        let report = test.shutdown().await;
        assert_eq!((report.killed, report.stuck), (1, 0));
        assert_eq!(stuck.exit_reason().unwrap().name(), "killed");
        assert_eq!(test.elapsed(), Duration::from_secs(5));
        assert_eq!(test.actor_count(), 0);
    });
}

#[test]
fn an_emergency_stop_kills_all_at_once_without_hooks() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let mut actors: Vec<ActorRef<Msg>> = Vec::new();
        for name in ["a", "b", "c"] {
            let actor = test.spawn(name, Worker::maker(name, &log)).await.unwrap();
            actor.tell(awaiting(pending())).await.unwrap();
            actors.push(actor);
        }
        actors[0].suspend();
        add_task(&test, "before-stop", &log, true);
        test.settle().await;
        log.take();
        let report = test.emergency_stop().await;
        assert!(test.elapsed() <= SECOND, "{:?}", test.elapsed());
        assert_eq!((report.killed, report.stuck), (3, 0));
        assert_eq!(log.lines(), [""; 0]);
        assert!(actors.iter().all(|actor| actor.exit_reason().unwrap().name() == "killed"));
        assert_eq!((test.actor_count(), test.task_count()), (0, 0));
        assert_eq!(test.system().run().await.name(), "killed");
    });
}

#[test]
fn an_emergency_stop_during_an_ordered_shutdown_ends_it_within_a_second() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.tell(awaiting(pending())).await.unwrap();
        add_task(&test, "before-stop", &log, true);
        add_task(&test, "after-stop", &log, true);
        test.begin_shutdown(ExitReason::Shutdown);
        test.settle().await;
        let report = test.emergency_stop().await;
        assert!(test.elapsed() <= SECOND, "{:?}", test.elapsed());
        assert_eq!(report.stuck, 0);
        assert_eq!((test.actor_count(), test.task_count()), (0, 0));
    });
}

#[test]
fn an_emergency_stop_is_over_within_a_second_whatever_blocks_its_thread() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let clock = VirtualClock::new();
    let system = System::builder("test").time(clock.time()).runtime(runtime.handle().clone());
    let system = system.build().unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(std::sync::Mutex::new(released));
    let (tell, told) = std::sync::mpsc::channel();
    let block = move || {
        tell.send(()).unwrap();
        let _over = released.lock().unwrap().recv();
    };
    let (in_actor, in_task) = (block.clone(), block);
    let actor = system.spawn("a", Worker::maker("a", &Log::default())).detach().unwrap();
    actor.tell(act(move |_, _| in_actor())).now().unwrap();
    drop(system.spawn_task(async move { in_task() }));
    told.recv().unwrap();
    told.recv().unwrap();
    let stopping = system.clone();
    let stopped = std::thread::spawn(move || {
        let watcher = tokio::runtime::Builder::new_current_thread().build().unwrap();
        watcher.block_on(stopping.emergency_stop())
    });
    while !stopped.is_finished() {
        clock.advance_to_next();
        std::thread::yield_now();
    }
    assert!(clock.time().now() < Instant::ZERO + SECOND, "{:?}", clock.time().now());
    assert_eq!(stopped.join().unwrap().stuck, 1);
    drop(release);
}

#[test]
fn an_emergency_stop_goes_on_when_its_future_is_dropped() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.tell(awaiting(pending())).await.unwrap();
        test.settle().await;
        {
            let mut stop = std::pin::pin!(test.emergency_stop());
            std::future::poll_fn(|task| {
                std::task::Poll::Ready(stop.as_mut().poll(task).is_ready())
            })
            .await;
        }
        assert_eq!(test.system().run().await.name(), "killed");
    });
}

#[test]
fn nothing_is_left_running_after_a_shutdown() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = VirtualClock::new();
    let builder = System::builder("clean").runtime(runtime.handle().clone()).time(clock.time());
    let system = builder.build().unwrap();
    runtime.block_on(async {
        for name in ["a", "b"] {
            let actor = system.spawn(name, Worker::maker(name, &log)).await.unwrap();
            let inner = log.clone();
            let busy = act(move |_, cx| {
                drop(cx.spawn("kid", Worker::maker("kid", &inner)).detach().unwrap());
                assert!(cx.pipe_to_self(pending::<()>(), |()| Msg::Note(1)).is_ok());
                cx.every("tick", SECOND, || Msg::Note(2)).unwrap();
            });
            actor.tell(busy).await.unwrap();
            actor.ask(Msg::Seen).await.unwrap();
        }
        drop(system.spawn_task(pending()));
        assert_eq!(system.actor_count(), 4);
        system.shutdown().await;
        assert_eq!((system.actor_count(), system.task_count()), (0, 0));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    assert_eq!(clock.pending(), 0, "no wait is left on the clock");
    let late = system.spawn_task(pending());
    runtime.block_on(async { tokio::task::yield_now().await });
    assert!(late.is_finished(), "a task that comes too late is aborted");
}

#[test]
fn two_systems_in_one_runtime_share_nothing() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (left, right) =
            (System::builder("left").build().unwrap(), System::builder("right").build().unwrap());
        let a = left.spawn("a", Worker::maker("left", &log)).await.unwrap();
        let b = right.spawn("a", Worker::maker("right", &log)).await.unwrap();
        assert_eq!((&*a.path(), &*b.path()), ("/left/a", "/right/a"));
        assert!(left.lookup_handle("/right/a").is_none());
        left.emergency_stop().await;
        assert!(a.exit_reason().is_some());
        assert_eq!(b.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
        assert_eq!((left.actor_count(), right.actor_count()), (0, 1));
        right.shutdown().await;
    });
}

#[test]
fn a_runtime_dropped_under_a_system_ends_its_actors_and_leaves_no_caller_waiting() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = VirtualClock::new();
    let builder = System::builder("torn").runtime(runtime.handle().clone()).time(clock.time());
    let system = builder.build().unwrap();
    let (actor, asked) = runtime.block_on(async {
        let actor = system.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.tell(awaiting(pending())).await.unwrap();
        tokio::task::yield_now().await;
        let asking = actor.clone();
        (actor, Box::pin(async move { asking.ask(|reply| Msg::Ask(1, reply)).await }))
    });
    drop(runtime);
    assert_eq!(actor.exit_reason().unwrap().name(), "killed");
    assert_eq!(system.actor_count(), 0);
    assert!(actor.tell(Msg::Note(1)).now().unwrap_err().is_stopped());
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(async {
        assert!(asked.await.unwrap_err().is_stopped());
        let report = system.shutdown().await;
        assert_eq!(report.stuck, 0);
        assert!(system.run().await.is_failure() || report.reason.name() == "shutdown");
    });
}

#[test]
fn a_system_of_its_own_runtime_may_be_dropped_anywhere() {
    let log = Log::default();
    let system = System::builder("own").build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ended = runtime.block_on(async {
        let actor = system.spawn("a", Worker::maker("a", &log)).await.unwrap();
        drop(system);
        // The actor holds its system; its own end is the end of both, on the system's own thread.
        assert_eq!(actor.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
        actor.tell(Msg::Stop).await.unwrap();
        let stopped = actor.stopped();
        drop(actor);
        stopped.await
    });
    assert_eq!(ended.name(), "normal");
    let idle = System::builder("idle").build().unwrap();
    runtime.block_on(async move { drop(idle) });
}

#[test]
fn faulty_settings_are_all_told_at_once() {
    let builder = System::builder("a/b").capacity(0).ask_timeout(Duration::ZERO);
    let error = builder.overflow(Overflow::Wait(Duration::ZERO)).build().unwrap_err();
    let BuildError::Settings(faults) = &error else { panic!("{error}") };
    assert_eq!(faults.len(), 4, "{error}");
}

#[test]
fn dead_letter_subscriptions_end_with_the_system() {
    let (test, log) = (TestSystem::new(), Log::default());
    let mut letters = test.dead_letters();
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.suspend();
        actor.tell(Msg::Note(1)).await.unwrap();
        test.shutdown().await;
        assert_eq!(letters.next().await.expect("a notice").count, 1);
        assert!(letters.next().await.is_none());
    });
}

/// Starts actors, lets them fail, talk and end, with random choices; the trace must depend on the
/// seed alone.
fn story(seed: u64) -> (Vec<String>, Vec<String>) {
    let (test, log) = (TestSystem::seeded(seed), Log::default());
    test.run(async {
        let child = family(&test, Plan::restart_after(ms(70)), &log).await;
        let mut dice = test.seed().stream("story");
        let log = Arc::new(log.clone());
        for round in 0..200 {
            match dice.below(6) {
                0 => child.tell(Msg::Panic).await.unwrap(),
                1 => drop(child.ask(|reply| Msg::Ask(round, reply)).within(ms(30)).await),
                2 => test.advance(ms(dice.below(90))).await,
                3 => {
                    let name = format!("w{}", dice.below(3));
                    if let Ok(worker) = test.spawn(&name, Worker::maker("w", &log)).await {
                        worker.tell(Msg::Note(round)).await.unwrap();
                    }
                }
                4 => {
                    let name = format!("/test/w{}", dice.below(3));
                    if let Some(worker) = test.lookup::<Msg>(&name) {
                        worker.stop();
                    }
                }
                _ => child.tell(Msg::Note(round)).await.unwrap(),
            }
        }
        test.shutdown().await;
    });
    (test.trace().lines(), log.lines())
}

#[test]
fn s45_the_same_seed_tells_the_same_story() {
    let first = story(7);
    assert!(first.0.len() > 300, "{}", first.0.len());
    assert_eq!(first, story(7));
    assert_ne!(first, story(8));
}
