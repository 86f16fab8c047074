//! Children that are started on their caller's thread and taken in afterwards.

use std::sync::Arc;

use steadfast_actor_core::{ActorHandle, ChildEvent, Cx, Nest};

use super::{Newborn, Pending, SupervisorActor, Together};
use crate::spec::Mailbox;
use crate::{ChildKey, ChildRules, Command, CommandId, ExitKind, Input};

impl SupervisorActor {
    /// Takes in the children that came since the last look. Before anything is served: what is
    /// served may be about one of them.
    pub(super) fn look_into_nest(&mut self, cx: &mut Cx<Self>) {
        let Some(nest) = self.table.nest() else { return };
        for child in nest.take() {
            self.take_in(Newborn::new(child), cx);
        }
    }

    /// Tells the nest what may come in from now on.
    pub(super) fn tend_nest(&mut self) {
        let Some(nest) = self.table.nest() else { return };
        if self.core.is_booting() || self.core.is_up() {
            nest.set_limit(self.core.room());
            return;
        }
        for child in nest.close() {
            turn_away(&child);
        }
    }

    /// Children of the template part by the template's rules; those of before are taken in.
    pub(super) fn set_nest_parts(&mut self, cx: &mut Cx<Self>) {
        if let Some(nest) = self.table.nest() {
            nest.set_parts(parts(&self.core.template_rules()));
        }
        self.look_into_nest(cx);
    }

    /// Where template children are put that are started beside the supervisor.
    pub(crate) fn nest(&self) -> Option<Arc<Nest>> {
        self.table.nest().cloned()
    }

    /// Takes in a child that runs already; one that is refused is killed.
    pub(super) fn take_in(&mut self, newborn: Newborn, cx: &mut Cx<Self>) {
        let id = self.commands;
        self.commands += 1;
        self.newborn = Some(newborn);
        let adopt = Command::Adopt { name: None, rules: None };
        self.feed(Input::Command(CommandId(id), adopt), cx);
        if let Some(child) = self.newborn.take().and_then(Newborn::take) {
            turn_away(&child);
            self.early.remove(&child.id());
        }
    }

    /// The newborn child has its key: from now on what it tells is heard.
    pub(super) fn welcome(&mut self, child: ChildKey, handle: ActorHandle, cx: &mut Cx<Self>) {
        let id = handle.id();
        self.born.insert(id, child);
        self.table.set(child, handle);
        self.set_parts(child);
        for stage in self.early.remove(&id).unwrap_or_default() {
            if let Some(input) = self.input_of(child, id, stage, cx) {
                self.inputs.push_back(input);
            }
        }
    }

    /// The key of the child that tells something; a newborn's words are kept until it is known.
    pub(super) fn key_of(&mut self, event: &mut Option<ChildEvent>) -> Option<ChildKey> {
        let told = event.as_ref()?;
        if told.key != ChildEvent::BORN {
            return Some(ChildKey::from_u64(told.key));
        }
        if let Some(child) = self.born.get(&told.id) {
            return Some(*child);
        }
        let ChildEvent { id, stage, .. } = event.take()?;
        self.early.entry(id).or_default().push(stage);
        None
    }

    /// A start that came to nothing, of a child that the machine takes for running.
    pub(super) fn ignored_at_birth(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        let nobody = Pending::Shared(Arc::new(Together(None)));
        self.command(Command::Terminate(child), nobody, cx);
    }

    /// Lets a child end for good without asking where its rules would not restart it anyway.
    pub(super) fn set_parts(&self, child: ChildKey) {
        if let (Some(handle), Some(rules)) = (self.table.get(child), self.core.child_rules(child)) {
            handle.set_parts(parts(&rules));
        }
    }

    /// The mailbox of template children; none for a static supervisor.
    pub(crate) fn template_mailbox(&self) -> Option<Mailbox> {
        self.spec.template.as_ref().map(|template| template.mailbox)
    }

    pub(crate) fn born_as(&self, actor: &ActorHandle) -> Option<ChildKey> {
        self.born.get(&actor.id()).copied()
    }
}

/// Ends a child that came too late or is too many; what it tells of its end would be kept for ever.
fn turn_away(child: &ActorHandle) {
    child.unlink();
    child.kill_for_good();
}

fn parts(rules: &ChildRules) -> bool {
    let restarts = |end| rules.restart.restarts_after(end);
    !restarts(ExitKind::Normal) && !restarts(ExitKind::Shutdown)
}
