//! Random sequences of operations against a plain model of what each half must see.

use std::task::{Context, Poll, Waker};

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, test_runner::TestCaseError};

use super::{Answer, AskTag, Asker, Lost, LostList, PoolHandle, SlotPool, Ticker, Why};

/// How much later the clock may be at the next scan, in milliseconds.
const STEP_MS_MAX: u64 = 40;

/// What happens next; the numbers choose among the asks so far.
#[derive(Debug, Clone)]
enum Op {
    Ask { limit_ms: u32 },
    Poll(usize),
    DropAsker(usize),
    Send(usize),
    Lose(usize),
    Collect(usize),
    LoseCollected,
    Recall(usize),
    Scan { after_ms: u64 },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let which = any::<usize>();
    let op = prop_oneof![
        3 => prop_oneof![Just(0), 1..100_u32].prop_map(|limit_ms| Op::Ask { limit_ms }),
        3 => which.prop_map(Op::Poll),
        1 => which.prop_map(Op::DropAsker),
        1 => which.prop_map(Op::Send),
        1 => which.prop_map(Op::Lose),
        1 => which.prop_map(Op::Collect),
        1 => Just(Op::LoseCollected),
        1 => which.prop_map(Op::Recall),
        3 => (0..STEP_MS_MAX).prop_map(|after_ms| Op::Scan { after_ms }),
    ];
    collection::vec(op, 1..200)
}

/// One ask: its halves, and what the model knows of it.
struct Ask {
    asker: Option<Asker<u64>>,
    answer: Option<Answer<u64>>,
    tag: AskTag,
    collected: bool,
    limit_ms: u32,
    waiting: bool,
    seen_at_ms: Option<u64>,
    outcome: Option<Result<u64, Lost>>,
}

impl Ask {
    /// Settles the model, if the asker is still there to see it.
    fn settle(&mut self, outcome: Result<u64, Lost>) -> bool {
        let open = self.asker.is_some() && self.outcome.is_none();
        if open {
            self.outcome = Some(outcome);
        }
        open
    }

    fn in_use(&self) -> bool {
        self.asker.is_some() || self.answer.is_some() || self.collected
    }

    /// What a scan at `now_ms` does to it; true if it still waits after that.
    fn scan(&mut self, now_ms: u64) -> bool {
        let waits = self.asker.is_some() && self.outcome.is_none() && self.waiting;
        if !waits || self.limit_ms == 0 {
            return false;
        }
        let seen_at_ms = *self.seen_at_ms.get_or_insert(now_ms);
        let due = now_ms - seen_at_ms >= u64::from(self.limit_ms);
        !(due && self.settle(Err(Lost(Why::Expired))))
    }
}

struct World {
    pool: PoolHandle,
    ticker: Ticker,
    collected: LostList,
    asks: Vec<Ask>,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        let pool = SlotPool::new();
        let ticker = pool.ticker().expect("the first ticker");
        Self { pool, ticker, collected: LostList::new(), asks: Vec::new(), now_ms: 0 }
    }

    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Ask { limit_ms } => self.ask(limit_ms),
            Op::LoseCollected => {
                self.collected.lose_all(Why::Restarting);
                for ask in self.asks.iter_mut().filter(|ask| ask.collected) {
                    ask.settle(Err(Lost(Why::Restarting)));
                    ask.collected = false;
                }
            }
            Op::Scan { after_ms } => {
                self.now_ms += after_ms;
                let now_ms = self.now_ms;
                let waiting = self.asks.iter_mut().filter_map(|ask| ask.scan(now_ms).then_some(()));
                let waiting = waiting.count();
                prop_assert_eq!(self.ticker.scan(|| now_ms * 1_000_000), waiting);
            }
            Op::Poll(which)
            | Op::DropAsker(which)
            | Op::Send(which)
            | Op::Lose(which)
            | Op::Collect(which)
            | Op::Recall(which) => {
                let index = which % self.asks.len().max(1);
                if let Some(ask) = self.asks.get_mut(index) {
                    half(op, ask, &self.pool, &mut self.collected)?;
                }
            }
        }
        let in_use = self.asks.iter().filter(|ask| ask.in_use()).count();
        prop_assert_eq!(self.pool.live(), in_use as u64);
        Ok(())
    }

    fn ask(&mut self, limit_ms: u32) {
        let (asker, answer) = self.pool.acquire(limit_ms);
        self.asks.push(Ask {
            tag: asker.tag(),
            asker: Some(asker),
            answer: Some(answer),
            collected: false,
            limit_ms,
            waiting: false,
            seen_at_ms: None,
            outcome: None,
        });
    }
}

/// Does to one ask what `op` says of its halves.
fn half(
    op: &Op,
    ask: &mut Ask,
    pool: &PoolHandle,
    collected: &mut LostList,
) -> Result<(), TestCaseError> {
    match *op {
        Op::Poll(_) => {
            let Some(asker) = &mut ask.asker else { return Ok(()) };
            let polled = asker.poll(&mut Context::from_waker(Waker::noop()));
            match ask.outcome {
                None => {
                    prop_assert_eq!(polled, Poll::Pending);
                    ask.waiting = true;
                }
                Some(outcome) => {
                    prop_assert_eq!(polled, Poll::Ready(outcome));
                    ask.asker = None;
                }
            }
        }
        Op::DropAsker(_) => ask.asker = None,
        Op::Recall(_) => {
            let recalled = pool.recall(ask.tag, Why::Stopped);
            prop_assert_eq!(recalled, ask.settle(Err(Lost(Why::Stopped))));
        }
        _ => {
            let Some(answer) = ask.answer.take() else { return Ok(()) };
            let open = ask.asker.is_some() && ask.outcome.is_none();
            prop_assert_eq!(answer.is_abandoned(), !open);
            match *op {
                Op::Send(value) => {
                    let value = value as u64;
                    prop_assert_eq!(answer.send(value).is_ok(), ask.settle(Ok(value)));
                }
                Op::Lose(_) => {
                    drop(answer);
                    ask.settle(Err(Lost(Why::Dropped)));
                }
                _ => {
                    collected.push(answer.into_erased());
                    ask.collected = true;
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_sequence_of_operations_agrees_with_the_model(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.step(op)?;
        }
        let World { pool, ticker, collected, asks, .. } = world;
        drop((asks, collected, ticker));
        prop_assert!(pool.live() == 0);
    }
}
