//! Many threads at once: every value ends once, and every slot comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::{Answer, Asker, Lost, LostList, PoolHandle, SlotPool, Why};

const ASKS: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };
const ASKERS: usize = 3;
const ANSWERERS: usize = 2;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A value that counts the living.
struct Live(u64, Arc<AtomicU64>);

impl Live {
    fn new(value: u64, living: &Arc<AtomicU64>) -> Self {
        living.fetch_add(1, Ordering::SeqCst);
        Self(value, Arc::clone(living))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

type Job = (u64, Answer<Live>);

/// Waits for the outcome, with a new waker now and then.
fn wait(asker: &mut Asker<Live>, changing: bool) -> Result<Live, Lost> {
    let mut waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match asker.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending if changing => {
                waker = Waker::from(Arc::new(Unpark(thread::current())));
            }
            Poll::Pending => thread::park(),
        }
    }
}

fn ask(pool: &PoolHandle, jobs: &[SyncSender<Job>], first: usize) {
    for (number, jobs) in (0..ASKS).zip(jobs.iter().cycle()).skip(first).step_by(ASKERS) {
        let (mut asker, answer) = pool.acquire::<Live>(u32::from(number % 2 == 0));
        jobs.send((number, answer)).expect("answerers stay until all have asked");
        match number % 7 {
            0 => drop(asker),
            1 => {
                let early = asker.poll(&mut Context::from_waker(Waker::noop()));
                assert!(!matches!(early, Poll::Ready(Ok(value)) if value.0 != number));
            }
            way => match wait(&mut asker, way == 2) {
                Ok(value) => assert_eq!(value.0, number),
                Err(Lost(Why::Expired)) => assert_eq!(number % 2, 0),
                Err(Lost(why)) => assert!(matches!(why, Why::Dropped | Why::Restarting)),
            },
        }
    }
}

fn answer(jobs: impl Iterator<Item = Job>, living: &Arc<AtomicU64>) {
    let mut lost = LostList::new();
    for (number, answer) in jobs {
        match number % 11 {
            0 => drop(answer),
            1 => {
                lost.push(answer.into_erased());
                lost.lose_all(Why::Restarting);
            }
            _ => drop(answer.send(Live::new(number, living))),
        }
    }
}

#[test]
fn threads_that_ask_answer_and_leave_at_random_lose_and_leak_nothing() {
    let pool = Arc::new(SlotPool::new());
    let mut ticker = pool.ticker().unwrap();
    let living = Arc::new(AtomicU64::new(0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for _ in 0..ANSWERERS {
            let (sender, jobs) = sync_channel::<Job>(64);
            senders.push(sender);
            let living = &living;
            scope.spawn(move || answer(jobs.into_iter(), living));
        }
        let scanning = scope.spawn(|| {
            let mut now_ms = 0;
            while !over.load(Ordering::SeqCst) {
                ticker.scan(|| now_ms * 1_000_000);
                now_ms += 1;
                thread::yield_now();
            }
        });
        let asking: Vec<_> = (0..ASKERS)
            .map(|first| {
                let (pool, jobs) = (Arc::clone(&pool), senders.clone());
                scope.spawn(move || ask(&pool, &jobs, first))
            })
            .collect();
        drop(senders);
        for asker in asking {
            asker.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        scanning.join().unwrap();
    });
    assert_eq!(living.load(Ordering::SeqCst), 0);
    assert_eq!(pool.live(), 0);
    assert!(pool.allocated() <= 2_048, "{} slots", pool.allocated());
}

#[test]
fn pools_that_close_under_their_users_free_everything_once() {
    let living = Arc::new(AtomicU64::new(0));
    let rounds = ASKS / 100;
    let (to_asker, askers) = sync_channel::<Asker<Live>>(8);
    let (to_answerer, answers) = sync_channel::<Job>(8);
    thread::scope(|scope| {
        scope.spawn(|| {
            for mut asker in askers {
                let _outcome = asker.poll(&mut Context::from_waker(Waker::noop()));
            }
        });
        scope.spawn(|| answer(answers.into_iter(), &living));
        for round in 0..rounds {
            let pool = SlotPool::new();
            for number in 0..4 {
                let (asker, answer) = pool.acquire::<Live>(u32::try_from(number % 2).unwrap());
                to_asker.send(asker).unwrap();
                to_answerer.send((round + number, answer)).unwrap();
            }
        }
        drop((to_asker, to_answerer));
    });
    assert_eq!(living.load(Ordering::SeqCst), 0);
}
