//! What surrounds every request: a span that continues the caller's trace, a metric, a bound on requests at work, a
//! deadline, and the headers that every answer carries.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use qm_clock::SharedEntropy;
use qm_refusal::Refusal;
use qm_telemetry::{metrics::Metrics, propagation};
use tracing::{Instrument as _, info_span};

use super::{
    Problem,
    connections::{Answer, Connection},
};

/// Names a request in answers, so that a caller's report leads to its logs.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The trace that is being served.
pub(super) fn trace_id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Bounds and counts requests.
#[derive(Debug, Clone)]
pub struct Gate {
    at_work: Arc<AtomicUsize>,
    max_in_flight: usize,
    timeout: Duration,
    metrics: Metrics,
    entropy: SharedEntropy,
}

struct Passed(Arc<AtomicUsize>);

impl Drop for Passed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    /// Lets `max_in_flight` requests in at a time, each for at most `timeout`.
    pub fn new(max_in_flight: usize, timeout: Duration, metrics: Metrics, entropy: SharedEntropy) -> Self {
        Self { at_work: Arc::default(), max_in_flight, timeout, metrics, entropy }
    }

    fn pass(&self) -> Option<Passed> {
        let passed = Passed(Arc::clone(&self.at_work));
        // Counted first: the guard takes the count back, also of a request that is turned away.
        (self.at_work.fetch_add(1, Ordering::AcqRel) < self.max_in_flight).then_some(passed)
    }

    /// That of the trace which the request belongs to, or a new one.
    fn trace_id(&self, span: &tracing::Span, traceparent: Option<&str>) -> String {
        let current = span.in_scope(propagation::current_traceparent);
        let known = current.as_deref().or(traceparent).and_then(|parent| parent.split('-').nth(1));
        let is_id = |id: &&str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        known.filter(is_id).map(str::to_owned).unwrap_or_else(|| {
            let mut bytes = [0; 16];
            self.entropy.fill(&mut bytes);
            hex::encode(bytes)
        })
    }
}

/// The middleware.
pub async fn observe(
    gate: Data<Gate>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let serving = request.conn_data::<Arc<Connection>>().map(Connection::serve);
    let traceparent = request.headers().get(propagation::TRACEPARENT).and_then(|value| value.to_str().ok());
    let span = info_span!(
        "http",
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        tenant = tracing::field::Empty,
        trace = tracing::field::Empty,
    );
    if let Some(traceparent) = traceparent {
        propagation::set_parent(&span, traceparent);
    }
    let trace_id = gate.trace_id(&span, traceparent);
    span.record("trace", trace_id.as_str());

    let timeout = gate.timeout;
    let work = async {
        let Some(_passed) = gate.pass() else {
            let message = "too many requests are being served; try again";
            return Err(Problem::from(Refusal::unavailable("overloaded", message)).into());
        };
        match tokio::time::timeout(timeout, next.call(request)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let message = "no answer in time; send the same request again, with the same Idempotency-Key";
                Err(Problem::from(Refusal::unavailable("timeout", message)).into())
            }
        }
    };
    let outcome: Result<ServiceResponse<_>, Error> =
        CURRENT.scope(trace_id.clone(), work.instrument(span.clone())).await;

    let (route, status) = match &outcome {
        Ok(response) => {
            (response.request().match_pattern().unwrap_or_else(|| "none".to_owned()), response.status())
        }
        Err(error) => ("none".to_owned(), error.as_response_error().status_code()),
    };
    span.record("http.route", route.as_str());
    span.record("http.response.status_code", status.as_u16());
    gate.metrics.observe_request(route, status.as_str().to_owned(), started.elapsed());

    let mut response = outcome?;
    if let Ok(value) = HeaderValue::from_str(&trace_id) {
        response.headers_mut().insert(TRACE_ID, value);
    }
    Ok(response.map_body(|_, body| Answer::new(body, serving)))
}
