//! Asks: deadlines, answers that get lost or come late, and callers that are not async.

use std::time::Duration;

use steadfast_actor_core::{
    ASK_TIMEOUT_DEFAULT, ActorRef, AskError, Reply, System, testkit::TestSystem,
};
use steadfast_base::{CallContext, context};

use crate::common::*;

async fn silent(test: &TestSystem, log: &Log) -> ActorRef<Msg> {
    let actor = test.spawn("a", Worker::maker("a", log)).await.unwrap();
    actor.suspend();
    actor
}

#[test]
fn the_default_deadline_is_never_early_and_at_most_a_tenth_of_a_second_late() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = silent(&test, &log).await;
        for offset in [0, 1, 17, 49, 50, 51, 99] {
            test.advance(ms(offset)).await;
            let began = test.elapsed();
            let error = actor.ask(|reply| Msg::Ask(1, reply)).await.unwrap_err();
            assert!(matches!(error, AskError::Timeout(None)), "{error:?}");
            let took = test.elapsed().saturating_sub(began);
            assert!(took >= ASK_TIMEOUT_DEFAULT, "early: {took:?}");
            assert!(took <= ASK_TIMEOUT_DEFAULT + ms(100), "late: {took:?}");
        }
    });
}

#[test]
fn within_is_exact_and_may_be_longer_than_the_default() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = silent(&test, &log).await;
        for limit in [ms(1), ms(20), ms(333), 60 * SECOND] {
            let began = test.elapsed();
            let asked = actor.ask(|reply| Msg::Ask(1, reply)).within(limit).await;
            assert!(asked.unwrap_err().is_timeout());
            assert_eq!(test.elapsed().saturating_sub(began), limit);
        }
    });
}

#[test]
fn the_systems_default_deadline_can_be_set() {
    let test = TestSystem::builder().settings(|system| system.ask_timeout(ms(200))).build();
    let log = Log::default();
    test.run(async {
        let actor = silent(&test, &log).await;
        assert!(actor.ask(|reply| Msg::Ask(1, reply)).await.unwrap_err().is_timeout());
        assert!((ms(200)..=ms(300)).contains(&test.elapsed()), "{:?}", test.elapsed());
    });
}

#[test]
fn the_callers_deadline_shortens_every_ask_and_lengthens_none() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = silent(&test, &log).await;
        let call = CallContext::new().with_deadline(test.time().now() + SECOND);
        let ask = async { actor.ask(|reply| Msg::Ask(1, reply)).await };
        assert!(context::scope(call, ask).await.unwrap_err().is_timeout());
        assert_eq!(test.elapsed(), SECOND);
        let call = CallContext::new().with_deadline(test.time().now() + SECOND);
        let ask = async { actor.ask(|reply| Msg::Ask(1, reply)).within(60 * SECOND).await };
        assert!(context::scope(call, ask).await.unwrap_err().is_timeout());
        assert_eq!(test.elapsed(), 2 * SECOND);
        let call = CallContext::new().with_deadline(test.time().now() + 60 * SECOND);
        let ask = async { actor.ask(|reply| Msg::Ask(1, reply)).within(ms(5)).await };
        assert!(context::scope(call, ask).await.unwrap_err().is_timeout());
        assert_eq!(test.elapsed(), 2 * SECOND + ms(5));
    });
}

#[test]
fn a_reply_that_is_let_go_tells_the_asker_at_the_end_of_the_turn() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let error = actor.ask(Msg::Lose).await.unwrap_err();
        assert!(matches!(error, AskError::NoReply), "{error:?}");
        let time = test.time().clone();
        let slow = actor.ask(|reply: Reply<u32>| {
            awaiting(async move {
                drop(reply);
                time.sleep(SECOND).await;
            })
        });
        assert!(matches!(slow.await.unwrap_err(), AskError::NoReply));
        assert_eq!(test.elapsed(), SECOND);
    });
}

#[test]
fn a_reply_may_be_kept_and_answered_later_or_elsewhere() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let time = test.time().clone();
        let answer = actor.ask(|reply: Reply<u32>| {
            act(move |_, cx| {
                let later = async move {
                    time.sleep(SECOND).await;
                    reply.send(8);
                };
                assert!(cx.pipe_to_self(later, |()| Msg::Note(1)).is_ok());
            })
        });
        assert_eq!(answer.await.unwrap(), 8);
        assert_eq!(test.elapsed(), SECOND);
    });
}

#[test]
fn a_late_answer_is_discarded_and_the_answerer_can_know() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        let (time, out) = (test.time().clone(), log.clone());
        let late = actor.ask(|reply: Reply<u32>| {
            awaiting(async move {
                assert!(!reply.is_abandoned());
                time.sleep(SECOND).await;
                out.add(format!("abandoned: {}", reply.is_abandoned()));
                out.add(format!("{:?}", reply.try_send(1)));
            })
        });
        assert!(late.within(ms(500)).await.unwrap_err().is_timeout());
        assert_eq!(actor.ask(|reply| Msg::Ask(2, reply)).await.unwrap(), 2);
        assert_eq!(log.count("abandoned: true"), 1);
        assert_eq!(log.count("Err(1)"), 1);
    });
}

#[test]
fn an_ask_of_a_stopped_actor_fails_at_once_with_the_message() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", Worker::maker("a", &log)).await.unwrap();
        actor.stop();
        actor.stopped().await;
        let error = actor.ask(|reply| Msg::Ask(1, reply)).await.unwrap_err();
        assert!(matches!(error, AskError::Stopped(Some(Msg::Ask(1, _)))), "{error:?}");
        assert_eq!(test.elapsed(), Duration::ZERO);
    });
}

#[test]
fn asks_dropped_by_their_asker_are_handled_all_the_same() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = silent(&test, &log).await;
        drop(actor.ask(|reply| Msg::Ask(1, reply)));
        let mut polled = Box::pin(actor.ask(|reply| Msg::Ask(2, reply)));
        std::future::poll_fn(|task| {
            assert!(polled.as_mut().poll(task).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(polled);
        actor.resume();
        assert_eq!(actor.ask(Msg::Seen).await.unwrap(), [1, 2]);
    });
}

#[test]
fn a_detached_reply_serializes_as_nothing() {
    #[derive(serde::Serialize, serde::Deserialize)]
    enum Wire {
        Get { key: u32, reply: Reply<u64> },
    }
    let text = serde_json::to_string(&Wire::Get { key: 7, reply: Reply::detached() }).unwrap();
    assert_eq!(text, r#"{"Get":{"key":7,"reply":null}}"#);
    // An operator who writes the message by hand has nothing to say about the reply.
    for text in [&*text, r#"{"Get":{"key":7}}"#] {
        let Wire::Get { key, reply } = serde_json::from_str(text).unwrap();
        assert_eq!(key, 7);
        assert_eq!(reply.try_send(5), Err(5), "nobody listens");
    }
    assert!(serde_json::from_str::<Wire>(r#"{"Get":{"key":7,"reply":1}}"#).is_err());
}

#[test]
fn threads_that_are_not_async_tell_and_ask() {
    let log = Log::default();
    let system = System::builder("threads").build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let spawn = system.spawn("a", Worker::maker("a", &log)).capacity(1);
    let actor = runtime.block_on(spawn.into_future()).unwrap();
    actor.suspend();
    actor.tell_blocking(Msg::Note(0)).unwrap();
    std::thread::scope(|threads| {
        for number in 1..=4 {
            let actor = &actor;
            threads.spawn(move || {
                actor.tell_blocking(Msg::Note(number)).unwrap();
                assert_eq!(actor.ask_blocking(|reply| Msg::Ask(10, reply)).unwrap(), 10);
            });
        }
        actor.resume();
    });
    let mut seen = actor.ask_blocking(Msg::Seen).unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 10, 10, 10, 10]);
    actor.suspend();
    let late = actor.ask_blocking_within(ms(5), Msg::Seen);
    assert!(late.unwrap_err().is_timeout());
    let report = runtime.block_on(system.shutdown());
    assert_eq!(report.killed, 0);
    assert!(actor.tell_blocking(Msg::Note(1)).unwrap_err().is_stopped());
}

/// A boss that blocks on its own thread to ask a worker; the runtime, how the worker answered, and whether
/// the boss failed.
fn blocking_in_a_handler(runtime: &tokio::runtime::Runtime) -> (Option<u32>, &'static str) {
    let log = Log::default();
    let system = System::builder("test").runtime(runtime.handle().clone()).build().unwrap();
    runtime.block_on(async {
        let worker = system.spawn("worker", Worker::maker("worker", &log)).await.unwrap();
        let boss = system.spawn("boss", Worker::maker("boss", &log)).await.unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let ask = act(move |_, _| {
            let answer = worker.ask_blocking_within(60 * SECOND, |reply| Msg::Ask(7, reply));
            tell.send(answer.unwrap()).unwrap();
        });
        boss.tell(ask).await.unwrap();
        boss.tell(Msg::Stop).await.unwrap();
        let ended = boss.stopped().await;
        system.shutdown().await;
        (told.try_recv().ok(), ended.name())
    })
}

#[test]
fn a_blocking_ask_in_a_handler_is_answered_where_another_thread_can_and_fails_where_none_can() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let many = builder.worker_threads(1).enable_all().build().unwrap();
    assert_eq!(blocking_in_a_handler(&many), (Some(7), "normal"));
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(blocking_in_a_handler(&one), (None, "panic"));
}

#[test]
fn a_blocking_ask_works_in_spawn_blocking_on_any_runtime() {
    let log = Log::default();
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let system = System::builder("test").runtime(one.handle().clone()).build().unwrap();
    let answer = one.block_on(async {
        let worker = system.spawn("worker", Worker::maker("worker", &log)).await.unwrap();
        let ask = move || worker.ask_blocking(|reply| Msg::Ask(7, reply)).unwrap();
        tokio::task::spawn_blocking(ask).await.unwrap()
    });
    assert_eq!(answer, 7);
    one.block_on(system.shutdown());
}
