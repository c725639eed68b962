//! The gRPC server on a socket: a service's routes, and health and reflection beside them.

use std::{net::TcpListener, time::Duration};

use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::HealthReporter,
};

use crate::{BuildError, grpc::ServedRoutes};

/// How often a silent connection is asked whether it still lives, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// A server that has its port.
pub(crate) struct GrpcServer {
    incoming: TcpIncoming,
    routes: ServedRoutes,
    health: HealthReporter,
}

impl GrpcServer {
    /// Serves `routes`, which holds the gRPC services called `served`. Must run inside a tokio runtime.
    pub(crate) fn new(
        listener: TcpListener,
        routes: ServedRoutes,
        served: &[&'static str],
    ) -> Result<Self, BuildError> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let reflection = served
            .iter()
            .fold(tonic_reflection::server::Builder::configure(), |builder, name| {
                builder.with_service_name(*name)
            })
            .register_encoded_file_descriptor_set(qm_proto::DESCRIPTORS)
            .build_v1()?;
        let (health, health_server) = health();
        let routes = routes.map_routes(|routes| routes.add_service(health_server).add_service(reflection));
        Ok(Self { incoming: TcpIncoming::from(listener).with_nodelay(Some(true)), routes, health })
    }

    /// Tells clients whether to come here.
    pub(crate) fn health(&self) -> HealthReporter {
        self.health.clone()
    }

    /// Serves until `stop` is cancelled and the calls in flight have ended.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), BuildError> {
        Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE.0))
            .http2_keepalive_timeout(Some(KEEP_ALIVE.1))
            .serve_with_incoming_shutdown(self.routes, self.incoming, stop.cancelled_owned())
            .await
            .map_err(Into::into)
    }
}

/// The empty name stands for the whole server, which starts out as serving.
fn health() -> (HealthReporter, HealthServer<impl Health>) {
    tonic_health::server::health_reporter()
}

/// Tells clients to go elsewhere.
pub(crate) async fn not_serving(health: &HealthReporter) {
    health.set_service_status("", ServingStatus::NotServing).await;
}
