//! The redelivery protocol alone: whatever is lost or repeated, each input is applied once.

use std::collections::VecDeque;

use flights::inbox::{Accept, Inbox};
use flights::ledger::{Ledger, Resend};
use flights::roster::ActorIndex;
use proptest::prelude::*;

const ACTORS: usize = 3;

/// What may happen between feeder and actors.
#[derive(Clone, Debug)]
enum Step {
    /// The feeder sends the next event to an actor.
    Send(usize),
    /// An actor handles the first message of its mailbox.
    Handle(usize),
    /// An actor restarts: its state and stash are gone, its mailbox stays.
    Restart(usize),
    /// The same, and the message being handled is gone too.
    RestartLosing(usize),
    /// The first message of a mailbox is lost.
    Lose(usize),
    /// The first message of a mailbox is there twice.
    Double(usize),
    /// The feeder reads the first announcement.
    Answer,
}

/// An actor and what it has applied.
struct Actor {
    incarnation: u64,
    inbox: Inbox<u32>,
    applied: Vec<u32>,
    mailbox: VecDeque<(u64, u32)>,
}

struct World {
    ledger: Ledger,
    actors: Vec<Actor>,
    announcements: VecDeque<(ActorIndex, u64, u64)>,
    sent: Vec<Vec<u32>>,
    stash_max: usize,
    next_event: u32,
}

impl World {
    fn new(stash_max: usize) -> Self {
        let actor = || Actor {
            incarnation: 0,
            inbox: Inbox::new(stash_max),
            applied: Vec::new(),
            mailbox: VecDeque::new(),
        };
        Self {
            ledger: Ledger::new(ACTORS),
            actors: (0..ACTORS).map(|_| actor()).collect(),
            announcements: VecDeque::new(),
            sent: vec![Vec::new(); ACTORS],
            stash_max,
            next_event: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send(actor) => self.send(actor),
            Step::Handle(actor) => self.handle(actor),
            Step::Restart(actor) => self.restart(actor),
            Step::RestartLosing(actor) => {
                self.actors[actor].mailbox.pop_front();
                self.restart(actor);
            }
            Step::Lose(actor) => drop(self.actors[actor].mailbox.pop_front()),
            Step::Double(actor) => {
                let first = self.actors[actor].mailbox.front().copied();
                self.actors[actor].mailbox.extend(first);
            }
            Step::Answer => self.answer(),
        }
    }

    fn send(&mut self, actor: usize) {
        let event = self.next_event;
        self.next_event += 1;
        let number = self.ledger.record(index(actor), event);
        self.sent[actor].push(event);
        self.actors[actor].mailbox.push_back((number, event));
    }

    fn handle(&mut self, actor: usize) {
        let this = &mut self.actors[actor];
        let Some((number, event)) = this.mailbox.pop_front() else { return };
        if let Accept::Apply(event) = this.inbox.accept(number, event) {
            this.applied.push(event);
            while let Some(event) = this.inbox.next_stashed() {
                this.applied.push(event);
            }
        }
        if this.inbox.newly_missing().is_some() {
            let word = (index(actor), this.incarnation, this.inbox.applied());
            self.announcements.push_back(word);
        }
    }

    fn restart(&mut self, actor: usize) {
        let this = &mut self.actors[actor];
        this.incarnation += 1;
        this.inbox = Inbox::new(self.stash_max);
        this.applied.clear();
        self.announcements.push_back((index(actor), this.incarnation, 0));
    }

    fn answer(&mut self) {
        let Some((actor, incarnation, applied)) = self.announcements.pop_front() else { return };
        if let Some(resend) = self.ledger.announce(actor, incarnation, applied) {
            self.resend(resend);
        }
    }

    fn resend(&mut self, resend: Resend) {
        let again = (resend.first..=resend.last).zip(self.ledger.inputs(resend).iter().copied());
        self.actors[resend.actor.get()].mailbox.extend(again);
    }

    /// Handles everything under way, then asks each actor how far it is until none lacks input.
    fn settle(&mut self) {
        loop {
            while !self.announcements.is_empty() {
                self.answer();
            }
            for actor in 0..ACTORS {
                while !self.actors[actor].mailbox.is_empty() {
                    self.handle(actor);
                }
            }
            let mut lacking = !self.announcements.is_empty();
            for actor in 0..ACTORS {
                let (incarnation, applied) =
                    (self.actors[actor].incarnation, self.actors[actor].inbox.applied());
                if let Some(resend) = self.ledger.announce(index(actor), incarnation, applied) {
                    self.resend(resend);
                    lacking = true;
                }
            }
            if !lacking {
                return;
            }
        }
    }
}

fn index(actor: usize) -> ActorIndex {
    ActorIndex(u32::try_from(actor).expect("there are three"))
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..ACTORS).prop_map(Step::Send),
        8 => (0..ACTORS).prop_map(Step::Handle),
        1 => (0..ACTORS).prop_map(Step::Restart),
        1 => (0..ACTORS).prop_map(Step::RestartLosing),
        1 => (0..ACTORS).prop_map(Step::Lose),
        1 => (0..ACTORS).prop_map(Step::Double),
        3 => Just(Step::Answer),
    ];
    proptest::collection::vec(step, 0..300)
}

proptest! {
    #[test]
    fn whatever_is_lost_or_repeated_each_input_is_applied_once_and_in_order(
        steps in steps(),
        stash_max in 0_usize..20,
    ) {
        let mut world = World::new(stash_max);
        for step in &steps {
            world.step(step);
            for (actor, sent) in world.actors.iter().zip(&world.sent) {
                prop_assert!(sent.starts_with(&actor.applied), "applied out of order");
                prop_assert!(actor.inbox.stashed() <= stash_max, "the stash outgrew its limit");
            }
        }
        world.settle();
        for (actor, sent) in world.actors.iter().zip(&world.sent) {
            prop_assert_eq!(&actor.applied, sent);
            prop_assert_eq!(actor.inbox.stashed(), 0);
        }
    }
}
