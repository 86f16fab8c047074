//! `TestProbe`: an actor that records what it gets, with expectations on it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::{self, Debug},
    future::{Future, poll_fn},
    panic::Location,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use steadfast_base::{ActorId, Time};

use crate::{Actor, ActorRef, Cx, ExitReason, Flow, Recipient, Signal, System};

/// Virtual time that an expectation waits by default.
pub const EXPECT_WAIT_DEFAULT: Duration = Duration::from_secs(3);

/// Messages that a probe holds until they are expected; one more fails the next expectation.
pub const PROBE_MESSAGES_MAX: usize = 1_000_000;

type AutoReply<M> = Box<dyn FnMut(M) -> Option<M> + Send>;

/// An actor that records its messages for a test.
///
/// Hand out [`actor`](Self::actor) or [`recipient`](Self::recipient), then say what should have
/// come, in order. Expectations wait [`EXPECT_WAIT_DEFAULT`] of virtual time and panic if they are
/// not met.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_actor_core::testkit::TestSystem;
///
/// let test = TestSystem::new();
/// let mut probe = test.probe::<&str>("probe");
/// test.run(async {
///     probe.actor().tell("hello").await.expect("there is room");
///     assert_eq!(probe.expect_msg().await, "hello");
///     probe.expect_no_msg(Duration::from_secs(1)).await;
/// });
/// ```
pub struct TestProbe<M: Send + 'static> {
    actor: ActorRef<M>,
    record: Arc<Record<M>>,
    time: Time,
}

struct Record<M> {
    heard: Mutex<Heard<M>>,
}

struct Heard<M> {
    messages: VecDeque<M>,
    ended: VecDeque<(ActorId, Arc<str>, ExitReason)>,
    overflowed: bool,
    auto_reply: Option<AutoReply<M>>,
    waiting: Option<Waker>,
}

struct Recorder<M> {
    record: Arc<Record<M>>,
}

impl<M> Record<M> {
    fn heard(&self) -> MutexGuard<'_, Heard<M>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record, then wakes the expectation that waits.
    fn add(&self, change: impl FnOnce(&mut Heard<M>)) {
        let waiting = {
            let mut heard = self.heard();
            change(&mut heard);
            heard.waiting.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn hear(&self, message: M) {
        let auto_reply = self.heard().auto_reply.take();
        let message = match auto_reply {
            Some(mut reply) => {
                // Outside of the lock: it is the test's code.
                let rest = reply(message);
                self.heard().auto_reply.get_or_insert(reply);
                rest
            }
            None => Some(message),
        };
        let Some(message) = message else { return };
        self.add(|heard| {
            if heard.messages.len() < PROBE_MESSAGES_MAX {
                heard.messages.push_back(message);
            } else {
                heard.overflowed = true;
            }
        });
    }
}

impl<M: Send + 'static> Actor for Recorder<M> {
    type Msg = M;
    type Error = Infallible;

    async fn handle(&mut self, message: M, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        self.record.hear(message);
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, signal: Signal, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        if let Signal::Terminated { id, path, reason } = signal {
            self.record.add(|heard| heard.ended.push_back((id, path, reason)));
        }
        Ok(Flow::Continue)
    }
}

impl<M: Send + Debug + 'static> TestProbe<M> {
    #[track_caller]
    pub(super) fn spawn(system: &System, name: &str) -> Self {
        let record = Arc::new(Record {
            heard: Mutex::new(Heard {
                messages: VecDeque::new(),
                ended: VecDeque::new(),
                overflowed: false,
                auto_reply: None,
                waiting: None,
            }),
        });
        let shared = Arc::clone(&record);
        let recorder = move || Recorder { record: Arc::clone(&shared) };
        let actor = system.spawn(name, recorder).detach();
        let actor = actor.expect("the name of a probe is free and usable");
        Self { actor, record, time: system.time().clone() }
    }

    /// The actor that records.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<M> {
        &self.actor
    }

    /// The actor as a recipient of messages that convert into `M`.
    #[must_use]
    pub fn recipient<N: Into<M> + Send + 'static>(&self) -> Recipient<N> {
        self.actor.recipient()
    }

    /// Watches an actor; see [`expect_terminated`](Self::expect_terminated).
    ///
    /// # Panics
    ///
    /// When the probe itself was stopped.
    pub fn watch<N: Send + 'static>(&self, target: &ActorRef<N>) {
        let target = target.clone();
        let visit = move |_: &mut Recorder<M>, cx: &mut Cx<Recorder<M>>| cx.watch(&target);
        self.actor.handle().visit(visit).expect("the probe lives, and few visits wait");
    }

    /// Takes a watch back.
    ///
    /// # Panics
    ///
    /// When the probe itself was stopped.
    pub fn unwatch<N: Send + 'static>(&self, target: &ActorRef<N>) {
        let target = target.clone();
        let visit = move |_: &mut Recorder<M>, cx: &mut Cx<Recorder<M>>| cx.unwatch(&target);
        self.actor.handle().visit(visit).expect("the probe lives, and few visits wait");
    }

    /// Has messages answered by `reply` as they come. What it gives back is recorded as usual.
    pub fn auto_reply(&self, reply: impl FnMut(M) -> Option<M> + Send + 'static) {
        self.record.heard().auto_reply = Some(Box::new(reply));
    }

    /// The next message, if one is recorded. Waits for nothing.
    pub fn try_msg(&mut self) -> Option<M> {
        self.record.heard().messages.pop_front()
    }

    /// All messages recorded so far. Waits for nothing.
    pub fn take_msgs(&mut self) -> Vec<M> {
        self.record.heard().messages.drain(..).collect()
    }

    /// The next message.
    ///
    /// # Panics
    ///
    /// If none comes within [`EXPECT_WAIT_DEFAULT`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_msg(&mut self) -> impl Future<Output = M> + Send + '_ {
        self.expect_msg_within(EXPECT_WAIT_DEFAULT)
    }

    /// The next message, which comes within `limit`.
    ///
    /// # Panics
    ///
    /// If none comes within `limit`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_msg_within(&mut self, limit: Duration) -> impl Future<Output = M> + Send + '_ {
        let caller = Location::caller();
        async move {
            match self.next(limit, |heard| heard.messages.pop_front()).await {
                Some(message) => message,
                None => fail(caller, format_args!("no message came within {limit:?}")),
            }
        }
    }

    /// The next message, which is `expected`.
    ///
    /// # Panics
    ///
    /// If none comes within [`EXPECT_WAIT_DEFAULT`], or another one does.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_eq(&mut self, expected: M) -> impl Future<Output = ()> + Send + '_
    where
        M: PartialEq,
    {
        let caller = Location::caller();
        async move {
            match self.next(EXPECT_WAIT_DEFAULT, |heard| heard.messages.pop_front()).await {
                Some(message) if message == expected => {}
                Some(message) => fail(caller, format_args!("got {message:?}, not {expected:?}")),
                None => fail(caller, format_args!("{expected:?} did not come")),
            }
        }
    }

    /// Lets `span` of virtual time pass in which no message comes.
    ///
    /// # Panics
    ///
    /// If one comes, or is recorded already.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_no_msg(&mut self, span: Duration) -> impl Future<Output = ()> + Send + '_ {
        let caller = Location::caller();
        async move {
            if let Some(message) = self.next(span, |heard| heard.messages.pop_front()).await {
                fail(caller, format_args!("{message:?} came though nothing was expected"));
            }
        }
    }

    /// The reason for which a watched actor ends within [`EXPECT_WAIT_DEFAULT`].
    ///
    /// # Panics
    ///
    /// If the probe is not told of its end in time.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_terminated<N: Send + 'static>(
        &mut self,
        target: &ActorRef<N>,
    ) -> impl Future<Output = ExitReason> + Send + '_ {
        let caller = Location::caller();
        let (id, path) = (target.id(), target.path());
        async move {
            match self.next(EXPECT_WAIT_DEFAULT, |heard| take_end(heard, id)).await {
                Some(reason) => reason,
                None => fail(caller, format_args!("{path} did not end, or was not watched")),
            }
        }
    }

    /// Lets `span` of virtual time pass in which no watched actor ends.
    ///
    /// # Panics
    ///
    /// If the probe is told of an end, or has been.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping the future.
    #[track_caller]
    pub fn expect_no_end(&mut self, span: Duration) -> impl Future<Output = ()> + Send + '_ {
        let caller = Location::caller();
        async move {
            if let Some((_, path, reason)) = self.next(span, |heard| heard.ended.pop_front()).await
            {
                fail(caller, format_args!("{path} ended though it should not: {reason}"));
            }
        }
    }

    async fn next<T>(
        &self,
        limit: Duration,
        mut take: impl FnMut(&mut Heard<M>) -> Option<T> + Send,
    ) -> Option<T> {
        let next = poll_fn(|task| {
            let mut heard = self.record.heard();
            if let Some(found) = take(&mut heard) {
                return Poll::Ready(found);
            }
            assert!(!heard.overflowed, "the probe got more than {PROBE_MESSAGES_MAX} messages");
            heard.waiting = Some(task.waker().clone());
            Poll::Pending
        });
        self.time.timeout(limit, next).await.ok()
    }
}

fn take_end<M>(heard: &mut Heard<M>, id: ActorId) -> Option<ExitReason> {
    let place = heard.ended.iter().position(|(ended, ..)| *ended == id)?;
    heard.ended.remove(place).map(|(_, _, reason)| reason)
}

#[expect(clippy::panic, reason = "an expectation that is not met fails the test")]
fn fail(caller: &Location<'_>, what: fmt::Arguments<'_>) -> ! {
    panic!("{what}, expected at {caller}");
}

impl<M: Send + 'static> Debug for TestProbe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heard = self.record.heard();
        f.debug_struct("TestProbe")
            .field("actor", &self.actor)
            .field("messages", &heard.messages.len())
            .field("ended", &heard.ended.len())
            .finish_non_exhaustive()
    }
}
