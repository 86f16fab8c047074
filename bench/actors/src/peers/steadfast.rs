//! steadfast in its default configuration: bounded mailboxes of 1,024, asks with
//! the default deadline, dynamic supervision. Only `restart` sets its delay to 0
//! and its budget to unlimited.

use std::{
    convert::Infallible,
    marker::PhantomData,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OnceCell, mpsc, oneshot},
    task::spawn_blocking,
};

use steadfast::{
    actor_core::{Actor, ActorHandle, ActorRef, Cx, Flow, Reply, Started, System},
    supervision::{Backoff, Budget, ChildTemplate, Supervisor, SupervisorRef},
};

use crate::{
    message::{self, Payload},
    peer::{Gather, POISONED, Parent, Peer, Rally, Span, Tally},
};

type Message<P> = message::Message<P, Reply<u64>>;

pub struct Counter<P> {
    tally: Tally,
    payload: PhantomData<fn(P)>,
}

impl<P: Payload> Counter<P> {
    fn new(tally: Tally) -> Self {
        Self { tally, payload: PhantomData }
    }
}

impl<P: Payload> Actor for Counter<P> {
    type Msg = Message<P>;
    type Error = Infallible;

    async fn handle(&mut self, message: Message<P>, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match message {
            Message::Add(payload) => {
                self.tally.add(payload.amount());
            }
            Message::Ask(n, reply) => reply.send(self.tally.add(n)),
            Message::Poison => panic!("{POISONED}"),
        }
        Ok(Flow::Continue)
    }
}

enum Play {
    Meet(ActorRef<Play>),
    Ball(u64),
}

struct Player {
    rally: Rally,
    peer: Option<ActorRef<Play>>,
}

impl Player {
    fn new(rally: Rally) -> Self {
        Self { rally, peer: None }
    }
}

impl Actor for Player {
    type Msg = Play;
    type Error = Infallible;

    async fn handle(&mut self, message: Play, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match message {
            Play::Meet(peer) => self.peer = Some(peer),
            Play::Ball(hops) => {
                let Some(ball) = self.rally.hit(hops) else { return Ok(Flow::Stop) };
                let peer = self.peer.as_ref().expect("they met first");
                peer.tell(Play::Ball(ball)).await.expect("the actor lives");
            }
        }
        Ok(Flow::Continue)
    }
}

struct Node {
    parent: Parent<ActorRef<u64>>,
    span: Span,
    gather: Gather,
}

impl Node {
    fn new(parent: Parent<ActorRef<u64>>, span: Span) -> Self {
        Self { parent, span, gather: Gather::new() }
    }

    async fn report(&self, sum: u64) {
        match &self.parent {
            Parent::Root(root) => root.send(sum).expect("the workload waits"),
            Parent::Node(node) => node.tell(sum).await.expect("the actor lives"),
        }
    }
}

impl Actor for Node {
    type Msg = u64;
    type Error = Infallible;

    async fn started(&mut self, cx: &mut Cx<Self>) -> Result<Started, Infallible> {
        if self.span.is_leaf() {
            self.report(self.span.first).await;
            return Ok(Started::Ignore);
        }
        let system = cx.system();
        for span in self.span.children() {
            let parent = Parent::Node(cx.me());
            start(&system, move || Node::new(parent.clone(), span));
        }
        Ok(Started::Running)
    }

    async fn handle(&mut self, sum: u64, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        let Some(sum) = self.gather.add(sum) else { return Ok(Flow::Continue) };
        self.report(sum).await;
        Ok(Flow::Stop)
    }
}

/// Keeps the number of its waiting messages: each one handled is sent again.
struct Churner;

type Churn = [u64; 3];

impl Actor for Churner {
    type Msg = Churn;
    type Error = Infallible;

    async fn handle(&mut self, message: Churn, cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        cx.me().tell(message).await.expect("there is room for the message just taken");
        Ok(Flow::Continue)
    }
}

/// Starts an actor as tokio starts a task: without waiting until it runs.
fn start<A: Actor>(
    system: &System,
    factory: impl FnMut() -> A + Send + 'static,
) -> ActorRef<A::Msg> {
    system.spawn_anonymous(factory).detach().expect("the system takes actors")
}

/// From the call until the actor runs it, asked by a thread outside of the runtime.
fn control_delay(actor: &ActorHandle) -> Duration {
    let (served, when) = oneshot::channel();
    let posted = Instant::now();
    actor
        .visit(move |_: &mut Churner, _: &mut Cx<Churner>| {
            served.send(posted.elapsed()).expect("the thread waits");
        })
        .expect("the actor lives");
    when.blocking_recv().expect("the visit runs")
}

pub struct Steadfast<P> {
    system: System,
    /// Started with the first supervised actor.
    supervisor: Arc<OnceCell<SupervisorRef>>,
    payload: PhantomData<fn(P)>,
}

impl<P> Steadfast<P> {
    pub fn new() -> Self {
        let system = System::builder("bench").build().expect("the defaults are valid");
        Self { system, supervisor: Arc::default(), payload: PhantomData }
    }
}

impl<P> Clone for Steadfast<P> {
    fn clone(&self) -> Self {
        Self {
            system: self.system.clone(),
            supervisor: Arc::clone(&self.supervisor),
            payload: PhantomData,
        }
    }
}

impl<P: Payload> Peer for Steadfast<P> {
    type Counter = ActorRef<Message<P>>;

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        start(&self.system, move || Counter::new(tally.clone()))
    }

    async fn spawn_supervised(&self, tally: Tally) -> Self::Counter {
        let start = || async {
            let supervisor = Supervisor::dynamic(ChildTemplate::new());
            supervisor.start(&self.system, "counters").await.expect("the defaults are valid")
        };
        let supervisor = self.supervisor.get_or_init(start).await;
        let factory = move || Counter::new(tally.clone());
        supervisor.spawn_child(factory).await.expect("the supervisor takes children")
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        counter.tell(Message::Add(P::new(n))).await.expect("the actor lives");
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        counter.ask(|reply| Message::Ask(n, reply)).await.expect("the actor replies")
    }

    async fn stop(counter: Self::Counter) {
        counter.stop();
    }

    async fn ping_pong(&self, rally: Rally) {
        let second = rally.clone();
        let ping = start(&self.system, move || Player::new(rally.clone()));
        let pong = start(&self.system, move || Player::new(second.clone()));
        for (player, message) in [
            (&ping, Play::Meet(pong.clone())),
            (&pong, Play::Meet(ping.clone())),
            (&ping, Play::Ball(1)),
        ] {
            player.tell(message).await.expect("the actor lives");
        }
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        start(&self.system, move || Node::new(Parent::Root(root.clone()), span));
    }

    async fn restarts(&self, tally: Tally, times: u64) -> u64 {
        let supervisor = Supervisor::dynamic(ChildTemplate::new().backoff(Backoff::none()))
            .budget(Budget::unlimited())
            .start(&self.system, "poisoned")
            .await
            .expect("the settings are valid");
        let factory = move || Counter::<P>::new(tally.clone());
        let counter = supervisor.start_child(factory).await.expect("the actor starts");
        let mut fresh = 0;
        for _ in 0..times {
            counter.tell(Message::Poison).await.expect("the mailbox lives");
            fresh += u64::from(Self::ask(&counter, 1).await == 1);
        }
        supervisor.shutdown().await;
        fresh
    }

    async fn control_delays(&self, waiting: u64, rounds: u64) -> Vec<Duration> {
        let capacity = u32::try_from(waiting + 1).expect("a mailbox of the benchmark's size");
        let churner = self
            .system
            .spawn_anonymous(|| Churner)
            .capacity(capacity)
            .await
            .expect("the actor starts");
        for n in 0..waiting {
            churner.tell([n; 3]).await.expect("there is room");
        }
        let handle = churner.handle();
        let requests = move || (0..rounds).map(|_| control_delay(&handle)).collect();
        let delays = spawn_blocking(requests).await.expect("no request panics");
        assert!(churner.queued() as u64 + 1 >= waiting, "messages were lost");
        churner.kill();
        delays
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;
    use crate::message::{Narrow, Wide};

    #[test]
    fn messages_have_24_and_64_bytes() {
        assert_eq!(size_of::<Message<Narrow>>(), 24);
        assert_eq!(size_of::<Message<Wide>>(), 64);
        assert_eq!(size_of::<Churn>(), 24);
    }
}
