//! Many actors: the cost per actor does not grow with their number.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use steadfast_actor_core::{Actor, Cx, Flow, Reply, System};

struct Small(u64);

enum Ask {
    Add(u64),
    Get(Reply<u64>),
}

impl Actor for Small {
    type Msg = Ask;
    type Error = Infallible;

    async fn handle(&mut self, msg: Ask, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            Ask::Add(number) => self.0 += number,
            Ask::Get(reply) => reply.send(self.0),
        }
        Ok(Flow::Continue)
    }
}

/// Starts `count` named actors, runs them, stops them; how long that took.
#[expect(clippy::disallowed_methods, reason = "the cost is real time")]
fn start_run_stop(count: u64) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let system = System::builder("many").build().unwrap();
        let mut actors = Vec::new();
        for number in 0..count {
            actors.push(system.spawn(&format!("a{number}"), || Small(1)).await.unwrap());
        }
        for actor in &actors {
            actor.tell(Ask::Add(1)).await.unwrap();
        }
        let mut sum = 0;
        for actor in &actors {
            sum += actor.ask(Ask::Get).await.unwrap();
        }
        assert_eq!(sum, 2 * count);
        let report = system.shutdown().await;
        assert_eq!((report.killed, system.actor_count()), (0, 0));
    });
    began.elapsed()
}

#[test]
fn s28_a_hundred_thousand_actors_start_run_and_stop_at_linear_cost() {
    let warm_up = start_run_stop(1_000);
    let small = start_run_stop(10_000).max(warm_up);
    let large = start_run_stop(100_000);
    // Ten times the actors; OTP's own suite allows ten times the time per actor too.
    assert!(large < small * 100, "10,000 took {small:?}, 100,000 took {large:?}");
}
