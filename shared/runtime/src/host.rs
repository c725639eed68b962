//! Runs services: takes the ports, starts the workers, serves, and brings everything to a good end.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use qm_telemetry::metrics::Metrics;
use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Assembly, ListenError, ReadinessCheck, Stage, WorkerEnded, admin,
    config::{ConfigError, HostConfig},
    grpc::ServedRoutes,
    listen::listen,
    readiness::Readiness,
    server::{self, GrpcServer},
    worker::Running,
};

/// By when calls and each stage must have ended, in hundredths of the whole deadline: whoever comes late may not use up
/// the time of those after it, and the relay gets what is left.
const CALLS_END: u32 = 50;
const STAGE_ENDS: [(Stage, u32); 3] = [(Stage::Consumers, 70), (Stage::Jobs, 85), (Stage::Relay, 100)];

/// Why services stopped that were not asked to, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A worker ended early, failed or panicked.
    #[error(transparent)]
    Worker(#[from] WorkerEnded),
    /// A server failed.
    #[error("the {what} server failed")]
    Server {
        /// Which one.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not everything was finished within the deadline; what was left has been dropped.
    #[error("not finished within shutdown.deadline_ms: {}", .0.join(", "))]
    Overran(Vec<String>),
    /// Several services cannot share one gRPC port, since each serves `OperationsService`.
    #[error("grpc.listen: must be empty when several services run in one process")]
    SharedPort,
}

/// Ports that are taken, and what is needed to serve on them.
#[derive(Debug)]
pub struct Host {
    grpc: Option<TcpListener>,
    admin: Option<TcpListener>,
    metrics: Metrics,
    max_in_flight: usize,
    deadline: Duration,
    checks: Vec<ReadinessCheck>,
}

impl Host {
    /// Takes the ports. Clients may connect from now on, and are answered once [`run`](Self::run) runs.
    pub fn bind(config: &HostConfig, metrics: Metrics) -> Result<Self, RunError> {
        let take = |key, address: Option<SocketAddr>| address.map(|address| listen(key, address)).transpose();
        Ok(Self {
            grpc: take("grpc.listen", config.grpc.address()?)?,
            admin: take("admin.listen", config.admin.address()?)?,
            metrics,
            max_in_flight: config.grpc.max_in_flight,
            deadline: config.shutdown.deadline(),
            checks: Vec::new(),
        })
    }

    /// Adds a condition for readiness that belongs to the process rather than to one service.
    #[must_use]
    pub fn ready_when(mut self, check: ReadinessCheck) -> Self {
        self.checks.push(check);
        self
    }

    /// Where gRPC is served.
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.grpc.as_ref()?.local_addr().ok()
    }

    /// Where health and metrics are served.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.local_addr().ok()
    }

    /// Runs services until `shutdown` is cancelled or a part of them fails, then drains: not ready, no new calls, calls
    /// in flight finish, then the workers stop stage by stage. `Ok` means that everything was finished in time.
    pub async fn run(
        self,
        assemblies: impl IntoIterator<Item = Assembly>,
        shutdown: CancellationToken,
    ) -> Result<(), RunError> {
        let mut assemblies: Vec<_> = assemblies.into_iter().collect();
        if self.grpc.is_some() && assemblies.len() > 1 {
            return Err(RunError::SharedPort);
        }
        let (grpc, admin) = (self.grpc_address(), self.admin_address());
        let (mut readiness, mut running) = (Readiness::default(), Running::default());
        for check in self.checks {
            readiness.add(self.metrics.service(), check);
        }
        for assembly in &mut assemblies {
            for check in assembly.readiness.drain(..) {
                readiness.add(assembly.name, check);
            }
        }
        let readiness = Arc::new(readiness);
        let mut servers = Vec::new();
        if let Some(listener) = self.admin {
            let server = admin::server(listener, Arc::clone(&readiness), self.metrics.clone())
                .map_err(|source| RunError::Server { what: "admin", source: source.into() })?;
            servers.push(Serving::admin(server));
        }
        if let (Some(listener), Some(assembly)) = (self.grpc, assemblies.first()) {
            let routes = ServedRoutes::new(assembly.routes(), self.metrics.clone(), self.max_in_flight);
            let server = GrpcServer::new(listener, routes, &assembly.served)
                .map_err(|source| RunError::Server { what: "gRPC", source })?;
            servers.push(Serving::grpc(server));
        }
        for assembly in assemblies {
            for worker in assembly.workers {
                running.start(assembly.name, worker);
            }
        }
        tracing::info!(
            grpc = grpc.map(tracing::field::display),
            admin = admin.map(tracing::field::display),
            "running"
        );
        let failure = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = running.first_end() => Some(RunError::Worker(ended)),
            failure = first_failure(&mut servers) => Some(failure),
        };
        if let Some(error) = &failure {
            tracing::error!(error = error as &dyn std::error::Error, "stopping: {error}");
        } else {
            tracing::info!("stopping");
        }
        readiness.start_draining();
        let (late_failure, overran) = drain(servers, running, self.deadline).await;
        match failure.or(late_failure) {
            Some(failure) => Err(failure),
            None if overran.is_empty() => Ok(()),
            None => Err(RunError::Overran(overran)),
        }
    }
}

/// Takes the ports and runs one service; see [`Host`].
pub async fn run(
    assembly: Assembly,
    config: &HostConfig,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    Host::bind(config, metrics)?.run([assembly], shutdown).await
}

type ServerResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A server at work.
struct Serving {
    what: &'static str,
    task: JoinHandle<ServerResult>,
    stop: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

impl Serving {
    fn admin(server: actix_web::dev::Server) -> Self {
        let handle = server.handle();
        let task = tokio::spawn(async move { server.await.map_err(Into::into) });
        Self { what: "admin", task, stop: Box::new(move || Box::pin(async move { handle.stop(true).await })) }
    }

    fn grpc(server: GrpcServer) -> Self {
        let (health, stop) = (server.health(), CancellationToken::new());
        let task = tokio::spawn(server.run(stop.clone()));
        let stop = move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                server::not_serving(&health).await;
                stop.cancel();
            })
        };
        Self { what: "gRPC", task, stop: Box::new(stop) }
    }

    fn failure(&self, ended: Result<ServerResult, JoinError>) -> RunError {
        let source = match ended {
            Ok(Ok(())) => "it ended before it was told to".into(),
            Ok(Err(source)) => source,
            Err(error) => error.into(),
        };
        RunError::Server { what: self.what, source }
    }
}

/// Waits until a server ends that was not told to. Never ends if there are none.
async fn first_failure(servers: &mut Vec<Serving>) -> RunError {
    if servers.is_empty() {
        return std::future::pending().await;
    }
    let (ended, index, _) =
        futures::future::select_all(servers.iter_mut().map(|server| &mut server.task)).await;
    // A task that ended must not be awaited again.
    servers.remove(index).failure(ended)
}

/// Ends everything in order. Gives the first failure on the way, and the names of those that had to be dropped.
async fn drain(
    servers: Vec<Serving>,
    mut running: Running,
    deadline: Duration,
) -> (Option<RunError>, Vec<String>) {
    let start = Instant::now();
    let by = |hundredths: u32| start + deadline * hundredths / 100;
    let (mut failure, mut overran) = (None, Vec::new());
    let (admin, grpc): (Vec<_>, Vec<_>) = servers.into_iter().partition(|server| server.what == "admin");

    running.cancel(Stage::Ingress);
    for server in grpc {
        overran.extend(stop(server, by(CALLS_END)).await);
    }
    for (stage, end) in [(Stage::Ingress, CALLS_END)].into_iter().chain(STAGE_ENDS) {
        running.cancel(stage);
        let drained = running.drain(stage, by(end)).await;
        for ended in drained.ended {
            tracing::error!(error = &ended as &dyn std::error::Error, "while stopping: {ended}");
            failure.get_or_insert(RunError::Worker(ended));
        }
        overran.extend(drained.overran);
    }
    // Whoever asks is told that we are not ready until the very end.
    for server in admin {
        // A scraper's idle connection may stay to the end; cutting it off loses nothing.
        let _ = stop(server, by(100)).await;
    }
    (failure, overran)
}

/// Tells a server to stop and waits for its last answers; drops it at the deadline and gives its name.
async fn stop(server: Serving, deadline: Instant) -> Option<String> {
    let Serving { what, mut task, stop } = server;
    let end = async {
        stop().await;
        (&mut task).await
    };
    match timeout_at(deadline, end).await {
        Ok(_) => None,
        Err(_) => {
            task.abort();
            Some(format!("{what} calls in flight"))
        }
    }
}
