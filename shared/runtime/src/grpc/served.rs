//! What every call gets that this process serves, whether it came by a socket or from within.

use std::{
    convert::Infallible,
    fmt,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use qm_telemetry::{metrics::Metrics, propagation};
use tokio::sync::Semaphore;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::Service;
use tracing::{Instrument as _, Span, field};

use super::{
    TENANT,
    body::{CallBody, status_of_panic},
};

/// A service's routes with a span, a duration metric, a bound on calls in flight and protection from panics around each
/// call. Clones share the bound.
///
/// Health and reflection pass by all of that: a busy service is still healthy.
#[derive(Clone)]
pub struct ServedRoutes {
    routes: Routes,
    metrics: Metrics,
    in_flight: Arc<Semaphore>,
}

impl ServedRoutes {
    /// Serves `routes`, at most `max_in_flight` calls at a time; one more is refused with RESOURCE_EXHAUSTED.
    pub fn new(routes: Routes, metrics: Metrics, max_in_flight: usize) -> Self {
        let permits = max_in_flight.min(Semaphore::MAX_PERMITS);
        Self { routes: routes.prepare(), metrics, in_flight: Arc::new(Semaphore::new(permits)) }
    }

    /// Adds routes that every server has.
    pub(crate) fn map_routes(mut self, add: impl FnOnce(Routes) -> Routes) -> Self {
        self.routes = add(self.routes).prepare();
        self
    }
}

impl Service<Request<Body>> for ServedRoutes {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path().starts_with("/grpc.") {
            return Box::pin(self.routes.call(request));
        }
        let started = Instant::now();
        let path = request.uri().path().to_owned();
        let metrics = self.metrics.clone();
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            let status = Status::resource_exhausted("too many calls at a time, try again later");
            observe(&metrics, path, status.code(), started);
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let span = call_span(&request, metrics.service());
        // Calling may already run code of the handler, so it happens inside what catches panics.
        let mut routes = self.routes.clone();
        let handled = async move { routes.call(request).await }.instrument(span.clone());
        Box::pin(async move {
            let response = match AssertUnwindSafe(handled).catch_unwind().await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(panic) => span.in_scope(|| status_of_panic(&*panic)).into_http(),
            };
            let code = code_of(response.headers());
            span.record("rpc.grpc.status_code", i32::from(code));
            observe(&metrics, path, code, started);
            Ok(response.map(|body| Body::new(CallBody::new(body, span, permit))))
        })
    }
}

impl fmt::Debug for ServedRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedRoutes").field("service", &self.metrics.service()).finish_non_exhaustive()
    }
}

/// Names follow OpenTelemetry's conventions for RPC.
fn call_span(request: &Request<Body>, service: &'static str) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (rpc_service, rpc_method) = path.split_once('/').unwrap_or((path, ""));
    let span = tracing::info_span!(
        "grpc",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = rpc_service,
        rpc.method = rpc_method,
        rpc.grpc.status_code = field::Empty,
        service,
        tenant = field::Empty,
    );
    if let Some(tenant) = request.headers().get(TENANT).and_then(|value| value.to_str().ok()) {
        span.record("tenant", tenant);
    }
    propagation::set_parent_from_headers(&span, request.headers());
    span
}

/// A handler that fails puts its status into the headers; one that succeeds, or streams, sends it after the body.
fn code_of(headers: &HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |value| Code::from_bytes(value.as_bytes()))
}

/// The time is that until the headers of the answer: for one message that is the handler's whole work.
fn observe(metrics: &Metrics, path: String, code: Code, started: Instant) {
    // Anybody can make up paths, and each would be a new line on the metrics page.
    let route = if code == Code::Unimplemented { "(unknown)".to_owned() } else { path };
    metrics.observe_request(route, name_of(code), started.elapsed());
}

const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
