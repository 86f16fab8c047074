//! A real HTTP server and clients, under more load than the server bears.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::{Layer, Service, ServiceExt, service_fn};

use steadfast_base::Time;
use steadfast_breaker::{CircuitBreaker, Config};
use steadfast_policy::tower::{Attempts, PipelineLayer, PolicyLayer, Protect};
use steadfast_policy::{
    Budget, BudgetSettings, Bulkhead, BulkheadConfig, Error, LoadShedder, Pipeline, Retry,
    ShedConfig,
};

const CLIENTS: u32 = 16;
const REQUESTS: u32 = 20;
const PLACES: u32 = 3;

/// How many requests run at once, and how many did so at most.
#[derive(Default)]
struct Gauge {
    running: AtomicU32,
    most: AtomicU32,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// The work of the server; it lets the others go on in between.
async fn work(gauge: Arc<Gauge>) -> Result<StatusCode, Infallible> {
    gauge.most.fetch_max(gauge.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    gauge.running.fetch_sub(1, Ordering::SeqCst);
    Ok(StatusCode::OK)
}

/// Serves until dropped: the policy around the work, and rejections as 503.
async fn serve<P: Protect>(listener: TcpListener, policy: P, gauge: Arc<Gauge>) {
    let mut connections = JoinSet::new();
    let inner = service_fn(move |_: Request<Incoming>| work(Arc::clone(&gauge)));
    let protected = PolicyLayer::new(policy).layer(inner);
    let answering = service_fn(move |request| {
        let mut protected = protected.clone();
        async move {
            let status = match protected.call(request).await {
                Ok(status) => status,
                Err(Error::Rejected(_)) => StatusCode::SERVICE_UNAVAILABLE,
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(answering.clone());
        let io = TokioIo::new(stream);
        connections.spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

/// Sends one request over a connection of its own.
async fn send(address: SocketAddr) -> Result<StatusCode, std::io::Error> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(std::io::Error::other)?;
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new());
    let request = request.map_err(std::io::Error::other)?;
    let response = sender.send_request(request).await.map_err(std::io::Error::other)?;
    Ok(response.status())
}

/// The answers of many clients at once, by status.
async fn flood<S>(client: S) -> (u32, u32)
where
    S: Service<(), Response = StatusCode> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug + Send,
{
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = client.clone();
        clients.spawn(async move {
            let (mut served, mut turned_away) = (0, 0);
            for _ in 0..REQUESTS {
                match client.clone().oneshot(()).await {
                    Ok(StatusCode::OK) => served += 1,
                    _ => turned_away += 1,
                }
            }
            (served, turned_away)
        });
    }
    clients.join_all().await.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

/// Floods a server behind the policy; served, turned away, and most at once. Afterwards it must serve again.
async fn overload<P: Protect>(policy: P) -> (u32, u32, u32) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let gauge = Arc::new(Gauge::default());
    let mut server = JoinSet::new();
    server.spawn(serve(listener, policy, Arc::clone(&gauge)));
    let (served, turned_away) = flood(service_fn(move |()| send(address))).await;
    let after = send(address).await.expect("an answer");
    assert_eq!(after, StatusCode::OK, "the flood is over");
    (served + 1, turned_away, gauge.most.load(Ordering::SeqCst))
}

#[test]
fn s40_a_bulkhead_holds_a_real_server_to_its_places_and_leaks_none() {
    let bulkhead = Bulkhead::new(BulkheadConfig::new(PLACES), Time::system()).expect("valid");
    let (served, turned_away, most) = runtime().block_on(overload(bulkhead.clone()));
    assert_eq!(served + turned_away, CLIENTS * REQUESTS + 1);
    // The first who come find free places, whatever the machine does with the rest.
    assert!(served > PLACES && most <= PLACES, "{served} served, {most} at once");
    let statistics = bulkhead.statistics();
    assert_eq!((statistics.running, statistics.available), (0, PLACES));
    assert_eq!(statistics.succeeded, u64::from(served));
    assert_eq!(statistics.rejected(), u64::from(turned_away));
}

#[test]
fn a_queue_before_the_places_serves_every_request_of_a_burst() {
    let config = BulkheadConfig::new(PLACES).with_wait(Duration::from_mins(1), 100);
    let bulkhead = Bulkhead::new(config, Time::system()).expect("valid");
    let (served, _, most) = runtime().block_on(overload(bulkhead));
    assert_eq!(served, CLIENTS * REQUESTS + 1);
    assert!(most <= PLACES);
}

#[test]
fn a_load_shedder_holds_a_real_server_to_its_places() {
    let shedder = LoadShedder::new(ShedConfig::new(PLACES), Time::system()).expect("valid");
    let (served, turned_away, most) = runtime().block_on(overload(shedder.clone()));
    assert_eq!(served + turned_away, CLIENTS * REQUESTS + 1);
    // The first who come find free places, whatever the machine does with the rest.
    assert!(served > PLACES && most <= PLACES, "{served} served, {most} at once");
    assert_eq!(shedder.statistics().running, 0);
}

#[test]
fn a_client_behind_a_pipeline_stops_calling_a_server_that_is_gone() {
    let runtime = runtime();
    runtime.block_on(async {
        // A port that was free a moment ago and where nobody listens.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let time = Time::system();
        let breaker =
            CircuitBreaker::new("server", Config::default(), time.clone()).expect("valid");
        let budget = Budget::new(BudgetSettings::default()).expect("valid");
        let pipeline = Pipeline::builder()
            .time(time)
            .retry(Retry::exponential(Duration::from_millis(1)).max_attempts(2).budget(&budget))
            .breaker(&breaker)
            .build()
            .expect("valid");
        let layer = PipelineLayer::new(move |attempts: Attempts<_, _>| {
            let pipeline = pipeline.clone();
            async move { pipeline.run(|_| attempts.attempt()).await }
        });
        let sent = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&sent);
        let client = layer.layer(service_fn(move |()| {
            count.fetch_add(1, Ordering::SeqCst);
            send(address)
        }));
        let (served, turned_away) = flood(client).await;
        assert_eq!((served, turned_away), (0, CLIENTS * REQUESTS));
        let sent = sent.load(Ordering::SeqCst);
        assert!((5..=5 + CLIENTS).contains(&sent), "{sent} calls to a dead server");
        assert!(breaker.metrics().totals.rejected > 0);
    });
}
