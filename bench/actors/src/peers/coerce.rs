//! coerce: one handler per message type, unbounded mailboxes only.

use async_trait::async_trait;
use coerce::actor::{
    Actor, LocalActorRef,
    context::ActorContext,
    message::{Handler, Message},
    new_actor_id,
    scheduler::ActorType,
    system::ActorSystem,
};
use tokio::sync::mpsc;

use crate::{
    peer::{Gather, Parent, Peer, Rally, Span, Tally},
    workload::Workload,
};

pub struct Counter(Tally);

impl Actor for Counter {}

struct Add(u64);

impl Message for Add {
    type Result = ();
}

#[async_trait]
impl Handler<Add> for Counter {
    async fn handle(&mut self, Add(n): Add, _: &mut ActorContext) {
        self.0.add(n);
    }
}

struct Ask(u64);

impl Message for Ask {
    type Result = u64;
}

#[async_trait]
impl Handler<Ask> for Counter {
    async fn handle(&mut self, Ask(n): Ask, _: &mut ActorContext) -> u64 {
        self.0.add(n)
    }
}

struct Player {
    rally: Rally,
    peer: Option<LocalActorRef<Player>>,
}

impl Actor for Player {}

struct Meet(LocalActorRef<Player>);

impl Message for Meet {
    type Result = ();
}

#[async_trait]
impl Handler<Meet> for Player {
    async fn handle(&mut self, Meet(peer): Meet, _: &mut ActorContext) {
        self.peer = Some(peer);
    }
}

struct Ball(u64);

impl Message for Ball {
    type Result = ();
}

#[async_trait]
impl Handler<Ball> for Player {
    async fn handle(&mut self, Ball(hops): Ball, _: &mut ActorContext) {
        if let (Some(ball), Some(peer)) = (self.rally.hit(hops), &self.peer) {
            peer.notify(Ball(ball)).expect("the actor lives");
        }
    }
}

struct Node {
    coerce: Coerce,
    parent: Parent<LocalActorRef<Node>>,
    span: Span,
    gather: Gather,
}

impl Node {
    fn finish(&self, sum: u64, context: &mut ActorContext) {
        match &self.parent {
            Parent::Root(root) => root.send(sum).expect("the workload waits"),
            Parent::Node(node) => node.notify(Sum(sum)).expect("the actor lives"),
        }
        context.stop(None);
    }
}

#[async_trait]
impl Actor for Node {
    async fn started(&mut self, context: &mut ActorContext) {
        if self.span.is_leaf() {
            return self.finish(self.span.first, context);
        }
        let me: LocalActorRef<Node> = context.actor_ref();
        for span in self.span.children() {
            let (coerce, parent) = (self.coerce.clone(), Parent::Node(me.clone()));
            self.coerce.start(Node { coerce, parent, span, gather: Gather::new() }).await;
        }
    }
}

struct Sum(u64);

impl Message for Sum {
    type Result = ();
}

#[async_trait]
impl Handler<Sum> for Node {
    async fn handle(&mut self, Sum(sum): Sum, context: &mut ActorContext) {
        if let Some(sum) = self.gather.add(sum) {
            self.finish(sum, context);
        }
    }
}

#[derive(Clone)]
pub struct Coerce(ActorSystem);

impl Coerce {
    pub fn new() -> Self {
        Self(ActorSystem::new())
    }

    async fn start<A: Actor>(&self, actor: A) -> LocalActorRef<A> {
        self.0.new_actor_deferred(new_actor_id(), actor, ActorType::Anonymous).await
    }
}

impl Peer for Coerce {
    type Counter = LocalActorRef<Counter>;

    fn gap(workload: Workload) -> Option<&'static str> {
        (workload == Workload::Restart).then_some("no restarts: a panic ends the actor's task")
    }

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        self.start(Counter(tally)).await
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        counter.notify(Add(n)).expect("the actor lives");
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        counter.send(Ask(n)).await.expect("the actor replies")
    }

    async fn stop(counter: Self::Counter) {
        counter.notify_stop().expect("the actor lives");
    }

    async fn ping_pong(&self, rally: Rally) {
        let ping = self.start(Player { rally: rally.clone(), peer: None }).await;
        let pong = self.start(Player { rally, peer: Some(ping.clone()) }).await;
        ping.notify(Meet(pong)).expect("the actor lives");
        ping.notify(Ball(1)).expect("the actor lives");
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        self.start(Node {
            coerce: self.clone(),
            parent: Parent::Root(root),
            span,
            gather: Gather::new(),
        })
        .await;
    }
}
