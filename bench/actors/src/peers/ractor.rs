//! ractor: unbounded mailboxes only, `cast` and `call!`.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, call};
use tokio::sync::mpsc;

use crate::peer::{Gather, POISONED, Parent, Peer, Rally, Span, Tally};

pub enum Message {
    Add(u64),
    Ask(u64, RpcReplyPort<u64>),
    Poison,
}

struct Counter;

impl Actor for Counter {
    type Msg = Message;
    type State = Tally;
    type Arguments = Tally;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        tally: Tally,
    ) -> Result<Tally, ActorProcessingErr> {
        Ok(tally)
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        tally: &mut Tally,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Add(n) => {
                tally.add(n);
            }
            Message::Ask(n, reply) => reply.send(tally.add(n))?,
            Message::Poison => panic!("{POISONED}"),
        }
        Ok(())
    }
}

struct Player;

enum Play {
    Meet(ActorRef<Play>),
    Ball(u64),
}

struct PlayerState {
    rally: Rally,
    peer: Option<ActorRef<Play>>,
}

impl Actor for Player {
    type Msg = Play;
    type State = PlayerState;
    type Arguments = Rally;

    async fn pre_start(
        &self,
        _: ActorRef<Play>,
        rally: Rally,
    ) -> Result<PlayerState, ActorProcessingErr> {
        Ok(PlayerState { rally, peer: None })
    }

    async fn handle(
        &self,
        _: ActorRef<Play>,
        message: Play,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Play::Meet(peer) => state.peer = Some(peer),
            Play::Ball(hops) => {
                if let (Some(ball), Some(peer)) = (state.rally.hit(hops), &state.peer) {
                    peer.cast(Play::Ball(ball))?;
                }
            }
        }
        Ok(())
    }
}

struct Node;

struct NodeState {
    parent: Parent<ActorRef<u64>>,
    span: Span,
    gather: Gather,
}

impl NodeState {
    fn finish(&self, me: &ActorRef<u64>, sum: u64) -> Result<(), ActorProcessingErr> {
        match &self.parent {
            Parent::Root(root) => root.send(sum)?,
            Parent::Node(node) => node.cast(sum)?,
        }
        me.stop(None);
        Ok(())
    }
}

impl Actor for Node {
    type Msg = u64;
    type State = NodeState;
    type Arguments = (Parent<ActorRef<u64>>, Span);

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        (parent, span): Self::Arguments,
    ) -> Result<NodeState, ActorProcessingErr> {
        Ok(NodeState { parent, span, gather: Gather::new() })
    }

    async fn post_start(
        &self,
        me: ActorRef<u64>,
        state: &mut NodeState,
    ) -> Result<(), ActorProcessingErr> {
        if state.span.is_leaf() {
            return state.finish(&me, state.span.first);
        }
        for child in state.span.children() {
            Actor::spawn(None, Node, (Parent::Node(me.clone()), child)).await?;
        }
        Ok(())
    }

    async fn handle(
        &self,
        me: ActorRef<u64>,
        sum: u64,
        state: &mut NodeState,
    ) -> Result<(), ActorProcessingErr> {
        match state.gather.add(sum) {
            Some(sum) => state.finish(&me, sum),
            None => Ok(()),
        }
    }
}

struct Supervisor;

struct SupervisorState {
    tally: Tally,
    started: mpsc::UnboundedSender<ActorRef<Message>>,
}

impl SupervisorState {
    async fn start_child(&self, me: ActorRef<()>) -> Result<(), ActorProcessingErr> {
        let (child, _) = Actor::spawn_linked(None, Counter, self.tally.clone(), me.into()).await?;
        Ok(self.started.send(child)?)
    }
}

impl Actor for Supervisor {
    type Msg = ();
    type State = SupervisorState;
    type Arguments = SupervisorState;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        state: SupervisorState,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        state.start_child(me).await?;
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(..) => state.start_child(me).await,
            _ => Ok(()),
        }
    }
}

#[derive(Clone)]
pub struct Ractor;

impl Peer for Ractor {
    type Counter = ActorRef<Message>;

    async fn spawn(&self, tally: Tally) -> Self::Counter {
        let (counter, _) = Actor::spawn(None, Counter, tally).await.expect("the actor starts");
        counter
    }

    async fn tell(counter: &Self::Counter, n: u64) {
        counter.cast(Message::Add(n)).expect("the actor lives");
    }

    async fn ask(counter: &Self::Counter, n: u64) -> u64 {
        call!(counter, Message::Ask, n).expect("the actor replies")
    }

    async fn stop(counter: Self::Counter) {
        counter.stop(None);
    }

    async fn ping_pong(&self, rally: Rally) {
        let (ping, _) = Actor::spawn(None, Player, rally.clone()).await.expect("the actor starts");
        let (pong, _) = Actor::spawn(None, Player, rally).await.expect("the actor starts");
        for (player, message) in [
            (&ping, Play::Meet(pong.clone())),
            (&pong, Play::Meet(ping.clone())),
            (&ping, Play::Ball(1)),
        ] {
            player.cast(message).expect("the actor lives");
        }
    }

    async fn skynet(&self, root: mpsc::UnboundedSender<u64>, span: Span) {
        Actor::spawn(None, Node, (Parent::Root(root), span)).await.expect("the actor starts");
    }

    async fn restarts(&self, tally: Tally, times: u64) -> u64 {
        let (started, mut children) = mpsc::unbounded_channel();
        let (supervisor, _) = Actor::spawn(None, Supervisor, SupervisorState { tally, started })
            .await
            .expect("the actor starts");
        let mut child = children.recv().await.expect("the supervisor lives");
        let mut fresh = 0;
        for _ in 0..times {
            child.cast(Message::Poison).expect("the actor lives");
            child = children.recv().await.expect("the supervisor lives");
            fresh += u64::from(Self::ask(&child, 1).await == 1);
        }
        supervisor.stop(None);
        fresh
    }
}
