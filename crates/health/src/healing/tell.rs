//! What healing tells the sink.

use steadfast_base::Value;

use crate::names;
use crate::shell::Reporter;

use super::machine::{Effect, Settled};
use super::rule::HealingRule;

/// Turns effects into events.
pub(super) struct Teller {
    /// Component and action of each place.
    names: Vec<(String, String)>,
    reporter: Reporter,
}

impl Teller {
    pub(super) fn new(rules: &[HealingRule], reporter: Reporter) -> Self {
        let name = |rule: &HealingRule| (rule.component.clone(), rule.action.name().to_owned());
        Self { names: rules.iter().map(name).collect(), reporter }
    }

    pub(super) fn tell(&self, effect: &Effect) {
        let emit = |name, component: usize, fields: &[(&'static str, Value<'_>)]| {
            let Some((component, action)) = self.names.get(component) else { return };
            let mut all = vec![(names::COMPONENT, Value::from(component))];
            all.push((names::ACTION, Value::from(action)));
            all.extend_from_slice(fields);
            self.reporter.emit(name, &all);
        };
        match effect {
            Effect::Act { component, reason, by, .. } => emit(
                names::HEALING_STARTED,
                *component,
                &[
                    (names::REASON, reason.into()),
                    (names::BY, Value::Str(by.as_deref().unwrap_or_default())),
                ],
            ),
            Effect::Ended(record) => self.reporter.emit(
                names::HEALING_ENDED,
                &[
                    (names::COMPONENT, Value::from(&record.component)),
                    (names::ACTION, Value::from(&record.action)),
                    (names::RESULT, Value::Str(record.outcome.as_str())),
                    (names::TOOK, Value::Duration(record.took)),
                    (names::REASON, Value::Str(record.outcome.reason())),
                ],
            ),
            Effect::Deferred { component, rule } => {
                emit(
                    names::HEALING_DEFERRED,
                    *component,
                    &[(names::RULE, Value::Str(rule.as_str()))],
                );
            }
            Effect::Asked { component, request, reason, expires_in } => emit(
                names::APPROVAL_ASKED,
                *component,
                &[
                    (names::REQUEST, Value::U64(*request)),
                    (names::REASON, reason.into()),
                    (names::EXPIRES, Value::Duration(*expires_in)),
                ],
            ),
            Effect::Answered { component, request, settled, by } => emit(
                names::APPROVAL_SETTLED,
                *component,
                &[
                    (names::REQUEST, Value::U64(*request)),
                    (names::ANSWER, Value::Str(answer(*settled))),
                    (names::BY, by.into()),
                ],
            ),
            Effect::Puzzled { component, reason } => {
                emit(names::CONDITION_UNKNOWN, *component, &[(names::REASON, reason.into())]);
            }
            Effect::Abandon { .. } => {}
        }
    }
}

fn answer(settled: Settled) -> &'static str {
    match settled {
        Settled::Approved => "approved",
        Settled::Denied => "denied",
        Settled::Expired => "expired",
        Settled::ActsUnanswered => "expired, acts",
        Settled::Withdrawn => "withdrawn",
    }
}
