//! Starting: names, failures, and what is left of an actor that did not come up.

use std::convert::Infallible;

use steadfast_actor_core::{Actor, Cx, Flow, StartError, Started, VisitError, testkit::TestSystem};

use crate::common::*;

/// Does in `started` what it was told to.
struct Starter {
    how: How,
    log: Log,
}

#[derive(Clone, Copy)]
enum How {
    Fail,
    Panic,
    Ignore,
    Hang,
}

impl Actor for Starter {
    type Msg = ();
    type Error = Broken;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Broken> {
        Ok(Flow::Continue)
    }

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Broken> {
        let kid = cx.spawn("kid", Worker::maker("kid", &self.log)).await;
        let kid = kid.expect("the kid starts");
        self.log.add(format!("kid at {}", kid.path()));
        match self.how {
            How::Fail => Err(Broken),
            How::Panic => panic!("no start"),
            How::Ignore => Ok(Started::Ignore),
            How::Hang => std::future::pending().await,
        }
    }

    async fn stopped(&mut self, _: &steadfast_actor_core::ExitReason, _: &mut Cx<Self>) {
        self.log.add("stopped hook");
    }
}

fn starter(how: How, log: &Log) -> impl FnMut() -> Starter + Send + 'static {
    let log = log.clone();
    move || Starter { how, log: log.clone() }
}

#[test]
fn s3_a_failed_start_is_an_error_frees_all_names_and_stops_the_children_it_had() {
    for (how, text) in [(How::Fail, "broken"), (How::Panic, "no start")] {
        let (test, log) = (TestSystem::new(), Log::default());
        test.run(async {
            let failed = test.spawn("a", starter(how, &log)).await;
            let Err(StartError::Failed(failure)) = failed else { panic!("{failed:?}") };
            assert_eq!(failure.message(), text);
            assert_eq!(failure.actor(), "/test/a");
            assert!(test.lookup_handle("/test/a").is_none(), "the name is free at once");
            assert!(test.lookup_handle("/test/a/kid").is_none(), "so is the child's");
            assert_eq!(test.actor_count(), 0);
            test.settle().await;
            assert_eq!(log.count("stopped hook"), 0, "it never ran");
            assert_eq!(log.count("kid stopped shutdown"), 1, "{:?}", log.lines());
        });
    }
}

#[test]
fn s3_the_parent_that_got_the_error_gets_no_exit_event_beside_it() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = test.spawn("parent", Worker::maker("parent", &log)).await.unwrap();
        let inner = log.clone();
        parent
            .tell(act(move |_, cx| {
                let child = cx.spawn("child", starter(How::Panic, &inner));
                let log = inner.clone();
                let start = async move {
                    let failed = child.await.is_err();
                    log.add(format!("start failed: {failed}"));
                };
                assert!(cx.pipe_to_self(start, |()| Msg::Note(7)).is_ok());
            }))
            .await
            .unwrap();
        test.settle().await;
        assert_eq!(log.count("start failed: true"), 1);
        let leaked: Vec<_> =
            log.lines().into_iter().filter(|line| line.contains("child-exited")).collect();
        assert_eq!(leaked, [""; 0], "the error is the only notice");
        assert_eq!(log.count("parent 7"), 1);
    });
}

#[test]
fn a_detached_child_that_fails_to_start_is_an_exit_event() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let parent = test.spawn("parent", Worker::maker("parent", &log)).await.unwrap();
        let inner = log.clone();
        let start = act(move |_, cx| {
            drop(cx.spawn("child", starter(How::Fail, &inner)).detach().unwrap());
        });
        parent.tell(start).await.unwrap();
        test.settle().await;
        assert_eq!(log.count("parent child-exited /test/parent/child error"), 1);
    });
}

#[test]
fn ignore_is_no_failure_and_leaves_nothing() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let ignored = test.spawn("a", starter(How::Ignore, &log)).await;
        assert!(matches!(ignored, Err(StartError::Ignored)), "{ignored:?}");
        assert_eq!(test.actor_count(), 0);
        assert_eq!(log.count("stopped hook"), 0);
    });
}

#[test]
fn a_kill_ends_a_start_that_hangs() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let actor = test.spawn("a", starter(How::Hang, &log)).detach().unwrap();
        test.settle().await;
        assert_eq!(log.count("kid at /test/a/kid"), 1);
        actor.kill();
        assert_eq!(actor.stopped().await.name(), "killed");
        test.settle().await;
        assert_eq!(test.actor_count(), 0, "the child went with it");
    });
    let test = TestSystem::new();
    test.run(async {
        let mut spawning = std::pin::pin!(test.spawn("a", starter(How::Hang, &log)).into_future());
        assert!(futures_pending(spawning.as_mut()).await);
        test.lookup_handle("/test/a").unwrap().kill();
        assert!(matches!(spawning.await, Err(StartError::Killed)));
    });
}

async fn futures_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|task| std::task::Poll::Ready(future.as_mut().poll(task).is_pending()))
        .await
}

#[test]
fn a_factory_may_fail_or_wait() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let failed = test.spawn("a", || Err::<Worker, _>(Broken)).await;
        assert!(matches!(failed, Err(StartError::Failed(_))));
        let time = test.time().clone();
        let inner = log.clone();
        let slow = move || {
            let (time, log) = (time.clone(), inner.clone());
            async move {
                time.sleep(SECOND).await;
                Ok::<_, Broken>(Worker::new("slow", &log))
            }
        };
        let actor = test.spawn("a", slow).await.unwrap();
        assert_eq!(test.elapsed(), SECOND);
        assert_eq!(actor.ask(|reply| Msg::Ask(1, reply)).await.unwrap(), 1);
    });
}

#[test]
fn a_name_belongs_to_one_live_actor_and_is_free_after_its_end() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        let first = test.spawn("a", Worker::maker("first", &log)).await.unwrap();
        let taken = test.spawn("a", Worker::maker("second", &log)).await;
        assert!(matches!(&taken, Err(StartError::NameTaken(path)) if path == "/test/a"));
        assert_eq!(test.lookup::<Msg>("/test/a"), Some(first.clone()));
        assert!(test.lookup::<u8>("/test/a").is_none(), "of another type");
        first.stop();
        first.stopped().await;
        assert!(test.lookup::<Msg>("/test/a").is_none());
        let again = test.spawn("a", Worker::maker("again", &log)).await.unwrap();
        assert_ne!(again, first);
        assert_eq!(test.actor_count(), 1);
        let refused = first.tell(Msg::Note(1)).await.unwrap_err();
        assert!(matches!(refused.into_message(), Msg::Note(1)), "the old ref is not the new actor");
    });
}

#[test]
fn unusable_names_are_refused() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        for name in ["", "a/b", "$1", "a\nb", &"x".repeat(256)] {
            let refused = test.spawn(name, Worker::maker("x", &log)).await;
            assert!(matches!(refused, Err(StartError::BadName(_))), "{name:?}");
        }
        assert!(test.spawn(&"x".repeat(255), Worker::maker("x", &log)).await.is_ok());
        let unnamed = test.spawn_anonymous(Worker::maker("x", &log)).await.unwrap();
        assert!(unnamed.path().starts_with("/test/$"), "{}", unnamed.path());
    });
}

#[test]
fn a_system_that_shuts_down_starts_nothing() {
    let (test, log) = (TestSystem::new(), Log::default());
    test.run(async {
        test.shutdown().await;
        let late = test.spawn("late", Worker::maker("late", &log)).await;
        assert!(matches!(late, Err(StartError::ShuttingDown)), "{late:?}");
        assert_eq!(test.actor_count(), 0);
    });
}

struct Quiet;

impl Actor for Quiet {
    type Msg = ();
    type Error = Infallible;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Stop)
    }
}

#[test]
fn a_handle_finds_its_type_again() {
    let test = TestSystem::new();
    test.run(async {
        let quiet = test.spawn("quiet", || Quiet).await.unwrap();
        assert_eq!(quiet.handle().downcast::<()>(), Some(quiet.clone()));
        assert!(quiet.handle().downcast::<u8>().is_none());
        quiet.tell(()).await.unwrap();
        assert_eq!(quiet.stopped().await.name(), "normal");
        let gone = quiet.handle().visit::<Quiet>(|_, _| {});
        assert_eq!(gone, Err(VisitError::Stopped));
    });
}
