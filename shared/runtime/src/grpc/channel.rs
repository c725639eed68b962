//! The way to a peer.

use std::{
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use qm_telemetry::propagation;
use tonic::{
    Code, Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt as _, util::BoxCloneSyncService};

use super::{ServedRoutes, deadline};

/// How long a call may take if neither its caller nor the channel's maker says.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How often a connection on which calls wait is asked whether it still lives, and how long it may take to say so. Together
/// less than a call may take: who waits on a connection that was forgotten on its way gets another one in time.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(3));

/// The way to a peer: a socket, or the peer's own server in this process. Generated clients accept either.
///
/// Every call carries the current trace and a deadline, the caller's own (`Request::set_timeout`) or the channel's;
/// past it the call ends with DEADLINE_EXCEEDED. Deadlines cover the time until an answer begins.
#[derive(Clone, Debug)]
pub struct GrpcChannel {
    peer: Arc<str>,
    transport: Transport,
    deadline: Duration,
}

#[derive(Clone, Debug)]
enum Transport {
    Socket(Channel),
    InProcess(Arc<OnceLock<ServedRoutes>>),
    Other(BoxCloneSyncService<Request<Body>, Response<Body>, Status>),
}

/// Binds a channel to the peer once that is built; see [`GrpcChannel::late`].
#[derive(Debug)]
pub struct LateBinding(Arc<OnceLock<ServedRoutes>>);

/// A peer's URL cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{url} is not the URL of a gRPC server")]
pub struct InvalidPeer {
    url: String,
    source: tonic::transport::Error,
}

impl GrpcChannel {
    /// To the server at `url` (`http://HOST:PORT`). Connects with the first call, and again when the connection is lost.
    pub fn connect_lazy(
        url: &str,
        call_deadline: Duration,
        connect_timeout: Duration,
    ) -> Result<Self, InvalidPeer> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|source| InvalidPeer { url: url.to_owned(), source })?
            .connect_timeout(connect_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .tcp_nodelay(true);
        let transport = Transport::Socket(endpoint.connect_lazy());
        Ok(Self { peer: url.into(), transport, deadline: call_deadline })
    }

    /// To the peer's own server in this process.
    pub fn in_process(peer: &str, routes: ServedRoutes) -> Self {
        let transport = Transport::InProcess(Arc::new(OnceLock::from(routes)));
        Self { peer: peer.into(), transport, deadline: DEFAULT_DEADLINE }
    }

    /// To a peer in this process that is not built yet, since services may need each other. Until it is bound, calls
    /// are answered with UNAVAILABLE, as they are by a peer that has not started.
    pub fn late(peer: &str) -> (Self, LateBinding) {
        let cell = Arc::new(OnceLock::new());
        let transport = Transport::InProcess(Arc::clone(&cell));
        (Self { peer: peer.into(), transport, deadline: DEFAULT_DEADLINE }, LateBinding(cell))
    }

    /// To the peer by any other way, such as one on which a simulation loses calls and answers.
    pub fn over<S>(peer: &str, way: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Status, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let transport = Transport::Other(BoxCloneSyncService::new(way));
        Self { peer: peer.into(), transport, deadline: DEFAULT_DEADLINE }
    }

    /// The same way with another deadline for calls that have none of their own.
    #[must_use]
    pub fn with_deadline(self, call_deadline: Duration) -> Self {
        Self { deadline: call_deadline, ..self }
    }
}

impl LateBinding {
    /// From now on calls reach `routes`.
    pub fn bind(self, routes: ServedRoutes) {
        // Nobody else can bind it: there is one binding, and this consumes it.
        let _ = self.0.set(routes);
    }
}

impl Service<Request<Body>> for GrpcChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Waiting for a connection is part of the call, so that the deadline covers it.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        propagation::inject_headers(request.headers_mut());
        let deadline = deadline::read(request.headers()).unwrap_or_else(|| {
            deadline::write(request.headers_mut(), self.deadline);
            self.deadline
        });
        let (peer, transport) = (Arc::clone(&self.peer), self.transport.clone());
        Box::pin(async move {
            let started = Instant::now();
            let answer = tokio::time::timeout(deadline, transport.call(&peer, request)).await;
            // tonic watches the same deadline, in its client and in its server, and calls it a cancellation.
            let is_late = || started.elapsed() >= deadline;
            match answer {
                Ok(Err(status)) if status.code() == Code::Cancelled && is_late() => {
                    Err(too_late(&peer, deadline))
                }
                Ok(Ok(response)) if is_cancelled(response.headers()) && is_late() => {
                    Err(too_late(&peer, deadline))
                }
                Ok(result) => result,
                Err(_) => Err(too_late(&peer, deadline)),
            }
        })
    }
}

fn too_late(peer: &str, deadline: Duration) -> Status {
    Status::deadline_exceeded(format!("{peer} did not answer within {} ms", deadline.as_millis()))
}

/// What the connection says, not the peer: it was never there, or it broke, and whether the call arrived is not known.
fn unreachable(peer: &str, error: Box<dyn std::error::Error + Send + Sync>) -> Status {
    broken(peer, Status::from_error(error))
}

/// tonic calls a connection that broke unknown or internal, depending on when; a peer's own answer never comes this way.
fn broken(peer: &str, status: Status) -> Status {
    match status.code() {
        Code::Unknown | Code::Internal => {
            tracing::debug!(peer, error = &status as &dyn std::error::Error, "the connection broke");
            Status::unavailable(format!("the connection to {peer} broke"))
        }
        _ => status,
    }
}

fn is_cancelled(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").is_some_and(|value| Code::from_bytes(value.as_bytes()) == Code::Cancelled)
}

impl Transport {
    async fn call(self, peer: &str, request: Request<Body>) -> Result<Response<Body>, Status> {
        match self {
            Self::Socket(mut channel) => {
                let unreachable = |error: tonic::transport::Error| unreachable(peer, error.into());
                let ready = channel.ready().await.map_err(unreachable)?;
                let response = ready.call(request).await.map_err(unreachable)?;
                let peer = peer.to_owned();
                Ok(response.map(|body| Body::new(body.map_err(move |status| broken(&peer, status)))))
            }
            Self::Other(mut way) => way.ready().await?.call(request).await,
            Self::InProcess(cell) => {
                let Some(routes) = cell.get() else {
                    return Err(Status::unavailable(format!("{peer} has not started")));
                };
                match routes.clone().call(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
        }
    }
}
