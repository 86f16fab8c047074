//! A model-based test: a mailbox seen through the public API, against a plain queue.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use proptest::{prelude::*, test_runner::Config};

use steadfast_actor_core::{
    Actor, ActorRef, Cx, Flow, Overflow, SendError, Tell, testkit::TestSystem,
};

use crate::common::*;

#[derive(Clone, Debug)]
enum Step {
    Tell(bool),
    Resize(u32),
    /// Handle all that is queued.
    Run,
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::bool::weighted(0.1).prop_map(Step::Tell),
        1 => (1_u32..8).prop_map(Step::Resize),
        2 => Just(Step::Run),
        1 => (0_usize..4).prop_map(Step::Cancel),
    ]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::Wait(SECOND)),
        Just(Overflow::Reject),
        Just(Overflow::DropNewest),
        Just(Overflow::DropOldest),
    ]
}

/// Records the numbers that it gets; fails on those that are marked, after recording them.
struct Sink(Arc<Mutex<Vec<u32>>>);

struct Item {
    number: u32,
    fails: bool,
}

impl Actor for Sink {
    type Msg = Item;
    type Error = Broken;

    async fn handle(&mut self, item: Item, _: &mut Cx<Self>) -> Result<Flow, Broken> {
        self.0.lock().unwrap().push(item.number);
        if item.fails { Err(Broken) } else { Ok(Flow::Continue) }
    }
}

/// What a mailbox is, in the simplest words.
#[derive(Default)]
struct Model {
    queue: VecDeque<u32>,
    waiting: VecDeque<u32>,
    capacity: usize,
    handled: Vec<u32>,
    dead: u64,
}

impl Model {
    /// The outcome of a tell: `None` if it waits.
    fn tell(&mut self, number: u32, overflow: Overflow) -> Option<bool> {
        if self.queue.len() < self.capacity && self.waiting.is_empty() {
            self.queue.push_back(number);
            return Some(true);
        }
        match overflow {
            Overflow::Reject => Some(false),
            Overflow::DropNewest => {
                self.dead += 1;
                Some(true)
            }
            Overflow::DropOldest => {
                while self.queue.len() >= self.capacity {
                    self.queue.pop_front();
                    self.dead += 1;
                }
                self.queue.push_back(number);
                Some(true)
            }
            _ => {
                self.waiting.push_back(number);
                None
            }
        }
    }

    fn admit(&mut self) {
        while self.queue.len() < self.capacity {
            let Some(next) = self.waiting.pop_front() else { return };
            self.queue.push_back(next);
        }
    }

    fn run(&mut self) {
        while !self.queue.is_empty() {
            self.handled.extend(self.queue.drain(..));
            self.admit();
        }
    }
}

type Waiting<'a> = (u32, Pin<Box<Tell<'a, Item>>>);

struct Mirror<'a> {
    test: &'a TestSystem,
    actor: &'a ActorRef<Item>,
    handled: &'a Mutex<Vec<u32>>,
    overflow: Overflow,
    model: Model,
    waiting: Vec<Waiting<'a>>,
    next: u32,
}

impl Mirror<'_> {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Tell(fails) => self.tell(fails).await,
            Step::Resize(capacity) => {
                self.actor.set_capacity(capacity);
                self.model.capacity = capacity as usize;
                self.model.admit();
            }
            Step::Run => {
                self.actor.resume();
                self.poll_waiting().await;
                self.actor.suspend();
                self.model.run();
            }
            Step::Cancel(place) => {
                if place < self.waiting.len() {
                    let (number, _) = self.waiting.remove(place);
                    self.model.waiting.retain(|known| *known != number);
                    self.model.admit();
                }
            }
        }
        self.poll_waiting().await;
        assert_eq!(*self.handled.lock().unwrap(), self.model.handled);
        assert_eq!(self.test.dead_letter_count(), self.model.dead);
        assert_eq!(self.actor.queued(), self.model.queue.len());
        let waiting: VecDeque<_> = self.waiting.iter().map(|(number, _)| *number).collect();
        assert_eq!(waiting, self.model.waiting);
    }

    async fn tell(&mut self, fails: bool) {
        let number = self.next;
        self.next += 1;
        let mut tell = Box::pin(self.actor.tell(Item { number, fails }));
        let polled = poll_fn(|task| Poll::Ready(tell.as_mut().poll(task))).await;
        match (self.model.tell(number, self.overflow), polled) {
            (Some(true), Poll::Ready(Ok(()))) => {}
            (Some(false), Poll::Ready(Err(SendError::Full(item)))) => {
                assert_eq!(item.number, number);
            }
            (None, Poll::Pending) => self.waiting.push((number, tell)),
            (model, real) => panic!("the model says {model:?}, the mailbox {real:?}"),
        }
    }

    /// Lets the actor and those who wait go on until nothing moves any more.
    async fn poll_waiting(&mut self) {
        loop {
            self.test.settle().await;
            let before = self.waiting.len();
            let mut left = Vec::new();
            for (number, mut tell) in self.waiting.drain(..) {
                match poll_fn(|task| Poll::Ready(tell.as_mut().poll(task))).await {
                    Poll::Ready(sent) => sent.expect("no time passes, so room came"),
                    Poll::Pending => left.push((number, tell)),
                }
            }
            self.waiting = left;
            if self.waiting.len() == before {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 200, ..Config::default() })]

    #[test]
    fn a_mailbox_behaves_as_a_plain_queue_over_all_policies_resizes_and_restarts(
        overflow in overflow(),
        capacity in 1_u32..6,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let test = TestSystem::new();
        let handled = Arc::new(Mutex::new(Vec::new()));
        let log = Log::default();
        test.run(async {
            let boss = boss(&test, Plan::RESTART, &log).await;
            let sink = Arc::clone(&handled);
            let spawn = test.spawn("sink", move || Sink(Arc::clone(&sink)));
            let spawn = spawn.supervised_by(&boss.handle(), 1).capacity(capacity);
            let actor = spawn.overflow(overflow).await.unwrap();
            know(&boss, 1, &actor.handle()).await;
            actor.suspend();
            test.settle().await;
            let model = Model { capacity: capacity as usize, ..Model::default() };
            let mut mirror = Mirror {
                test: &test,
                actor: &actor,
                handled: &handled,
                overflow,
                model,
                waiting: Vec::new(),
                next: 0,
            };
            for step in steps {
                mirror.take(step).await;
            }
        });
    }
}
