//! What a finding leads to: an act, a question, a deferral, or nothing.

use steadfast_base::{Instant, Timestamp};

use crate::healing::config::OnExpiry;

use super::{Act, Effect, Finding, Machine, Phase, Request, Settled};

impl Machine {
    pub(super) fn take_finding(
        &mut self,
        place: usize,
        finding: Finding,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) {
        let Some(component) = self.components.get_mut(place) else { return };
        let puzzled =
            std::mem::replace(&mut component.puzzling, matches!(finding, Finding::Unknown(_)));
        match finding {
            Finding::Unknown(reason) => {
                // What cannot be seen is not acted on.
                component.unwell = None;
                if !puzzled {
                    effects.push(Effect::Puzzled { component: place, reason });
                }
                return;
            }
            Finding::Unwell(reason) => {
                let since = component.unwell.take().map_or(now, |(since, _)| since);
                component.unwell = Some((since, reason));
            }
            Finding::Well => {
                component.unwell = None;
                component.deferred = None;
                if let Phase::Asking(request) = &component.phase {
                    let (request, settled, by) = (request.id, Settled::Withdrawn, String::new());
                    effects.push(Effect::Answered { component: place, request, settled, by });
                    component.phase = Phase::Watching;
                }
            }
        }
        let recovered = component.unwell.is_none();
        if let Some(number) = component.unproven.take() {
            component.stats.recovered += u64::from(recovered);
            let mut records = self.history.iter_mut().rev();
            if let Some(record) = records.find(|record| record.number == number) {
                record.recovered = Some(recovered);
            }
        }
    }

    /// Unwell components that something may be done about; those not acted on for the longest time
    /// first, then those unwell for the longest time.
    pub(super) fn candidates(&self, now: Instant) -> Vec<usize> {
        let mut places: Vec<_> = self
            .components
            .iter()
            .enumerate()
            .filter_map(|(place, component)| {
                let (since, _) = component.unwell.as_ref()?;
                let free = match &component.phase {
                    Phase::Watching => now >= component.cool_until,
                    Phase::Asking(request) => request.approved_by.is_some(),
                    Phase::Acting(_) => false,
                };
                free.then_some((component.acted, *since, place))
            })
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(.., place)| place).collect()
    }

    /// Asks an operator, acts, or puts it off.
    pub(super) fn treat(
        &mut self,
        place: usize,
        now: Instant,
        at: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(component) = self.components.get_mut(place) else { return };
        let Some((_, reason)) = component.unwell.clone() else { return };
        if let (Phase::Watching, Some(approval)) = (&component.phase, &component.rules.approval) {
            self.requests += 1;
            let (id, expires_in) = (self.requests, approval.expires_after);
            effects.push(Effect::Asked {
                component: place,
                request: id,
                reason: reason.clone(),
                expires_in,
            });
            let expires = now + expires_in;
            component.phase = Phase::Asking(Request { id, reason, expires, approved_by: None });
            return;
        }
        // INV-HLT-2: an act begins only here, after its cooldown and with the governor's leave.
        let acted_on = self.acted_on_beside(place, now);
        let admitted = self.governor.admit(now, acted_on);
        let Some(component) = self.components.get_mut(place) else { return };
        if let Err(rule) = admitted {
            if component.deferred.replace(rule) != Some(rule) {
                effects.push(Effect::Deferred { component: place, rule });
            }
            return;
        }
        component.deferred = None;
        let by = match std::mem::take(&mut component.phase) {
            Phase::Asking(request) => request.approved_by,
            _ => None,
        };
        self.acts += 1;
        let number = self.acts;
        component.phase =
            Phase::Acting(Act { number, began: now, at, reason: reason.clone(), by: by.clone() });
        effects.push(Effect::Act { component: place, act: number, reason, by });
    }

    /// Other components that are being acted on, or were until a moment ago.
    fn acted_on_beside(&self, place: usize, now: Instant) -> usize {
        let others = self.components.iter().enumerate().filter(|(other, _)| *other != place);
        let acted_on = others.filter(|(_, other)| {
            matches!(other.phase, Phase::Acting(_))
                || other.acted.is_some_and(|ended| self.governor.is_settling(ended, now))
        });
        acted_on.count()
    }

    pub(super) fn expire(&mut self, place: usize, now: Instant, effects: &mut Vec<Effect>) {
        let Some(component) = self.components.get_mut(place) else { return };
        let acts = component
            .rules
            .approval
            .as_ref()
            .is_some_and(|approval| approval.on_expiry == OnExpiry::Act);
        let Phase::Asking(request) = &mut component.phase else { return };
        let (id, by) = (request.id, String::new());
        let settled = if acts {
            // From here on only recovery or a denial ends it.
            request.expires = Instant::MAX;
            let unanswered = request.approved_by.is_none();
            request.approved_by.get_or_insert_with(|| "nobody, by expiry".to_owned());
            self.look_soon();
            unanswered.then_some(Settled::ActsUnanswered)
        } else {
            component.phase = Phase::Watching;
            component.cool_until = now + component.rules.cooldown;
            Some(Settled::Expired)
        };
        if let Some(settled) = settled {
            effects.push(Effect::Answered { component: place, request: id, settled, by });
        }
    }
}
