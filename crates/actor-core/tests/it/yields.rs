//! A busy actor and the other tasks of its thread.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use steadfast_actor_core::{Actor, Cx, Flow, System};
use steadfast_base::VirtualClock;

const MESSAGES: u32 = 4_000;

/// Counts its messages; each takes `cost` of the clock.
struct Busy {
    handled: Arc<AtomicU32>,
    clock: VirtualClock,
    cost: Duration,
}

impl Actor for Busy {
    type Msg = ();
    type Error = Infallible;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        self.handled.fetch_add(1, Ordering::Relaxed);
        self.clock.advance(self.cost);
        Ok(Flow::Continue)
    }
}

/// The most messages that an actor with a long backlog handles while another task of its thread is
/// ready, if each takes `cost`.
fn longest_stretch(cost: Duration) -> u32 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let clock = VirtualClock::new();
        let system = System::builder("test").time(clock.time()).build().unwrap();
        let handled = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&handled);
        let make = move || Busy { handled: Arc::clone(&count), clock: clock.clone(), cost };
        let actor = system.spawn("busy", make).capacity(MESSAGES).await.unwrap();
        actor.suspend();
        for _ in 0..MESSAGES {
            actor.tell(()).now().unwrap();
        }
        actor.resume();
        let mut other = tokio::task::JoinSet::new();
        other.spawn(async move {
            let (mut longest, mut seen) = (0, 0);
            poll_fn(|task| {
                let now = handled.load(Ordering::Relaxed);
                longest = longest.max(now - seen);
                seen = now;
                // To the end of the queue of this thread.
                task.waker().wake_by_ref();
                if seen < MESSAGES { Poll::Pending } else { Poll::Ready(longest) }
            })
            .await
        });
        let longest = other.join_next().await.unwrap().unwrap();
        system.shutdown().await;
        longest
    })
}

#[test]
fn a_busy_actor_lets_others_go_first_after_512_messages() {
    assert_eq!(longest_stretch(Duration::ZERO), 512);
    assert_eq!(longest_stretch(Duration::from_nanos(10)), 512);
}

#[test]
fn an_actor_with_slow_messages_lets_others_go_first_sooner() {
    // It looks at the clock after 32 messages, and sees at the next look that 50 us are over.
    assert_eq!(longest_stretch(Duration::from_millis(1)), 64);
    assert_eq!(longest_stretch(Duration::from_micros(1)), 96);
}
