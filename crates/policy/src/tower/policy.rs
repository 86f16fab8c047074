//! One policy around a service.

use std::future::poll_fn;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::error::Error;

use super::protect::{Admitted, Protect};

/// Puts one policy around services.
///
/// # Example
///
/// ```
/// use steadfast_base::Time;
/// use steadfast_policy::tower::PolicyLayer;
/// use steadfast_policy::{Bulkhead, BulkheadConfig};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let bulkhead = Bulkhead::new(BulkheadConfig::new(10), Time::system())?;
/// let double = service_fn(|number: u32| async move { Ok::<_, std::io::Error>(number * 2) });
/// let protected = PolicyLayer::new(bulkhead.clone()).layer(double);
/// assert_eq!(protected.oneshot(4).await?, 8);
/// assert_eq!(bulkhead.statistics().succeeded, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolicyLayer<P> {
    policy: P,
}

impl<P: Protect> PolicyLayer<P> {
    /// A layer of a policy that its services share.
    pub fn new(policy: P) -> Self {
        Self { policy }
    }
}

impl<P: Protect, S> Layer<S> for PolicyLayer<P> {
    type Service = PolicyService<P, S>;

    fn layer(&self, inner: S) -> PolicyService<P, S> {
        PolicyService { policy: self.policy.clone(), inner }
    }
}

/// A service behind one policy; made by [`PolicyLayer`]. Always ready, see [the module](super).
#[derive(Clone, Debug)]
pub struct PolicyService<P, S> {
    policy: P,
    inner: S,
}

impl<P, S, Request> Service<Request> for PolicyService<P, S>
where
    P: Protect,
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = Admitted<S::Response, S::Error>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut inner = self.inner.clone();
        self.policy.protect(move || async move {
            poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(request).await
        })
    }
}
