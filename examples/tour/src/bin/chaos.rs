//! A store under chaos: its actors are killed at random and cut off, in virtual time, and must come back.
#![forbid(unsafe_code)]
#![deny(clippy::large_futures)]
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use steadfast::actor_core::Recipient;
use steadfast::assembly::drill::{self, ActorOptions, ActorTwin};
use steadfast::prelude::{Actor, ActorRef, ChildSpec, Cx, Flow, Reply, Supervisor};

/// Knows how many of its goods there are.
struct Shelf(u32);

impl Actor for Shelf {
    type Msg = Reply<u32>;
    type Error = Infallible;

    async fn handle(&mut self, reply: Reply<u32>, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        reply.send(self.0);
        Ok(Flow::Continue)
    }
}

/// Asks both shelves for whoever wants to know how many goods there are.
struct Clerk {
    shelves: [Recipient<Reply<u32>>; 2],
}

impl Actor for Clerk {
    type Msg = Reply<u32>;
    type Error = Infallible;

    async fn handle(&mut self, reply: Reply<u32>, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        let mut sum = 0;
        for shelf in &self.shelves {
            match shelf.ask(|reply| reply).await {
                Ok(count) => sum += count,
                // A shelf that does not answer: nobody is told a wrong number.
                Err(_) => return Ok(Flow::Continue),
            }
        }
        reply.send(sum);
        Ok(Flow::Continue)
    }
}

/// Starts the store in the twin, and gives back a question that tells whether it works.
async fn open(
    twin: ActorTwin,
    supervisor: Supervisor,
) -> Result<impl Fn() -> Check, Box<dyn Error>> {
    let shelves = supervisor
        .child(ChildSpec::new("tea", || Shelf(30)))
        .child(ChildSpec::new("coffee", || Shelf(12)));
    let store = shelves.start(twin.system(), "store").await?;
    let tea: ActorRef<Reply<u32>> = store.child("tea").await.ok_or("no tea")?;
    let coffee: ActorRef<Reply<u32>> = store.child("coffee").await.ok_or("no coffee")?;

    // Over links that the drill can cut, in place of the refs themselves.
    let link = |shelf: &ActorRef<Reply<u32>>| twin.link("/drill/desk/clerk", shelf.recipient());
    let shelves = [link(&tea), link(&coffee)];
    let clerk = ChildSpec::new("clerk", move || Clerk { shelves: shelves.clone() });
    let desk = Supervisor::one_for_one().child(clerk).start(twin.system(), "desk").await?;
    let clerk: ActorRef<Reply<u32>> = desk.child("clerk").await.ok_or("no clerk")?;
    Ok(move || {
        let clerk = clerk.clone();
        Box::pin(async move {
            match clerk.ask(|reply| reply).await {
                Ok(42) => Ok(()),
                Ok(other) => Err(format!("{other} goods in place of 42").into()),
                Err(error) => Err(error.to_string().into()),
            }
        }) as Check
    })
}

type Check = std::pin::Pin<Box<dyn Future<Output = Result<(), Box<dyn Error>>>>>;

fn main() {
    let options = ActorOptions::default();
    let report = drill::run_actors("store", &options, |twin| open(twin, Supervisor::one_for_one()));
    println!("{report}\n");

    // Five restarts in an hour are fewer than the drill kills.
    let stingy = || Supervisor::one_for_one().intensity(5, Duration::from_hours(1));
    let report = drill::run_actors("stingy store", &options, |twin| open(twin, stingy()));
    println!("{report}");
}
