//! The feeder: sends the year in time order with back-pressure, and again to new incarnations.
//!
//! It answers a new incarnation before it sends anything else to that actor, and actors never wait
//! for the feeder, so the two cannot wait for each other. Every wait ends after [`STALL`].

use std::sync::Arc;
use std::time::Duration;

use steadfast::actor_core::{ActorRef, SendError, System};
use steadfast::base::Instant;
use steadfast::supervision::RootSupervisor;

use crate::crew::{Birth, Msg, Report, World};
use crate::desk::{self, DeskReport};
use crate::event::Event;
use crate::fault::{Fault, FaultKind};
use crate::ledger::{Ledger, Resend};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::roster::{ActorIndex, AirportId, Role};
use crate::route::recipients;
use crate::run::RunError;

/// How long anything may take that the run waits for.
const STALL: Duration = Duration::from_secs(30);

/// How often the feeder looks for news while it waits.
const LOOK: Duration = Duration::from_millis(1);

/// Inputs in one message of a redelivery.
const BATCH: usize = 512;

/// Events between two looks at the clock.
const EVENTS_PER_LOOK: u32 = 1_024;

/// Whether a message reached a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Yes,
    /// The actor has ended; its successor announces itself.
    Gone,
}

/// Feeds one run.
pub(crate) struct Feeder<'a> {
    world: Arc<World>,
    system: System,
    root: RootSupervisor,
    /// Reads the same year on its own, as far as it is told to.
    desk: ActorRef<desk::Msg>,
    /// Where each actor is to be reached; `None` until it, or its successor, announces itself.
    addresses: Vec<Option<ActorRef<Msg>>>,
    ledger: Ledger,
    done: u32,
    began: Instant,
    shown: Instant,
    show: &'a mut dyn FnMut(&Progress),
    show_every: Duration,
}

impl<'a> Feeder<'a> {
    pub(crate) fn new(
        world: Arc<World>,
        system: System,
        root: RootSupervisor,
        desk: ActorRef<desk::Msg>,
        show_every: Duration,
        show: &'a mut dyn FnMut(&Progress),
    ) -> Self {
        let actors = world.roster.actors();
        let began = system.time().now();
        Self {
            world,
            system,
            root,
            desk,
            addresses: vec![None; actors],
            ledger: Ledger::new(actors),
            done: 0,
            began,
            shown: began,
            show,
            show_every,
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.system.time().now() - self.began
    }

    /// Sends all events, each when it is due.
    pub(crate) async fn feed(&mut self, pace: Pace) -> Result<(), RunError> {
        let events = Arc::clone(&self.world.events);
        for (index, event) in (0..).zip(&*events) {
            if let Some(due) = pace.due(event.at) {
                self.tell_desk();
                self.wait_until(due).await?;
            }
            if self.world.board.has_news() {
                self.answer_births().await?;
            }
            for role in recipients(event) {
                let actor = self.world.roster.index(role);
                let number = self.ledger.record(actor, index);
                // A message to an actor that is gone is not lost: it is in the ledger.
                self.send(actor, Msg::Input { number, event: index }).await?;
            }
            self.bring_about(index, event).await?;
            self.done = index + 1;
            if index.is_multiple_of(EVENTS_PER_LOOK) {
                self.tell_desk();
                self.show_progress();
            }
        }
        self.tell_desk();
        Ok(())
    }

    /// Asks every actor for its state, once it has applied all its inputs.
    pub(crate) async fn collect(&mut self) -> Result<Vec<Option<Report>>, RunError> {
        let deadline = self.deadline();
        while self.world.board.has_closed() {
            self.look("a region that melted down to come back", deadline).await?;
        }
        let roles: Vec<Role> = self.world.roster.roles().collect();
        let mut reports = Vec::with_capacity(roles.len());
        for role in roles {
            reports.push(Some(self.report(self.world.roster.index(role)).await?));
        }
        self.shown = self.began;
        self.show_progress();
        Ok(reports)
    }

    /// Asks the desk what its briefings and lookups came to, once it has read the whole year.
    pub(crate) async fn desk_report(&mut self) -> Result<DeskReport, RunError> {
        let deadline = self.deadline();
        loop {
            if let Ok(report) = self.desk.ask(desk::Msg::Report).within(STALL).await {
                return Ok(report);
            }
            self.look("the dispatch desk to report", deadline).await?;
        }
    }

    /// Tells the desk how far the year has come; a later word covers one that finds no room.
    fn tell_desk(&self) {
        drop(self.desk.tell(desk::Msg::UpTo(self.done)).now());
    }

    async fn report(&mut self, actor: ActorIndex) -> Result<Report, RunError> {
        let deadline = self.deadline();
        loop {
            self.answer_births().await?;
            if let Some(address) = self.address(actor) {
                if let Ok(report) = address.ask(Msg::Report).within(STALL).await {
                    if report.applied == self.ledger.sent(actor) {
                        return Ok(report);
                    }
                    let (incarnation, applied) = (report.incarnation, report.applied);
                    if let Some(resend) = self.ledger.announce(actor, incarnation, applied) {
                        self.resend(resend, incarnation).await?;
                    }
                } else if address.exit_reason().is_some() {
                    self.forget(actor);
                }
            }
            self.look("an actor to report with all its inputs", deadline).await?;
        }
    }

    /// Sends to every new incarnation what it lacks.
    async fn answer_births(&mut self) -> Result<(), RunError> {
        while let Some(birth) = self.world.board.next_birth() {
            let Birth { actor, incarnation, address } = birth;
            if let Some(place) = self.addresses.get_mut(actor.get()) {
                *place = Some(address);
            }
            if let Some(resend) = self.ledger.announce(actor, incarnation, 0) {
                self.resend(resend, incarnation).await?;
            }
        }
        Ok(())
    }

    /// Sends inputs again, in batches, for as long as this incarnation is the last one.
    async fn resend(&mut self, resend: Resend, incarnation: u64) -> Result<(), RunError> {
        let Resend { actor, mut first, last } = resend;
        while first <= last {
            let rest = self.ledger.inputs(Resend { actor, first, last });
            let events: Box<[u32]> = rest.iter().copied().take(BATCH).collect();
            let next = first + events.len() as u64;
            let sent = self.send(actor, Msg::Again { first, events }).await?;
            if sent == Sent::Gone || self.world.board.is_outlived(actor, incarnation) {
                return Ok(());
            }
            first = next;
        }
        Ok(())
    }

    /// Sends a message, waiting for room where there is none.
    async fn send(&mut self, actor: ActorIndex, message: Msg) -> Result<Sent, RunError> {
        let place = self.addresses.get(actor.get()).and_then(Option::as_ref);
        let Some(address) = place else { return Ok(Sent::Gone) };
        let mut unsent = match address.tell(message).now() {
            Ok(()) => return Ok(Sent::Yes),
            Err(error) => error,
        };
        let address = address.clone();
        let deadline = self.deadline();
        loop {
            let message = match unsent {
                SendError::Stopped(_) => {
                    self.forget(actor);
                    return Ok(Sent::Gone);
                }
                full => full.into_message(),
            };
            if self.system.time().now() > deadline {
                return Err(stalled("room in a mailbox"));
            }
            match address.tell(message).await {
                Ok(()) => return Ok(Sent::Yes),
                Err(error) => unsent = error,
            }
        }
    }

    fn address(&self, actor: ActorIndex) -> Option<ActorRef<Msg>> {
        self.addresses.get(actor.get())?.clone()
    }

    fn forget(&mut self, actor: ActorIndex) {
        if let Some(place) = self.addresses.get_mut(actor.get()) {
            *place = None;
        }
    }
}

/// The faults that come from outside of the actors.
impl Feeder<'_> {
    async fn bring_about(&mut self, index: u32, event: &Event) -> Result<(), RunError> {
        let Some(Fault { kind, victim }) = self.world.plan.at(index, event) else { return Ok(()) };
        match (kind, victim) {
            (FaultKind::FullMailbox, victim) => self.fill_mailbox(index, victim).await,
            (FaultKind::Meltdown, Role::Airport(airport)) => self.melt_down(index, airport).await,
            _ => Ok(()),
        }
    }

    /// Suspends an actor and fills its mailbox to the brim, then lets it go on.
    async fn fill_mailbox(&mut self, index: u32, victim: Role) -> Result<(), RunError> {
        let actor = self.world.roster.index(victim);
        let deadline = self.deadline();
        loop {
            if let Some(address) = self.address(actor) {
                address.suspend();
                let refused = burst(&address);
                address.resume();
                match refused {
                    Some(SendError::Stopped(_)) => self.forget(actor),
                    Some(_) => {
                        self.world.board.inject(index, FaultKind::FullMailbox, actor);
                        return Ok(());
                    }
                    None => {}
                }
            }
            self.look("a mailbox to fill", deadline).await?;
        }
    }

    /// Closes an airport until its region's supervisor has given up and was restarted.
    async fn melt_down(&mut self, index: u32, airport: AirportId) -> Result<(), RunError> {
        let actor = self.world.roster.index(Role::Airport(airport));
        let Some(entry) = self.world.roster.airport(airport) else { return Ok(()) };
        let region = entry.region;
        let deadline = self.deadline();
        while !self.world.board.close(region, actor) {
            self.look("the last meltdown of a region to end", deadline).await?;
        }
        self.world.board.inject(index, FaultKind::Meltdown, actor);
        while self.send(actor, Msg::Close).await? == Sent::Gone {
            self.look("an airport that is to close", deadline).await?;
        }
        Ok(())
    }
}

fn stalled(waiting_for: &'static str) -> RunError {
    RunError::Stalled { waiting_for, after: STALL }
}

/// Tells an actor nothing, as often as its mailbox takes it; answers why no more went in.
fn burst(address: &ActorRef<Msg>) -> Option<SendError<Msg>> {
    // An actor that had not yet noticed its suspension may make some room meanwhile.
    let enough = address.capacity() * 4;
    (0..enough).find_map(|_| address.tell(Msg::Noise).now().err())
}

/// Waiting and watching.
impl Feeder<'_> {
    fn deadline(&self) -> Instant {
        self.system.time().now() + STALL
    }

    /// One step of a wait: answers births, sleeps a little, and checks that there is still hope.
    async fn look(&mut self, waiting_for: &'static str, until: Instant) -> Result<(), RunError> {
        self.answer_births().await?;
        self.show_progress();
        if let Some(reason) = self.root.supervisor().handle().exit_reason() {
            return Err(RunError::RootEnded(reason));
        }
        if self.system.time().now() > until {
            return Err(stalled(waiting_for));
        }
        self.system.time().sleep(LOOK).await;
        Ok(())
    }

    /// Waits until so long after the start.
    async fn wait_until(&mut self, due: Duration) -> Result<(), RunError> {
        let due = self.began + due;
        while self.system.time().now() < due {
            self.look("the next event", due + STALL).await?;
        }
        Ok(())
    }

    fn show_progress(&mut self) {
        let now = self.system.time().now();
        if now - self.shown < self.show_every {
            return;
        }
        self.shown = now;
        (self.show)(&Progress {
            done: u64::from(self.done),
            total: self.world.events.len() as u64,
            restarts: self.world.board.restarts(),
            dead_letters: self.system.dead_letter_count(),
            live: self.system.actor_count() as u64,
            elapsed: now - self.began,
        });
    }
}
