//! What observers are told: hooks, the history of the root, and events to the sink.

use steadfast_actor_core::{Cx, ExitReason, Failure};
use steadfast_base::{FailureKind, FailureRecord, Value};

use super::SupervisorActor;
use crate::names;
use crate::{ChildKey, ChildRestart, Event, Exit};

type Field<'a> = (&'static str, Value<'a>);

impl SupervisorActor {
    pub(super) fn report(&mut self, event: &Event, cx: &mut Cx<Self>) {
        match event {
            Event::Failed(child, exit, directive) => {
                self.record(*child, exit, cx);
                let message = exit.message.as_deref().unwrap_or("");
                let fields = [
                    (names::EXIT, Value::Str(exit.kind.as_str())),
                    (names::MESSAGE, Value::Str(message)),
                    (names::DIRECTIVE, Value::Str(directive.as_str())),
                ];
                self.emit_of(names::CHILD_FAILED, *child, &fields, cx);
            }
            Event::RestartScheduled(child, delay) => {
                let fields = [(names::DELAY, Value::Duration(*delay))];
                self.emit_of(names::RESTART_SCHEDULED, *child, &fields, cx);
            }
            Event::Restarted(child) => {
                self.tell_gate_up(*child, cx);
                let hook = self.hooks_of(*child).and_then(|hooks| hooks.on_restart.clone());
                if let Some(hook) = hook {
                    hook(&self.restart_of(*child, cx));
                }
                self.emit_of(names::CHILD_RESTARTED, *child, &[], cx);
            }
            Event::BudgetSpent(child) => self.emit_of(names::BUDGET_SPENT, *child, &[], cx),
            Event::ShutdownTimeout(child) => {
                self.emit_of(names::SHUTDOWN_TIMEOUT, *child, &[], cx);
            }
            Event::ShutdownError(child, exit) => {
                let message = exit.message.as_deref().unwrap_or("");
                let fields = [
                    (names::EXIT, Value::Str(exit.kind.as_str())),
                    (names::MESSAGE, Value::Str(message)),
                ];
                self.emit_of(names::SHUTDOWN_ERROR, *child, &fields, cx);
            }
            Event::ShutdownErrors { groups, others } => {
                for (exit, count) in groups {
                    let message = exit.message.as_deref().unwrap_or("");
                    let fields = [
                        (names::EXIT, Value::Str(exit.kind.as_str())),
                        (names::MESSAGE, Value::Str(message)),
                        (names::CHILDREN, Value::U64(*count)),
                    ];
                    self.emit(names::SHUTDOWN_ERRORS, &fields, cx);
                }
                if *others > 0 {
                    let fields = [(names::CHILDREN, Value::U64(*others))];
                    self.emit(names::SHUTDOWN_ERRORS, &fields, cx);
                }
            }
            Event::Abandoned(count) => {
                let fields = [(names::CHILDREN, Value::U64(u64::from(*count)))];
                self.emit(names::ABANDONED, &fields, cx);
            }
        }
    }

    /// Emits an event about one child.
    fn emit_of(&self, name: &'static str, child: ChildKey, more: &[Field<'_>], cx: &Cx<Self>) {
        if self.tree.sink.as_ref().is_none_or(|sink| !sink.enabled()) {
            return;
        }
        let path = self.path_of(child, cx);
        let mut fields = vec![(names::CHILD, Value::Str(&path))];
        fields.extend_from_slice(more);
        self.emit(name, &fields, cx);
    }

    pub(super) fn emit(&self, name: &'static str, more: &[Field<'_>], cx: &Cx<Self>) {
        let Some(sink) = self.tree.sink.as_ref().filter(|sink| sink.enabled()) else { return };
        let path = cx.path();
        let mut fields = vec![(names::SUPERVISOR, Value::Str(&path))];
        fields.extend_from_slice(more);
        sink.emit(&steadfast_base::Event::new(name, cx.timestamp(), &fields));
    }

    /// Adds a failure to the history of the root.
    fn record(&self, child: ChildKey, exit: &Exit, cx: &Cx<Self>) {
        let Some(root) = &self.tree.root else { return };
        let failure = self.last_reason(child).and_then(ExitReason::failure);
        root.record(failure.map_or_else(
            || {
                FailureRecord::new(cx.timestamp(), FailureKind::Killed, exit.to_string())
                    .with_actor(self.path_of(child, cx))
            },
            Failure::record,
        ));
    }

    pub(super) fn restart_of(&self, child: ChildKey, cx: &Cx<Self>) -> ChildRestart<'_> {
        ChildRestart {
            child: self.handle_of(child),
            name: self.core.name(child).map(|name| &**name),
            restarts: self.counts_of(child, cx).1,
            last: self.last_reason(child),
        }
    }
}
