//! acto: an actor is an async function over a cell; bounded mailboxes only,
//! asks by a oneshot in the message.

use std::sync::Arc;

use acto::{AcTokio, AcTokioRuntime, ActoCell, ActoInput, ActoRef, ActoRuntime, MailboxSize};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use crate::peer::{CAPACITY, Gather, POISONED, Parent, Peer, Rally, Span, Tally};

pub enum Message {
    Add(u64),
    Ask(u64, oneshot::Sender<u64>),
    Poison,
}

type Cell<M> = ActoCell<M, AcTokioRuntime>;

async fn counter(mut cell: Cell<Message>, mut tally: Tally) {
    while let ActoInput::Message(message) = cell.recv().await {
        match message {
            Message::Add(n) => {
                tally.add(n);
            }
            Message::Ask(n, reply) => reply.send(tally.add(n)).expect("the asker waits"),
            Message::Poison => panic!("{POISONED}"),
        }
    }
}

enum Play {
    Meet(ActoRef<Play>),
    Ball(u64),
}

async fn player(mut cell: Cell<Play>, rally: Rally) {
    let mut peer = ActoRef::blackhole();
    while let ActoInput::Message(message) = cell.recv().await {
        match message {
            Play::Meet(player) => peer = player,
            Play::Ball(hops) => match rally.hit(hops) {
                Some(ball) => assert!(peer.send(Play::Ball(ball))),
                None => break,
            },
        }
    }
}

fn spawn_node(runtime: &AcTokioRuntime, parent: Parent<ActoRef<u64>>, span: Span) {
    runtime.spawn_actor("node", |cell: Cell<u64>| node(cell, parent, span));
}

async fn node(mut cell: Cell<u64>, parent: Parent<ActoRef<u64>>, span: Span) {
    let sum = if span.is_leaf() {
        span.first
    } else {
        let me = cell.me();
        for child in span.children() {
            spawn_node(cell.rt(), Parent::Node(me.clone()), child);
        }
        let mut gather = Gather::new();
        loop {
            let ActoInput::Message(sum) = cell.recv().await else {
                unreachable!("holds a handle itself")
            };
            if let Some(sum) = gather.add(sum) {
                break sum;
            }
        }
    };
    match parent {
        Parent::Root(root) => root.send(sum).expect("the workload waits"),
        Parent::Node(node) => assert!(node.send(sum)),
    }
}

async fn supervisor(
    mut cell: Cell<()>,
    started: mpsc::UnboundedSender<ActoRef<Message>>,
    tally: Tally,
) {
    loop {
        let tally = tally.clone();
        let child = cell.spawn_supervised("child", |cell: Cell<Message>| counter(cell, tally));
        if started.send(child).is_err() || !cell.recv().await.is_supervision() {
            break;
        }
    }
}

#[derive(Clone)]
pub struct Acto {
    runtime: AcTokioRuntime,
    _system: Arc<AcTokio>,
}

impl Acto {
    pub fn new() -> Self {
        let system = AcTokio::from_handle("bench", Handle::current());
        Self { runtime: system.with_mailbox_size(CAPACITY), _system: Arc::new(system) }
    }
}

impl Peer for Acto {
    type Counter = ActoRef<Message>;

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        self.runtime.spawn_actor("counter", |cell: Cell<Message>| counter(cell, tally)).me
    }

    /// `send` returns false for a full mailbox; only then is the boxed future
    /// of `send_wait` needed.
    async fn tell(counter: &Self::Counter, n: u64) {
        assert!(counter.send(Message::Add(n)) || counter.send_wait(Message::Add(n)).await);
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        assert!(counter.send_wait(Message::Ask(n, reply)).await);
        answer.await.expect("the actor replies")
    }

    async fn ping_pong(&self, rally: Rally) {
        let ping_rally = rally.clone();
        let ping = self.runtime.spawn_actor("ping", |cell: Cell<Play>| player(cell, ping_rally)).me;
        let pong = self.runtime.spawn_actor("pong", |cell: Cell<Play>| player(cell, rally)).me;
        assert!(ping.send(Play::Meet(pong.clone())) && pong.send(Play::Meet(ping.clone())));
        assert!(ping.send(Play::Ball(1)));
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        spawn_node(&self.runtime, Parent::Root(root), span);
    }

    async fn restarts(&self, tally: Tally, times: u64) -> u64 {
        let (started, mut children) = mpsc::unbounded_channel();
        let _supervisor = self
            .runtime
            .spawn_actor("supervisor", |cell: Cell<()>| supervisor(cell, started, tally));
        let mut child = children.recv().await.expect("the supervisor lives");
        let mut fresh = 0;
        for _ in 0..times {
            assert!(child.send(Message::Poison));
            child = children.recv().await.expect("the supervisor lives");
            fresh += u64::from(Self::ask(&child, 1).await == 1);
        }
        fresh
    }
}
