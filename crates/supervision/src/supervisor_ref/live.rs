//! Changing a running supervisor. What runs goes on; the next decision follows the new rules.

use std::time::Duration;

use steadfast_actor_core::{BoxError, Failure};

use super::SupervisorRef;
use crate::child_id::ChildId;
use crate::{AutoShutdown, Budget, ChildError, ChildRules, Strategy, SupervisorRules};

impl SupervisorRef {
    /// Changes the rules of one child. They are checked first; with faults nothing changes.
    ///
    /// # Errors
    ///
    /// `Invalid`, `NotFound`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_spec(
        &self,
        child: impl Into<ChildId>,
        change: impl FnOnce(&mut ChildRules) + Send + 'static,
    ) -> Result<(), ChildError> {
        self.on_child(child, |supervisor, key, reply, cx| {
            supervisor.change_spec(key, change, reply, cx);
        })
        .await
    }

    /// Changes the rules of all children of the template, those that run included.
    ///
    /// # Errors
    ///
    /// `Invalid`, `WrongKind` (not dynamic), `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_template(
        &self,
        change: impl FnOnce(&mut ChildRules) + Send + 'static,
    ) -> Result<(), ChildError> {
        self.call(|supervisor, reply, cx| supervisor.change_template(change, reply, cx)).await?
    }

    /// Changes the strategy. A static supervisor cannot become dynamic, nor the other way round.
    ///
    /// # Errors
    ///
    /// `Invalid`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_strategy(&self, strategy: Strategy) -> Result<(), ChildError> {
        self.change_rules(move |rules| rules.strategy = strategy).await
    }

    /// Changes the restart budget. Restarts of before count towards the new one.
    ///
    /// # Errors
    ///
    /// `Invalid`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_intensity(
        &self,
        restarts: u32,
        period: Duration,
    ) -> Result<(), ChildError> {
        self.change_rules(move |rules| rules.budget = Budget::new(restarts, period)).await
    }

    /// Changes when the supervisor ends by itself.
    ///
    /// # Errors
    ///
    /// `Invalid`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_auto_shutdown(&self, when: AutoShutdown) -> Result<(), ChildError> {
        self.change_rules(move |rules| rules.auto_shutdown = when).await
    }

    /// Changes the rules of the supervisor together. With faults nothing changes.
    ///
    /// # Errors
    ///
    /// `Invalid`, `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn change_rules(
        &self,
        change: impl FnOnce(&mut SupervisorRules) + Send + 'static,
    ) -> Result<(), ChildError> {
        self.call(|supervisor, reply, cx| supervisor.change_rules(change, reply, cx)).await?
    }

    /// Reports a failure of a child that somebody else noticed, without a crash. It is decided on
    /// like a failure of its own: `Resume` only counts it, `Restart` ends the incarnation in
    /// order and starts the next. While the child starts it is only counted.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NotRunning` (between two incarnations, ending or stopped), `Stopped`.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the order stands unless it still waits for room in the supervisor's mailbox:
    /// dropping the future loses its answer only.
    pub async fn report_error(
        &self,
        child: impl Into<ChildId>,
        error: impl Into<BoxError>,
    ) -> Result<(), ChildError> {
        let error = error.into();
        self.on_child(child, |supervisor, key, reply, cx| {
            let path = supervisor.path_of(key, cx);
            let failure = Failure::from_error(cx.timestamp(), &path, error);
            reply.send(supervisor.report_error(key, failure, cx));
        })
        .await
    }
}
