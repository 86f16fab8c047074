//! Thin adapters: policies and pipelines as layers of tower (feature `tower`).
//!
//! [`PolicyLayer`] puts one policy around a service, [`PipelineLayer`] a whole pipeline.
//!
//! # Readiness
//!
//! Both are always ready, and decide in the future that `call` returns: first the policy, then the
//! readiness of the service inside, then its call. So
//!
//! - a service that was polled ready and then is not called, or is dropped, holds no place of a policy:
//!   an idle connection takes nothing away from the others;
//! - a call that is rejected never polls the service inside, so one that is never ready cannot hold up a
//!   rejection;
//! - each call goes to a clone of the service inside, which is made ready for it; what clones share (a
//!   connection pool, a buffer) they go on sharing.
//!
//! The price: the readiness of the service inside does not reach the caller. Who waits for it waits in the
//! call, where time-outs and bulkheads see it.

mod pipeline;
mod policy;
mod protect;

pub use self::pipeline::{Attempts, PipelineLayer, PipelineService};
pub use self::policy::{PolicyLayer, PolicyService};
pub use self::protect::{Admitted, Protect};
