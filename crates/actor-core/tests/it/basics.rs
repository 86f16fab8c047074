//! Spawning, telling, asking, stopping.

use std::{convert::Infallible, time::Duration};

use steadfast_actor_core::{Actor, AskError, Cx, ExitReason, Flow, Reply, SendError, System};

struct Account {
    cents: u64,
}

#[derive(Debug)]
enum Msg {
    Deposit(u64),
    Balance(Reply<u64>),
    Ignore(Reply<u64>),
    Panic,
    Stop,
}

impl Actor for Account {
    type Msg = Msg;
    type Error = Infallible;

    async fn handle(&mut self, msg: Msg, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            Msg::Deposit(cents) => self.cents += cents,
            Msg::Balance(reply) => reply.send(self.cents),
            Msg::Ignore(reply) => drop(reply),
            Msg::Panic => panic!("asked to"),
            Msg::Stop => return Ok(Flow::Stop),
        }
        Ok(Flow::Continue)
    }
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

#[test]
fn a_tell_then_an_ask_sees_its_effect() {
    run(async {
        let system = System::builder("bank").build().unwrap();
        let account = system.spawn("acc-42", || Account { cents: 0 }).await.unwrap();
        account.tell(Msg::Deposit(500)).await.unwrap();
        assert_eq!(account.ask(Msg::Balance).await.unwrap(), 500);
        assert_eq!(&*account.path(), "/bank/acc-42");
        assert!(matches!(account.ask(Msg::Ignore).await, Err(AskError::NoReply)));
        account.tell(Msg::Stop).await.unwrap();
        assert!(matches!(account.stopped().await, ExitReason::Normal));
        assert!(matches!(account.tell(Msg::Deposit(1)).await, Err(SendError::Stopped(_))));
        let report = system.shutdown().await;
        assert_eq!(report.killed, 0);
        assert_eq!(system.actor_count(), 0);
        assert_eq!(system.task_count(), 0);
    });
}

#[test]
fn a_panic_without_a_supervisor_ends_the_actor() {
    run(async {
        let system = System::builder("bank").build().unwrap();
        let account = system.spawn("acc-42", || Account { cents: 0 }).await.unwrap();
        account.tell(Msg::Panic).await.unwrap();
        let reason = account.stopped().await;
        assert!(matches!(&reason, ExitReason::Panic(failure) if failure.message() == "asked to"));
        let again = system.spawn("acc-42", || Account { cents: 0 }).await;
        assert!(again.is_ok(), "the name is free");
        system.shutdown().await;
    });
}

#[test]
fn an_ask_without_an_answer_ends_at_its_deadline() {
    run(async {
        let system = System::builder("bank").build().unwrap();
        let account = system.spawn("acc-42", || Account { cents: 0 }).await.unwrap();
        account.suspend();
        let asked = account.ask(Msg::Balance).within(Duration::from_millis(20)).await;
        assert!(matches!(asked, Err(AskError::Timeout(None))));
        account.resume();
        assert_eq!(account.ask(Msg::Balance).await.unwrap(), 0);
        account.suspend();
        let waiting = account.ask(Msg::Balance);
        account.stop();
        let Err(AskError::Stopped(Some(Msg::Balance(_)))) = waiting.await else {
            panic!("a queued ask gets its message back");
        };
    });
}
