//! A mailbox seen through an actor's ref is a plain queue, over all policies, resizes and orders to go on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use steadfast_actor_core::testkit::TestSystem;
use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, Overflow, SendError};

/// One run settles the whole system at every step.
const STEPS_MAX: usize = 200;

/// Keeps the numbers that it gets.
struct Keeper(Arc<Mutex<Vec<u32>>>);

impl Actor for Keeper {
    type Msg = u32;
    type Error = Infallible;

    async fn handle(&mut self, number: u32, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(number);
        Ok(Flow::Continue)
    }
}

/// What a mailbox is, in the simplest words.
struct Model {
    overflow: Overflow,
    capacity: usize,
    queue: VecDeque<u32>,
    handled: Vec<u32>,
    dead: u64,
}

impl Model {
    /// Whether the message is taken.
    fn tell(&mut self, number: u32) -> bool {
        if self.queue.len() < self.capacity {
            self.queue.push_back(number);
            return true;
        }
        match self.overflow {
            Overflow::DropNewest => self.dead += 1,
            Overflow::DropOldest => {
                while self.queue.len() >= self.capacity {
                    self.queue.pop_front();
                    self.dead += 1;
                }
                self.queue.push_back(number);
            }
            // Nobody waits here.
            _ => return false,
        }
        true
    }
}

/// Takes the first byte as the policy, the second as the capacity, every other one as a step.
pub(crate) fn run(data: &[u8]) {
    let Some(([policy, capacity], steps)) = data.split_first_chunk::<2>() else { return };
    let overflow = match policy % 4 {
        0 => Overflow::Reject,
        1 => Overflow::DropNewest,
        2 => Overflow::DropOldest,
        _ => Overflow::Wait(Duration::from_secs(1)),
    };
    let capacity = u32::from(capacity % 8) + 1;
    let (test, handled) = (TestSystem::new(), Arc::new(Mutex::new(Vec::new())));
    let mut model = Model {
        overflow,
        capacity: capacity as usize,
        queue: VecDeque::new(),
        handled: Vec::new(),
        dead: 0,
    };
    test.run(async {
        let kept = Arc::clone(&handled);
        let spawn = test.spawn("keeper", move || Keeper(Arc::clone(&kept)));
        let keeper = spawn.capacity(capacity).overflow(overflow).await.expect("the name is free");
        keeper.suspend();
        test.settle().await;
        for (number, byte) in (0..).zip(steps.iter().take(STEPS_MAX)) {
            step(&test, &keeper, &mut model, number, *byte).await;
            let handled = handled.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(*handled, model.handled, "handled in the order of sending");
        }
    });
}

async fn step(test: &TestSystem, keeper: &ActorRef<u32>, model: &mut Model, number: u32, byte: u8) {
    match byte % 4 {
        1 => {
            let capacity = u32::from(byte / 4 % 8) + 1;
            keeper.set_capacity(capacity);
            model.capacity = capacity as usize;
        }
        2 => {
            keeper.resume();
            test.settle().await;
            keeper.suspend();
            test.settle().await;
            model.handled.extend(model.queue.drain(..));
        }
        _ => match keeper.tell(number).now() {
            Ok(()) => assert!(model.tell(number), "{number} is one too many"),
            Err(SendError::Full(back)) => {
                assert_eq!(back, number, "the message comes back");
                assert!(!model.tell(number), "there is room for {number}");
            }
            other => assert!(other.is_ok(), "refused though alive: {other:?}"),
        },
    }
    assert_eq!(keeper.queued(), model.queue.len(), "queued");
    assert_eq!(test.dead_letter_count(), model.dead, "dead letters");
}
