//! The settings that a named child and the template of dynamic ones have in common.

/// The builder methods over `rules`, `hooks` and `mailbox`.
macro_rules! rule_methods {
    () => {
        /// Restarts after every end that the supervisor did not order.
        #[must_use]
        pub fn permanent(self) -> Self {
            self.restart($crate::RestartPolicy::permanent())
        }

        /// Restarts after failures only. The default.
        #[must_use]
        pub fn transient(self) -> Self {
            self.restart($crate::RestartPolicy::transient())
        }

        /// Never restarts; the spec goes with the child.
        #[must_use]
        pub fn temporary(self) -> Self {
            self.restart($crate::RestartPolicy::temporary())
        }

        /// Sets which ends lead to a restart.
        #[must_use]
        pub fn restart(mut self, policy: $crate::RestartPolicy) -> Self {
            self.rules.restart = policy;
            self
        }

        /// Gives the child this long to end in order; then it is killed.
        #[must_use]
        pub fn shutdown(mut self, limit: std::time::Duration) -> Self {
            self.rules.shutdown = $crate::Shutdown::Graceful(limit);
            self
        }

        /// Gives the child all the time it needs to end.
        #[must_use]
        pub fn shutdown_infinity(mut self) -> Self {
            self.rules.shutdown = $crate::Shutdown::Infinity;
            self
        }

        /// Kills the child at once where it has to end; no hook of it runs.
        #[must_use]
        pub fn brutal_kill(mut self) -> Self {
            self.rules.shutdown = $crate::Shutdown::BrutalKill;
            self
        }

        /// Sets the delay before restarts.
        #[must_use]
        pub fn backoff(mut self, backoff: $crate::Backoff) -> Self {
            self.rules.backoff = backoff;
            self
        }

        /// Gives the child a budget of its own: its restarts are not charged to the supervisor. When it is
        /// spent, the child ends with `Meltdown`; if it is significant or permanent, the supervisor
        /// ends with `Escalated`.
        #[must_use]
        pub fn budget(mut self, restarts: u32, period: std::time::Duration) -> Self {
            self.rules.budget = Some($crate::Budget::new(restarts, period));
            self
        }

        /// How many messages the mailbox of the child holds.
        #[must_use]
        pub fn capacity(mut self, messages_max: u32) -> Self {
            self.mailbox.capacity = Some(messages_max);
            self
        }

        /// What the full mailbox of the child does with the next message.
        #[must_use]
        pub fn overflow(mut self, overflow: steadfast_actor_core::Overflow) -> Self {
            self.mailbox.overflow = Some(overflow);
            self
        }

        /// Moves the old value into the next incarnation after an error or a panic. Where none is
        /// left (it was killed, ended in order, or its start failed), the factory builds a fresh one.
        #[must_use]
        pub fn preserve_state(mut self) -> Self {
            self.rules.state = $crate::RestartState::Preserved;
            self
        }

        /// Keeps the child's own children over its restarts.
        #[must_use]
        pub fn keep_children(mut self) -> Self {
            self.rules.stop_children = false;
            self
        }

        /// Runs before each restart, on the supervisor's task: release what the old incarnation held.
        ///
        /// A panic in a hook ends the supervisor.
        #[must_use]
        pub fn cleanup(
            mut self,
            hook: impl Fn(&$crate::ChildRestart<'_>) + Send + Sync + 'static,
        ) -> Self {
            self.hooks.cleanup = Some(std::sync::Arc::new(hook));
            self
        }

        /// Runs at each failure of the child, on the supervisor's task.
        #[must_use]
        pub fn on_error(
            mut self,
            hook: impl Fn(&$crate::ChildFailure<'_>) + Send + Sync + 'static,
        ) -> Self {
            self.hooks.on_error = Some(std::sync::Arc::new(hook));
            self
        }

        /// Runs after each restart that succeeded, on the supervisor's task.
        #[must_use]
        pub fn on_restart(
            mut self,
            hook: impl Fn(&$crate::ChildRestart<'_>) + Send + Sync + 'static,
        ) -> Self {
            self.hooks.on_restart = Some(std::sync::Arc::new(hook));
            self
        }

        /// Replaces all rules at once, say by those of a configuration.
        #[must_use]
        pub fn with_rules(mut self, rules: $crate::ChildRules) -> Self {
            self.rules = rules;
            self
        }

        /// The rules it lives by.
        pub fn rules(&self) -> &$crate::ChildRules {
            &self.rules
        }
    };
}

pub(super) use rule_methods;
