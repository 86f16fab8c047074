//! xtra: one handler per message type, bounded or unbounded mailboxes.

use tokio::sync::mpsc;
use xtra::{Actor, Address, Context, Handler, Mailbox};

use crate::{
    peer::{CAPACITY, Gather, Parent, Peer, Rally, Span, Tally},
    workload::Workload,
};

#[derive(Clone)]
pub struct Xtra {
    bounded: bool,
}

impl Xtra {
    pub const BOUNDED: Self = Self { bounded: true };
    pub const UNBOUNDED: Self = Self { bounded: false };

    fn mailbox<A>(&self) -> (Address<A>, Mailbox<A>) {
        if self.bounded { Mailbox::bounded(CAPACITY) } else { Mailbox::unbounded() }
    }

    fn spawn_node(&self, parent: Parent<Address<Node>>, span: Span) {
        let (me, mailbox) = self.mailbox();
        let node = Node { xtra: self.clone(), me: Some(me), parent, span, gather: Gather::new() };
        tokio::spawn(xtra::run(mailbox, node));
    }
}

#[derive(xtra::Actor)]
pub struct Counter(Tally);

struct Add(u64);

impl Handler<Add> for Counter {
    type Return = ();

    async fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) {
        self.0.add(n);
    }
}

struct Ask(u64);

impl Handler<Ask> for Counter {
    type Return = u64;

    async fn handle(&mut self, Ask(n): Ask, _: &mut Context<Self>) -> u64 {
        self.0.add(n)
    }
}

#[derive(xtra::Actor)]
struct Player {
    rally: Rally,
    peer: Option<Address<Player>>,
}

struct Meet(Address<Player>);

impl Handler<Meet> for Player {
    type Return = ();

    async fn handle(&mut self, Meet(peer): Meet, _: &mut Context<Self>) {
        self.peer = Some(peer);
    }
}

struct Ball(u64);

impl Handler<Ball> for Player {
    type Return = ();

    async fn handle(&mut self, Ball(hops): Ball, _: &mut Context<Self>) {
        if let (Some(ball), Some(peer)) = (self.rally.hit(hops), &self.peer) {
            drop(peer.send(Ball(ball)).detach().await.expect("the actor lives"));
        }
    }
}

struct Node {
    xtra: Xtra,
    /// Given away to the children on the start: the node stops by itself when
    /// no address is left.
    me: Option<Address<Node>>,
    parent: Parent<Address<Node>>,
    span: Span,
    gather: Gather,
}

impl Node {
    async fn report(&self, sum: u64) {
        match &self.parent {
            Parent::Root(root) => root.send(sum).expect("the workload waits"),
            Parent::Node(node) => {
                drop(node.send(Sum(sum)).detach().await.expect("the actor lives"));
            }
        }
    }
}

impl Actor for Node {
    type Stop = ();

    async fn started(&mut self, _: &Mailbox<Self>) -> Result<(), ()> {
        let Some(me) = self.me.take() else { return Ok(()) };
        if self.span.is_leaf() {
            self.report(self.span.first).await;
            return Err(());
        }
        for child in self.span.children() {
            self.xtra.spawn_node(Parent::Node(me.clone()), child);
        }
        Ok(())
    }

    async fn stopped(self) {}
}

struct Sum(u64);

impl Handler<Sum> for Node {
    type Return = ();

    async fn handle(&mut self, Sum(sum): Sum, context: &mut Context<Self>) {
        if let Some(sum) = self.gather.add(sum) {
            self.report(sum).await;
            context.stop_self();
        }
    }
}

impl Peer for Xtra {
    type Counter = Address<Counter>;

    fn gap(workload: Workload) -> Option<&'static str> {
        (workload == Workload::Restart).then_some("no supervision: a panic ends the actor's task")
    }

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        xtra::spawn_tokio(Counter(tally), self.mailbox())
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        drop(counter.send(Add(n)).detach().await.expect("the actor lives"));
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        counter.send(Ask(n)).await.expect("the actor replies")
    }

    async fn ping_pong(&self, rally: Rally) {
        let ping = xtra::spawn_tokio(Player { rally: rally.clone(), peer: None }, self.mailbox());
        let pong = xtra::spawn_tokio(Player { rally, peer: Some(ping.clone()) }, self.mailbox());
        ping.send(Meet(pong)).await.expect("the actor lives");
        ping.send(Ball(1)).await.expect("the actor lives");
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        self.spawn_node(Parent::Root(root), span);
    }
}
