//! A small bank of actors that take in everything a handler can take in.

use std::{convert::Infallible, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use steadfast_actor_core::{Actor, ActorRef, Cx, Flow, Reply, Signal, testkit::TestSystem};
use steadfast_eventlog::{EventStore, MemoryStore};
use steadfast_sourcing::{
    record::{Recorder, RecorderConfig, Shape, effect},
    replay::Stage,
};

/// Keeps a list of what it is told.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum LedgerMsg {
    Note(String),
    Count(Reply<u64>),
}

impl Actor for Ledger {
    type Msg = LedgerMsg;
    type Error = Infallible;

    async fn handle(&mut self, msg: LedgerMsg, _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        match msg {
            LedgerMsg::Note(line) => self.lines.push(line),
            LedgerMsg::Count(reply) => reply.send(self.lines.len() as u64),
        }
        Ok(Flow::Continue)
    }
}

/// An account that uses the clock, randomness, timers, stash, children, asks, pipes and effects.
#[derive(Clone, Serialize)]
pub(crate) struct Account {
    #[serde(skip)]
    pub(crate) ledger: ActorRef<LedgerMsg>,
    pub(crate) cents: u64,
    pub(crate) last_nanos: u64,
    pub(crate) fees: u64,
    pub(crate) ended: u64,
    pub(crate) held: bool,
    /// Changes what it sends from this deposit on: a planted change of the handler.
    #[serde(skip)]
    pub(crate) changes_at: Option<u64>,
    pub(crate) deposits: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AccountMsg {
    Deposit(u64),
    Withdraw { cents: u64, reply: Reply<Result<u64, String>> },
    ChargeLater,
    Charge,
    Reconcile,
    Reconciled(u64),
    Hold,
    Release,
    Child,
    Rate,
    Fail(String),
    Panic,
}

impl Account {
    pub(crate) fn new(ledger: ActorRef<LedgerMsg>) -> Self {
        Self {
            ledger,
            cents: 0,
            last_nanos: 0,
            fees: 0,
            ended: 0,
            held: false,
            changes_at: None,
            deposits: 0,
        }
    }

    async fn note(&self, line: String) {
        self.ledger.tell(LedgerMsg::Note(line)).await.ok();
    }
}

/// A child that ends at once when it is told to.
struct Child;

impl Actor for Child {
    type Msg = ();
    type Error = Infallible;

    async fn handle(&mut self, (): (), _: &mut Cx<Self>) -> Result<Flow, Infallible> {
        Ok(Flow::Stop)
    }
}

impl Actor for Account {
    type Msg = AccountMsg;
    type Error = String;

    #[expect(clippy::panic, reason = "a planted panic")]
    async fn handle(&mut self, msg: AccountMsg, cx: &mut Cx<Self>) -> Result<Flow, String> {
        if self.held && !matches!(msg, AccountMsg::Release) {
            cx.stash(msg).ok();
            return Ok(Flow::Continue);
        }
        match msg {
            AccountMsg::Deposit(cents) => {
                self.cents += cents;
                self.deposits += 1;
                self.last_nanos = cx.now().as_nanos();
                let lot = cx.rng().below(1_000);
                let at = cx.timestamp();
                let word = match self.changes_at {
                    Some(from) if self.deposits >= from => "changed",
                    _ => "deposit",
                };
                self.note(format!("{word} {cents} lot {lot} at {at}")).await;
            }
            AccountMsg::Withdraw { cents, reply } => {
                let left = self.cents.checked_sub(cents).ok_or_else(|| "overdrawn".to_owned());
                if let Ok(left) = left {
                    self.cents = left;
                }
                reply.send(left);
            }
            AccountMsg::ChargeLater => {
                cx.once("fee", Duration::from_mins(1), AccountMsg::Charge).ok();
            }
            AccountMsg::Charge => {
                self.fees += 1;
                self.note(format!("fee {}", self.fees)).await;
            }
            AccountMsg::Reconcile => {
                let lines = self.ledger.ask(LedgerMsg::Count).await.map_err(|e| e.to_string())?;
                self.fees += lines;
                let ledger = self.ledger.clone();
                let count = async move { ledger.ask(LedgerMsg::Count).await.unwrap_or(0) };
                cx.pipe_to_self(count, AccountMsg::Reconciled).ok();
            }
            AccountMsg::Reconciled(lines) => self.note(format!("{lines} lines")).await,
            AccountMsg::Hold => self.held = true,
            AccountMsg::Release => {
                self.held = false;
                cx.unstash();
            }
            AccountMsg::Child => {
                let child = cx.spawn("child", || Child).await.map_err(|e| e.to_string())?;
                cx.watch(&child);
                child.tell(()).await.ok();
            }
            AccountMsg::Rate => {
                let rate: u64 = effect("rate", async { 42 }).await;
                self.cents = self.cents.wrapping_mul(rate);
            }
            AccountMsg::Fail(text) => return Err(text),
            AccountMsg::Panic => panic!("a planted panic"),
        }
        Ok(Flow::Continue)
    }

    async fn signal(&mut self, signal: Signal, _: &mut Cx<Self>) -> Result<Flow, String> {
        if let Signal::Terminated { .. } | Signal::ChildExited { .. } = signal {
            self.ended += 1;
        }
        Ok(Flow::Continue)
    }
}

pub(crate) fn account_shape() -> Shape<Account> {
    Shape::new().knowing::<LedgerMsg>().knowing::<Result<u64, String>>().hashed().cloned()
}

pub(crate) fn ledger_shape() -> Shape<Ledger> {
    Shape::new().restored().cloned()
}

/// The account of a replay, as its factory builds the live one.
pub(crate) fn account_on(stage: &Stage) -> Account {
    Account::new(stage.actor_ref("/test/ledger"))
}

/// A recorded bank in virtual time.
pub(crate) struct Bank {
    pub(crate) test: TestSystem,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) recorder: Recorder,
    pub(crate) account: ActorRef<AccountMsg>,
    pub(crate) ledger: ActorRef<LedgerMsg>,
}

pub(crate) fn every_turn() -> RecorderConfig {
    let mut config = RecorderConfig::default();
    config.state_hash_every = 1;
    config
}

impl Bank {
    pub(crate) fn open(config: RecorderConfig) -> Self {
        let test = TestSystem::seeded(7);
        let store = Arc::new(MemoryStore::default());
        let log: Arc<dyn EventStore> = Arc::<MemoryStore>::clone(&store);
        let recorder = Recorder::new(&test, log, config);
        let (account, ledger) = test.run(async {
            let ledger = recorder.spawn(&test, "ledger", ledger_shape(), Ledger::default);
            let ledger = ledger.await.expect("a free name");
            let for_account = ledger.clone();
            let build = move || Account::new(for_account.clone());
            let account = recorder.spawn(&test, "account", account_shape(), build);
            (account.await.expect("a free name"), ledger)
        });
        Self { test, store, recorder, account, ledger }
    }

    /// Tells the account, and lets everything come to rest.
    pub(crate) async fn tell(&self, msg: AccountMsg) {
        self.account.tell(msg).await.expect("it lives");
        self.test.settle().await;
    }

    /// A life with a bit of everything.
    pub(crate) fn live(&self) {
        self.test.run(async {
            for cents in 1..=5 {
                self.tell(AccountMsg::Deposit(cents)).await;
                self.test.advance(Duration::from_millis(1_500)).await;
            }
            let withdraw =
                |cents| self.account.ask(move |reply| AccountMsg::Withdraw { cents, reply });
            assert_eq!(withdraw(4).await.expect("an answer"), Ok(11));
            assert!(withdraw(400).await.expect("an answer").is_err());
            self.tell(AccountMsg::ChargeLater).await;
            self.test.advance(Duration::from_secs(61)).await;
            self.tell(AccountMsg::Reconcile).await;
            self.tell(AccountMsg::Hold).await;
            self.tell(AccountMsg::Deposit(9)).await;
            self.tell(AccountMsg::Deposit(10)).await;
            self.tell(AccountMsg::Release).await;
            self.tell(AccountMsg::Child).await;
            self.tell(AccountMsg::Rate).await;
            self.tell(AccountMsg::Deposit(11)).await;
            self.recorder.flush().await;
        });
    }

    pub(crate) fn log(&self) -> Arc<dyn EventStore> {
        Arc::<MemoryStore>::clone(&self.store)
    }
}
