//! The run without actors: one thread, faults only as lost states, the real protocol.

use std::time::Duration;

use crate::event::Event;
use crate::fault::{FaultKind, FaultPlan};
use crate::inbox::{Accept, Inbox};
use crate::ledger::Ledger;
use crate::report::Run;
use crate::roster::{Role, Roster};
use crate::route::recipients;
use crate::state::State;
use crate::tally::{RestartCause, Tally};

struct Incarnation {
    number: u64,
    inbox: Inbox<Event>,
    state: State,
}

/// Feeds all events; a fault that ends an incarnation loses its state and asks for redelivery.
#[must_use]
pub fn rehearse(roster: &Roster, events: &[Event], plan: &FaultPlan) -> Run {
    let mut ledger = Ledger::new(roster.actors());
    let mut tally = Tally::default();
    let mut actors: Vec<Incarnation> = roster.roles().map(|role| born(role, 0)).collect();
    for (index, event) in (0..).zip(events) {
        let fault = plan.at(index, event);
        for role in recipients(event) {
            let actor = roster.index(role);
            let number = ledger.record(actor, index);
            let Some(incarnation) = actors.get_mut(actor.get()) else { continue };
            take(incarnation, number, *event);
            let Some(fault) = fault.filter(|fault| fault.victim == role) else { continue };
            tally.inject(fault.kind);
            tally.absorb(fault.kind);
            let Some(cause) = ends_with(fault.kind) else { continue };
            tally.restart(cause);
            *incarnation = born(role, incarnation.number + 1);
            if let Some(resend) = ledger.announce(actor, incarnation.number, 0) {
                for (number, &again) in (resend.first..).zip(ledger.inputs(resend)) {
                    if let Some(&event) = events.get(again as usize) {
                        take(incarnation, number, event);
                    }
                }
            }
        }
    }
    Run {
        states: actors.into_iter().map(|actor| Some(actor.state)).collect(),
        events: events.len() as u64,
        deliveries: ledger.deliveries(),
        repeats: ledger.repeats(),
        kills: tally.restarts(RestartCause::Killed),
        tally,
        dead_letters: 0,
        elapsed: Duration::ZERO,
    }
}

fn born(role: Role, number: u64) -> Incarnation {
    Incarnation { number, inbox: Inbox::new(0), state: State::new(role) }
}

fn take(actor: &mut Incarnation, number: u64, event: Event) {
    if let Accept::Apply(event) = actor.inbox.accept(number, event) {
        actor.state.apply(&event);
    }
}

fn ends_with(kind: FaultKind) -> Option<RestartCause> {
    match kind {
        FaultKind::Panic => Some(RestartCause::Panic),
        FaultKind::Error => Some(RestartCause::Error),
        FaultKind::Kill => Some(RestartCause::Killed),
        FaultKind::Meltdown => Some(RestartCause::Meltdown),
        FaultKind::Slow | FaultKind::FullMailbox => None,
    }
}
