//! A service's configuration, and a gRPC server that answers what it saw.

use async_trait::async_trait;
use qm_proto::operations::v1::{
    CheckLawsRequest, CheckLawsResponse, GetBacklogRequest, GetBacklogResponse, LawReport,
    ListDeadLettersRequest, ListDeadLettersResponse, ListFactsRequest, ListFactsResponse,
    ReplayDeadLettersRequest, ReplayDeadLettersResponse,
    operations_service_server::{OperationsService, OperationsServiceServer},
};
use qm_runtime::{
    Assembly,
    config::{
        AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig,
        RuntimeConfig, ServiceConfig, ShutdownConfig, TelemetryConfig, load_with, require,
    },
    grpc::tenant_of,
};
use qm_telemetry::propagation::current_traceparent;
use serde::Deserialize;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// What a service's own defaults add to the common ones.
pub(crate) const DEFAULTS: &str = r#"
[database]
url = "sqlite://guinea-pig.db"
[bus]
url = "nats://localhost:4222"
[grpc]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[own]
attempts = 3
ratio = 0.5
is_strict = true
zones = ["north"]
"#;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) database: DatabaseConfig,
    pub(crate) bus: BusConfig,
    pub(crate) grpc: GrpcConfig,
    pub(crate) admin: AdminConfig,
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) shutdown: ShutdownConfig,
    pub(crate) runtime: RuntimeConfig,
    pub(crate) peers: PeersConfig,
    pub(crate) own: Own,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Own {
    pub(crate) attempts: u16,
    pub(crate) ratio: f64,
    pub(crate) is_strict: bool,
    pub(crate) zones: Vec<String>,
}

impl ServiceConfig for Config {
    fn host(&self) -> HostConfig {
        HostConfig {
            database: self.database.clone(),
            bus: self.bus.clone(),
            grpc: self.grpc.clone(),
            admin: self.admin.clone(),
            telemetry: self.telemetry.clone(),
            shutdown: self.shutdown.clone(),
            runtime: self.runtime.clone(),
            peers: self.peers.clone(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        require(self.own.attempts > 0, "own.attempts", "expected at least 1")
    }
}

pub(crate) fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (String, String)> + 'a {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
}

pub(crate) fn host_config(pairs: &[(&str, &str)]) -> HostConfig {
    load_with::<Config>("guinea-pig", DEFAULTS, None, variables(pairs)).unwrap().host()
}

/// Answers what it saw of a call, panics or waits, depending on the rpc.
#[derive(Clone)]
pub(crate) struct Mirror {
    /// How many calls wait in `list_dead_letters`, and whether they may go on.
    pub(crate) waiting: watch::Sender<u32>,
    pub(crate) gate: watch::Sender<bool>,
}

impl Mirror {
    pub(crate) fn new() -> Self {
        Self { waiting: watch::Sender::new(0), gate: watch::Sender::new(false) }
    }

    pub(crate) fn assembly(&self) -> Assembly {
        Assembly::new("guinea-pig").serve(OperationsServiceServer::new(self.clone()))
    }
}

#[async_trait]
impl OperationsService for Mirror {
    /// The tenant as the law, the trace as the statement.
    async fn check_laws(
        &self,
        request: Request<CheckLawsRequest>,
    ) -> Result<Response<CheckLawsResponse>, Status> {
        let law = tenant_of(&request)?.to_string();
        let statement = current_traceparent().unwrap_or_default();
        Ok(Response::new(CheckLawsResponse {
            laws: vec![LawReport { law, statement, ..LawReport::default() }],
        }))
    }

    async fn list_facts(&self, _: Request<ListFactsRequest>) -> Result<Response<ListFactsResponse>, Status> {
        panic!("out of facts")
    }

    async fn get_backlog(
        &self,
        _: Request<GetBacklogRequest>,
    ) -> Result<Response<GetBacklogResponse>, Status> {
        Ok(Response::new(GetBacklogResponse { outbox: 7, ..GetBacklogResponse::default() }))
    }

    /// Waits until the gate is opened.
    async fn list_dead_letters(
        &self,
        _: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.gate.subscribe().wait_for(|is_open| *is_open).await.unwrap();
        Ok(Response::new(ListDeadLettersResponse::default()))
    }

    async fn replay_dead_letters(
        &self,
        _: Request<ReplayDeadLettersRequest>,
    ) -> Result<Response<ReplayDeadLettersResponse>, Status> {
        Err(Status::failed_precondition("not now"))
    }
}
