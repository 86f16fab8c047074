//! A whole pipeline around a service.

use std::future::poll_fn;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

/// Puts a pipeline around services.
///
/// A pipeline is composed when the program is compiled and its runs are not boxed, so the layer is given
/// the function that runs it: from [`Attempts`], the service and the request, each attempt of the pipeline
/// makes a call.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_policy::tower::{Attempts, PipelineLayer};
/// use steadfast_policy::{Budget, BudgetSettings, Pipeline, Retry};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let budget = Budget::new(BudgetSettings::default())?;
/// let pipeline = Pipeline::builder()
///     .retry(Retry::exponential(Duration::from_millis(1)).budget(&budget))
///     .build()?;
/// let layer = PipelineLayer::new(move |attempts: Attempts<_, _>| {
///     let pipeline = pipeline.clone();
///     async move { pipeline.run(|_| attempts.attempt()).await }
/// });
/// let double = service_fn(|number: u32| async move { Ok::<_, std::io::Error>(number * 2) });
/// assert_eq!(layer.layer(double).oneshot(4).await?, 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PipelineLayer<F> {
    run: F,
}

impl<F> PipelineLayer<F> {
    /// A layer that runs each request by `run`.
    pub fn new<S, Request, Running>(run: F) -> Self
    where
        F: Fn(Attempts<S, Request>) -> Running + Clone,
    {
        Self { run }
    }
}

impl<S, F: Clone> Layer<S> for PipelineLayer<F> {
    type Service = PipelineService<S, F>;

    fn layer(&self, inner: S) -> PipelineService<S, F> {
        PipelineService { inner, run: self.run.clone() }
    }
}

/// A service behind a pipeline; made by [`PipelineLayer`]. Always ready, see [the module](super).
#[derive(Clone, Debug)]
pub struct PipelineService<S, F> {
    inner: S,
    run: F,
}

impl<S, F, Request, Running, Response, Error> Service<Request> for PipelineService<S, F>
where
    S: Clone,
    F: Fn(Attempts<S, Request>) -> Running,
    Running: Future<Output = Result<Response, Error>>,
{
    type Response = Response;
    type Error = Error;
    type Future = Running;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Running {
        (self.run)(Attempts { service: self.inner.clone(), request })
    }
}

/// A request and the service that it is for; see [`PipelineLayer`].
#[derive(Clone, Debug)]
pub struct Attempts<S, Request> {
    service: S,
    request: Request,
}

impl<S, Request> Attempts<S, Request> {
    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

impl<S: Service<Request> + Clone, Request: Clone> Attempts<S, Request> {
    /// Makes one attempt: waits until a clone of the service is ready, and calls it with a copy of the
    /// request.
    ///
    /// # Errors
    ///
    /// The error of the service.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the attempt.
    pub fn attempt(&self) -> impl Future<Output = Result<S::Response, S::Error>> + use<S, Request> {
        let Self { mut service, request } = self.clone();
        async move {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        }
    }
}
