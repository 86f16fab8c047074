//! The way to a service and back: what the pipelines protect.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use steadfast::actor_core::ActorRef;
use steadfast::base::context;

use super::answers::{Query, Record, ServiceError};
use super::desk_time::DeskTime;
use super::provider::{Answer, Request};
use crate::outage::Service;

/// The way to one service, and what came back on it.
#[derive(Debug)]
pub(super) struct Wire {
    service: Service,
    provider: ActorRef<Request>,
    time: DeskTime,
    pub(super) traffic: Arc<Traffic>,
}

/// Counts what went over a wire.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) requests: AtomicU32,
    pub(super) errors: AtomicU32,
    /// Answers that arrived, those that there is no record included.
    pub(super) answers: AtomicU32,
}

impl Wire {
    pub(super) fn new(service: Service, provider: ActorRef<Request>, time: DeskTime) -> Self {
        Self { service, provider, time, traffic: Arc::default() }
    }

    /// One request and its answer, which takes the simulated time that the service says.
    pub(super) async fn call(&self, query: Query) -> Result<Record, ServiceError> {
        let number = self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let Some(Answer { result, takes }) = self.ask(query, number).await else {
            self.traffic.errors.fetch_add(1, Ordering::Relaxed);
            return Err(ServiceError::Crashed(self.service));
        };
        match takes {
            Some(takes) => self.time.time().sleep(takes).await,
            None => pending().await,
        }
        let arrived = match &result {
            Ok(_) | Err(ServiceError::NotFound(_)) => &self.traffic.answers,
            Err(_) => &self.traffic.errors,
        };
        arrived.fetch_add(1, Ordering::Relaxed);
        result
    }

    async fn ask(&self, query: Query, number: u32) -> Option<Answer> {
        let _asking = self.time.asking();
        let at = self.time.minute();
        let asked = {
            // The deadline of this call is on the desk's clock, which the actors do not go by.
            let _apart = context::replace(None);
            self.provider.ask(|reply| Request { query, at, number, reply }).patiently()
        };
        asked.await.ok()
    }
}
