//! Traces really leave for the collector. The only test here, since telemetry starts once per process.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world fails")]

use std::{convert::Infallible, sync::Arc};

use qm_telemetry::{LogFormat, TelemetryConfig, init, propagation::current_traceparent};
use tokio::sync::Notify;
use tonic::{
    Status,
    body::Body,
    transport::{Server, server::TcpIncoming},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_guard_sends_what_is_left_to_the_collector() {
    let received = Arc::new(Notify::new());
    let collector = {
        let received = Arc::clone(&received);
        tower::service_fn(move |request: http::Request<Body>| {
            assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
            received.notify_one();
            async { Ok::<_, Infallible>(Status::ok("").into_http::<Body>()) }
        })
    };
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", incoming.local_addr().unwrap());
    tokio::spawn(Server::builder().serve_with_incoming(collector, incoming));

    let config = TelemetryConfig {
        otlp_endpoint: Some(endpoint),
        log_format: LogFormat::Json,
        log_filter: "off".to_owned(),
    };
    let guard = init("order", &config).unwrap();
    tracing::info_span!("place").in_scope(|| assert!(current_traceparent().is_some()));
    drop(guard);
    // The guard has waited for the collector, so it has been told already.
    tokio::time::timeout(std::time::Duration::from_secs(10), received.notified()).await.unwrap();

    let again = init("order", &config).unwrap_err().to_string();
    assert!(again.contains("started before"), "{again}");
}
