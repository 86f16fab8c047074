//! A bank account: tell, ask, a deadline, and a supervisor. The README shows this program.
#![forbid(unsafe_code)]
#![deny(clippy::large_futures)]
#![expect(clippy::print_stdout, reason = "a command-line program prints")]

use std::convert::Infallible;
use std::time::Duration;

use steadfast::prelude::*;

struct Account {
    cents: u64,
}

enum Msg {
    Deposit(u64),
    Withdraw { cents: u64, reply: Reply<Result<u64, &'static str>> },
    Balance(Reply<u64>),
}

impl Actor for Account {
    type Msg = Msg;
    type Error = Infallible;

    async fn handle(&mut self, msg: Msg, _cx: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            Msg::Deposit(cents) => self.cents += cents,
            Msg::Balance(reply) => reply.send(self.cents),
            Msg::Withdraw { cents, reply } if cents > self.cents => reply.send(Err("overdrawn")),
            Msg::Withdraw { cents, reply } => {
                self.cents -= cents;
                reply.send(Ok(self.cents));
            }
        }
        Ok(Flow::Continue)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = System::builder("bank").build()?;
    let accounts =
        Supervisor::one_for_one().child(ChildSpec::new("acc-42", || Account { cents: 0 }));
    let accounts = accounts.start(&system, "accounts").await?;
    let account: ActorRef<Msg> = accounts.child("acc-42").await.ok_or("no such account")?;

    account.tell(Msg::Deposit(500)).await?;
    let withdrawal = account.ask(|reply| Msg::Withdraw { cents: 200, reply });
    println!("after a withdrawal: {:?}", withdrawal.within(Duration::from_millis(50)).await?);
    println!("balance: {}", account.ask(Msg::Balance).await?);
    system.shutdown().await;
    Ok(())
}
