//! Permits for restarts: asked of the root, and granted by it, perhaps much later.

use steadfast_actor_core::Cx;

use super::SupervisorActor;
use crate::root::Waiter;
use crate::{ChildKey, Input};

impl SupervisorActor {
    pub(super) fn ask_permit(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        let Some(root) = self.tree.root.clone() else {
            return self.inputs.push_back(Input::Permit(child));
        };
        let waiter = waiter(child, cx);
        self.asked.insert(child);
        root.ask(waiter, cx.now());
        self.take_granted(cx);
    }

    pub(super) fn drop_permit(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        self.asked.remove(&child);
        if let Some(root) = self.tree.root.clone() {
            root.withdraw(&waiter(child, cx), cx.now());
            self.take_granted(cx);
        }
    }

    pub(super) fn tell_gate_up(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        if let Some(root) = self.tree.root.clone() {
            root.up(&waiter(child, cx), cx.now());
            self.take_granted(cx);
        }
    }

    pub(super) fn tell_gate_failed(&mut self, child: ChildKey, cx: &mut Cx<Self>) {
        if let Some(root) = self.tree.root.clone() {
            root.failed(&waiter(child, cx), cx.now());
            self.take_granted(cx);
        }
    }

    /// Tells the gate of an end that was no failure. One that leads to a restart did not stay up; any
    /// other takes the child out of what is tried.
    pub(super) fn tell_gate_ended(&mut self, child: ChildKey, again: bool, cx: &mut Cx<Self>) {
        let Some(root) = self.tree.root.clone().filter(|root| root.is_holding()) else { return };
        let waiter = waiter(child, cx);
        if again {
            root.failed(&waiter, cx.now());
        } else {
            root.withdraw(&waiter, cx.now());
        }
        self.take_granted(cx);
    }

    /// Makes inputs of the permits that the root has granted to this supervisor.
    pub(super) fn take_granted(&mut self, cx: &Cx<Self>) {
        let Some(root) = &self.tree.root else { return };
        for child in root.take_granted(cx.id(), cx.incarnation()) {
            self.asked.remove(&child);
            self.inputs.push_back(Input::Permit(child));
        }
    }

    /// Serves what others caused: permits granted, and the timer of the gate.
    pub(crate) fn look_at_gate(&mut self, cx: &mut Cx<Self>) {
        self.take_granted(cx);
        self.run(cx);
        self.settle(cx);
    }

    /// Gives back what this incarnation still waits for.
    pub(super) fn withdraw_all(&mut self) {
        let (Some(root), Some((me, incarnation))) = (&self.tree.root, &self.me) else { return };
        for child in std::mem::take(&mut self.asked) {
            root.withdraw_late(&Waiter::new(me.clone(), *incarnation, child));
        }
    }
}

fn waiter(child: ChildKey, cx: &Cx<SupervisorActor>) -> Waiter {
    Waiter::new(cx.me().handle(), cx.incarnation(), child)
}

impl Drop for SupervisorActor {
    fn drop(&mut self) {
        self.withdraw_all();
        if let (true, Some(root)) = (self.is_root && self.ready, &self.tree.root) {
            root.end(self.last_words.take());
        }
    }
}
