//! A supervised tree before and after a panic: the actor comes back under the same ref.
#![forbid(unsafe_code)]
#![deny(clippy::large_futures)]
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use std::convert::Infallible;

use steadfast::prelude::{
    Actor, ActorRef, ChildSpec, Cx, Flow, Reply, RootSupervisor, Supervisor, System,
};

/// Shares a sum among guests.
struct Divider;

struct Divide {
    cents: u32,
    guests: u32,
    reply: Reply<u32>,
}

impl Actor for Divider {
    type Msg = Divide;
    type Error = Infallible;

    async fn handle(&mut self, msg: Divide, _cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        let share = msg.cents / msg.guests; // Panics when nobody came.
        msg.reply.send(share);
        Ok(Flow::Continue)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::builder("tour").build()?;
    let tables = Supervisor::one_for_one()
        .child(ChildSpec::new("table-1", || Divider))
        .child(ChildSpec::new("table-2", || Divider));
    let restaurant = Supervisor::one_for_one().child(ChildSpec::supervisor("tables", tables));
    let root = RootSupervisor::of(restaurant).start(&system, "restaurant").await?;
    println!("{}", root.supervisor().tree().await?.to_text());

    let table: ActorRef<Divide> =
        system.lookup("/tour/restaurant/tables/table-1").ok_or("no such table")?;
    for guests in [0, 3] {
        match table.ask(|reply| Divide { cents: 900, guests, reply }).await {
            Ok(share) => println!("{guests} guests pay {share} each"),
            Err(error) => println!("{guests} guests: {error}"),
        }
    }
    println!();

    println!("{}", root.supervisor().tree().await?.to_text());
    for failure in root.error_history() {
        println!(
            "{:?} in {}: {}",
            failure.kind,
            failure.actor.unwrap_or_default(),
            failure.message
        );
    }
    root.system_shutdown().await;
    Ok(())
}
