//! kameo: one handler per message type, bounded or unbounded mailboxes, and
//! supervision that keeps the handle and the mailbox across a restart.

use std::time::Duration;

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    error::{Infallible, SendError},
    mailbox::{self, MailboxReceiver, MailboxSender},
    message::{Context, Message},
};
use tokio::sync::mpsc;

use crate::peer::{CAPACITY, Gather, POISONED, Parent, Peer, Rally, Span, Tally};

#[derive(Clone)]
pub struct Kameo {
    bounded: bool,
}

impl Kameo {
    pub const BOUNDED: Self = Self { bounded: true };
    pub const UNBOUNDED: Self = Self { bounded: false };

    fn mailbox<A: Actor>(&self) -> (MailboxSender<A>, MailboxReceiver<A>) {
        if self.bounded { mailbox::bounded(CAPACITY) } else { mailbox::unbounded() }
    }
}

#[derive(Actor)]
pub struct Counter(Tally);

struct Add(u64);

impl Message<Add> for Counter {
    type Reply = ();

    async fn handle(&mut self, Add(n): Add, _: &mut Context<Self, ()>) {
        self.0.add(n);
    }
}

struct Ask(u64);

impl Message<Ask> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Ask(n): Ask, _: &mut Context<Self, u64>) -> u64 {
        self.0.add(n)
    }
}

struct Poison;

impl Message<Poison> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Poison, _: &mut Context<Self, ()>) {
        panic!("{POISONED}");
    }
}

#[derive(Actor)]
struct Player {
    rally: Rally,
    peer: Option<ActorRef<Player>>,
}

struct Meet(ActorRef<Player>);

impl Message<Meet> for Player {
    type Reply = ();

    async fn handle(&mut self, Meet(peer): Meet, _: &mut Context<Self, ()>) {
        self.peer = Some(peer);
    }
}

struct Ball(u64);

impl Message<Ball> for Player {
    type Reply = ();

    async fn handle(&mut self, Ball(hops): Ball, _: &mut Context<Self, ()>) {
        if let (Some(ball), Some(peer)) = (self.rally.hit(hops), &self.peer) {
            peer.tell(Ball(ball)).send().await.expect("the actor lives");
        }
    }
}

struct Node {
    parent: Parent<ActorRef<Node>>,
    gather: Gather,
}

impl Node {
    async fn report(&self, sum: u64) {
        match &self.parent {
            Parent::Root(root) => root.send(sum).expect("the workload waits"),
            Parent::Node(node) => node.tell(Sum(sum)).send().await.expect("the actor lives"),
        }
    }
}

impl Actor for Node {
    type Args = (Kameo, Parent<ActorRef<Node>>, Span);
    type Error = Infallible;

    /// A leaf needs no stop: no handle to it remains once it has started.
    async fn on_start(
        (kameo, parent, span): Self::Args,
        me: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        let node = Self { parent, gather: Gather::new() };
        if span.is_leaf() {
            node.report(span.first).await;
        } else {
            for child in span.children() {
                Node::spawn_with_mailbox(
                    (kameo.clone(), Parent::Node(me.clone()), child),
                    kameo.mailbox(),
                );
            }
        }
        Ok(node)
    }
}

struct Sum(u64);

impl Message<Sum> for Node {
    type Reply = ();

    async fn handle(&mut self, Sum(sum): Sum, context: &mut Context<Self, ()>) {
        if let Some(sum) = self.gather.add(sum) {
            self.report(sum).await;
            context.stop();
        }
    }
}

#[derive(Actor)]
struct Supervisor;

impl Peer for Kameo {
    type Counter = ActorRef<Counter>;

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        Counter::spawn_with_mailbox(Counter(tally), self.mailbox())
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        counter.tell(Add(n)).send().await.expect("the actor lives");
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        counter.ask(Ask(n)).send().await.expect("the actor replies")
    }

    async fn ping_pong(&self, rally: Rally) {
        let ping =
            Player::spawn_with_mailbox(Player { rally: rally.clone(), peer: None }, self.mailbox());
        let pong =
            Player::spawn_with_mailbox(Player { rally, peer: Some(ping.clone()) }, self.mailbox());
        ping.tell(Meet(pong)).send().await.expect("the actor lives");
        ping.tell(Ball(1)).send().await.expect("the actor lives");
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        Node::spawn_with_mailbox((self.clone(), Parent::Root(root), span), self.mailbox());
    }

    async fn restarts(&self, tally: Tally, times: u64) -> u64 {
        let supervisor = Supervisor::spawn(Supervisor);
        let child = Counter::supervise_with(&supervisor, move || Counter(tally.clone()))
            .restart_limit(u32::MAX, Duration::from_secs(1))
            .spawn_with_mailbox(self.mailbox())
            .await;
        child.wait_for_startup().await;
        let mut fresh = 0;
        for _ in 0..times {
            child.tell(Poison).send().await.expect("the mailbox lives");
            let sum = loop {
                match child.ask(Ask(1)).send().await {
                    // Bounced while the old actor went down: to be sent again.
                    Err(SendError::ActorRestarting(_)) => {}
                    answer => break answer.expect("the actor replies"),
                }
            };
            fresh += u64::from(sum == 1);
        }
        fresh
    }
}
