//! actix: an actor lives on one thread. [`Actix`] runs everything on the
//! system's thread, the default; [`ActixArbiter`] puts the counter on a second.

use std::future::Future;

use actix::{
    Actor, ActorContext, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message,
    System,
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    peer::{CAPACITY, Flavor, Gather, Parent, Peer, Rally, Span, Tally},
    workload::Workload,
};

pub struct Counter(Tally);

impl Actor for Counter {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(CAPACITY);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Add(u64);

impl Handler<Add> for Counter {
    type Result = ();

    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) {
        self.0.add(n);
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Ask(u64);

impl Handler<Ask> for Counter {
    type Result = u64;

    fn handle(&mut self, Ask(n): Ask, _: &mut Self::Context) -> u64 {
        self.0.add(n)
    }
}

struct Player {
    rally: Rally,
    peer: Option<Addr<Player>>,
}

impl Actor for Player {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Meet(Addr<Player>);

impl Handler<Meet> for Player {
    type Result = ();

    fn handle(&mut self, Meet(peer): Meet, _: &mut Self::Context) {
        self.peer = Some(peer);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Ball(u64);

impl Handler<Ball> for Player {
    type Result = ();

    fn handle(&mut self, Ball(hops): Ball, _: &mut Self::Context) {
        if let (Some(ball), Some(peer)) = (self.rally.hit(hops), &self.peer) {
            peer.do_send(Ball(ball));
        }
    }
}

struct Node {
    parent: Parent<Addr<Node>>,
    span: Span,
    gather: Gather,
}

impl Node {
    fn start_new(parent: Parent<Addr<Node>>, span: Span) {
        Node { parent, span, gather: Gather::new() }.start();
    }

    fn finish(&self, sum: u64, context: &mut Context<Self>) {
        match &self.parent {
            Parent::Root(root) => root.send(sum).expect("the workload waits"),
            Parent::Node(node) => node.do_send(Sum(sum)),
        }
        context.stop();
    }
}

impl Actor for Node {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if self.span.is_leaf() {
            return self.finish(self.span.first, context);
        }
        for child in self.span.children() {
            Node::start_new(Parent::Node(context.address()), child);
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Sum(u64);

impl Handler<Sum> for Node {
    type Result = ();

    fn handle(&mut self, Sum(sum): Sum, context: &mut Self::Context) {
        if let Some(sum) = self.gather.add(sum) {
            self.finish(sum, context);
        }
    }
}

const NO_RESTART: &str = "its Supervisor restarts an actor that stops, not one that panics";

#[derive(Clone)]
pub struct Actix;

impl Peer for Actix {
    type Counter = Addr<Counter>;

    fn gap(workload: Workload) -> Option<&'static str> {
        (workload == Workload::Restart).then_some(NO_RESTART)
    }

    fn block_on<T: Send + 'static>(_: Flavor, main: impl Future<Output = T> + Send + 'static) -> T {
        System::new()
            .block_on(async { Self::spawn_task(main).await.expect("the workload does not panic") })
    }

    fn spawn_task<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        actix::spawn(task)
    }

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        Counter(tally).start()
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        counter.do_send(Add(n));
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        counter.send(Ask(n)).await.expect("the actor replies")
    }

    async fn ping_pong(&self, rally: Rally) {
        let ping = Player { rally: rally.clone(), peer: None }.start();
        let pong = Player { rally, peer: Some(ping.clone()) }.start();
        ping.do_send(Meet(pong));
        ping.do_send(Ball(1));
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        Node::start_new(Parent::Root(root), span);
    }
}

#[derive(Clone)]
pub struct ActixArbiter(ArbiterHandle);

impl ActixArbiter {
    pub fn new() -> Self {
        Self(Arbiter::new().handle())
    }
}

impl Peer for ActixArbiter {
    type Counter = Addr<Counter>;

    fn gap(workload: Workload) -> Option<&'static str> {
        match workload {
            Workload::Tell | Workload::FanIn | Workload::Ask | Workload::AskConcurrent => None,
            Workload::Restart => Some(NO_RESTART),
            _ => Some("not run, see actix: these actors share one thread"),
        }
    }

    fn block_on<T: Send + 'static>(
        flavor: Flavor,
        main: impl Future<Output = T> + Send + 'static,
    ) -> T {
        Actix::block_on(flavor, main)
    }

    fn spawn_task<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        Actix::spawn_task(task)
    }

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        Counter::start_in_arbiter(&self.0, |_| Counter(tally))
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        Actix::tell(counter, n).await;
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        Actix::ask(counter, n).await
    }

    async fn ping_pong(&self, rally: Rally) {
        Actix.ping_pong(rally).await;
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        Actix.skynet(root, span).await;
    }
}
