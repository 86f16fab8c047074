//! The baseline: tasks that own an mpsc receiver and match on an enum.

use std::{future::Future, marker::PhantomData};

use tokio::sync::{mpsc, oneshot};

use crate::{
    message::{self, Payload},
    peer::{CAPACITY, Gather, POISONED, Parent, Peer, Rally, Span, Tally},
};

/// The two kinds of tokio mpsc channel.
pub trait Channel: Send + Sync + 'static {
    type Tx<M: Send + 'static>: Clone + Send + Sync + 'static;
    type Rx<M: Send + 'static>: Send + 'static;

    fn open<M: Send + 'static>() -> (Self::Tx<M>, Self::Rx<M>);
    fn send<M: Send + 'static>(tx: &Self::Tx<M>, message: M) -> impl Future<Output = ()> + Send;
    fn recv<M: Send + 'static>(rx: &mut Self::Rx<M>) -> impl Future<Output = Option<M>> + Send;
}

pub struct Unbounded;

impl Channel for Unbounded {
    type Tx<M: Send + 'static> = mpsc::UnboundedSender<M>;
    type Rx<M: Send + 'static> = mpsc::UnboundedReceiver<M>;

    fn open<M: Send + 'static>() -> (Self::Tx<M>, Self::Rx<M>) {
        mpsc::unbounded_channel()
    }

    async fn send<M: Send + 'static>(tx: &Self::Tx<M>, message: M) {
        tx.send(message).expect("the task lives");
    }

    async fn recv<M: Send + 'static>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.recv().await
    }
}

pub struct Bounded;

impl Channel for Bounded {
    type Tx<M: Send + 'static> = mpsc::Sender<M>;
    type Rx<M: Send + 'static> = mpsc::Receiver<M>;

    fn open<M: Send + 'static>() -> (Self::Tx<M>, Self::Rx<M>) {
        mpsc::channel(CAPACITY)
    }

    async fn send<M: Send + 'static>(tx: &Self::Tx<M>, message: M) {
        tx.send(message).await.expect("the task lives");
    }

    async fn recv<M: Send + 'static>(rx: &mut Self::Rx<M>) -> Option<M> {
        rx.recv().await
    }
}

type Message<P> = message::Message<P, oneshot::Sender<u64>>;

async fn counter<C: Channel, P: Payload>(mut inbox: C::Rx<Message<P>>, mut tally: Tally) {
    while let Some(message) = C::recv(&mut inbox).await {
        match message {
            Message::Add(payload) => {
                tally.add(payload.amount());
            }
            Message::Ask(n, reply) => reply.send(tally.add(n)).expect("the asker waits"),
            Message::Poison => panic!("{POISONED}"),
        }
    }
}

async fn player<C: Channel>(mut inbox: C::Rx<u64>, peer: C::Tx<u64>, rally: Rally) {
    while let Some(hops) = C::recv(&mut inbox).await {
        match rally.hit(hops) {
            Some(ball) => C::send(&peer, ball).await,
            None => break,
        }
    }
}

fn spawn_node<C: Channel>(parent: Parent<C::Tx<u64>>, span: Span) {
    let (me, inbox) = C::open();
    tokio::spawn(node::<C>(me, inbox, parent, span));
}

async fn node<C: Channel>(
    me: C::Tx<u64>,
    mut inbox: C::Rx<u64>,
    parent: Parent<C::Tx<u64>>,
    span: Span,
) {
    let sum = if span.is_leaf() {
        span.first
    } else {
        for child in span.children() {
            spawn_node::<C>(Parent::Node(me.clone()), child);
        }
        let mut gather = Gather::new();
        loop {
            let sum = C::recv(&mut inbox).await.expect("holds a sender itself");
            if let Some(sum) = gather.add(sum) {
                break sum;
            }
        }
    };
    match parent {
        Parent::Root(root) => root.send(sum).expect("the workload waits"),
        Parent::Node(node) => C::send(&node, sum).await,
    }
}

/// Hand-written supervision: a task that joins the worker and starts another.
async fn supervisor<C: Channel, P: Payload>(
    started: mpsc::UnboundedSender<C::Tx<Message<P>>>,
    tally: Tally,
) {
    loop {
        let (tx, rx) = C::open();
        let worker = tokio::spawn(counter::<C, P>(rx, tally.clone()));
        if started.send(tx).is_err() || worker.await.is_ok() {
            break;
        }
    }
}

pub struct TokioTask<C, P>(PhantomData<fn() -> (C, P)>);

impl<C, P> TokioTask<C, P> {
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<C, P> Clone for TokioTask<C, P> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<C: Channel, P: Payload> Peer for TokioTask<C, P> {
    type Counter = C::Tx<Message<P>>;

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        let (tx, rx) = C::open();
        tokio::spawn(counter::<C, P>(rx, tally));
        tx
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        C::send(counter, Message::Add(P::new(n))).await;
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        C::send(counter, Message::Ask(n, reply)).await;
        answer.await.expect("the task replies")
    }

    async fn ping_pong(&self, rally: Rally) {
        let ((ping, ping_inbox), (pong, pong_inbox)) = (C::open(), C::open());
        C::send(&ping, 1).await;
        tokio::spawn(player::<C>(ping_inbox, pong, rally.clone()));
        tokio::spawn(player::<C>(pong_inbox, ping, rally));
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        spawn_node::<C>(Parent::Root(root), span);
    }

    async fn restarts(&self, tally: Tally, times: u64) -> u64 {
        let (started, mut workers) = mpsc::unbounded_channel();
        tokio::spawn(supervisor::<C, P>(started, tally));
        let mut worker = workers.recv().await.expect("the supervisor lives");
        let mut fresh = 0;
        for _ in 0..times {
            C::send(&worker, Message::Poison).await;
            worker = workers.recv().await.expect("the supervisor lives");
            fresh += u64::from(Self::ask(&worker, 1).await == 1);
        }
        fresh
    }
}
