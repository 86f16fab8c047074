//! Records an actor, replays it, goes back in time, and finds the turn at which a changed handler parts from
//! the record.
#![forbid(unsafe_code)]
#![deny(clippy::large_futures)]
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use std::{convert::Infallible, sync::Arc};

use serde::{Deserialize, Serialize};

use steadfast::prelude::{Actor, ActorRef, Cx, Flow, Reply, System};
use steadfast_eventlog::{EventStore, MemoryStore};
use steadfast_sourcing::{
    record::{Recorder, RecorderConfig, Shape},
    replay::{Breakpoint, ReplayController, Stage},
};

/// A till that gives change, and tells the office of every sale.
#[derive(Clone, Serialize)]
struct Till {
    cents: u64,
    sales: u64,
    /// The new edition gives a free coffee to every fifth customer.
    #[serde(skip)]
    free_coffee: bool,
    #[serde(skip)]
    office: ActorRef<Sale>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Msg {
    Sell { cents: u64 },
    Total(Reply<u64>),
}

#[derive(Debug, Serialize, Deserialize)]
struct Sale {
    cents: u64,
}

impl Actor for Till {
    type Msg = Msg;
    type Error = Infallible;

    async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            Msg::Sell { cents } => {
                self.sales += 1;
                let cents =
                    if self.free_coffee && self.sales.is_multiple_of(5) { 0 } else { cents };
                self.cents += cents;
                self.office.tell(Sale { cents }).await.ok();
            }
            Msg::Total(reply) => reply.send(self.cents),
        }
        Ok(Flow::Continue)
    }
}

struct Office;

impl Actor for Office {
    type Msg = Sale;
    type Error = Infallible;

    async fn handle(&mut self, _: Sale, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Continue)
    }
}

fn till(office: ActorRef<Sale>) -> Till {
    Till { cents: 0, sales: 0, free_coffee: false, office }
}

fn shape() -> Shape<Till> {
    Shape::new().knowing::<Sale>().hashed().cloned()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::builder("cafe").build()?;
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let mut config = RecorderConfig::default();
    config.state_hash_every = 1;
    let recorder = Recorder::new(&system, Arc::clone(&log), config);

    let office = system.spawn("office", || Office).await?;
    let live = recorder.spawn(&system, "till", shape(), move || till(office.clone())).await?;
    for cents in [250, 300, 275, 410, 199, 320, 150] {
        live.tell(Msg::Sell { cents }).await?;
    }
    println!("live: {} cents", live.ask(Msg::Total).await?);
    system.shutdown().await;
    recorder.flush().await;

    // The same turns again, in a world of their own; refs are stand-ins.
    let on_stage = |stage: &Stage| till(stage.actor_ref("/cafe/office"));
    let replay = ReplayController::builder(Arc::clone(&log))
        .actor("/cafe/till", shape(), on_stage)
        .breakpoint(Breakpoint::turn("/cafe/till", 5));
    let mut replay = replay.build().await?;
    println!("replay: {:?}", replay.run().await?);
    println!("before the fourth sale: {} cents", cents(&replay));
    replay.run().await?;
    println!("at the end: {} cents after {} turns", cents(&replay), replay.step());
    replay.back(3).await?;
    println!("three turns back: {} cents", cents(&replay));

    // A new edition of the handler, on yesterday's inputs.
    let new_edition =
        |stage: &Stage| Till { free_coffee: true, ..till(stage.actor_ref("/cafe/office")) };
    let changed = ReplayController::builder(log).actor("/cafe/till", shape(), new_edition);
    match changed.build().await?.run().await {
        Ok(_) => println!("the new edition does the same"),
        Err(error) => match error.non_determinism() {
            Some(found) => println!("the new edition parts at turn {}", found.turn),
            None => return Err(error.into()),
        },
    }
    Ok(())
}

fn cents(replay: &ReplayController) -> u64 {
    replay.actor::<Till>("/cafe/till").map_or(0, |till| till.cents)
}
