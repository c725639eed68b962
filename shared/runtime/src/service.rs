//! What a service is: how it is configured, built and put together.

use qm_clock::{SharedClock, SharedEntropy};
use qm_database::Database;
use qm_ids::IdGenerator;
use qm_messaging::bus::SharedBus;
use qm_telemetry::metrics::Metrics;
use sea_orm_migration::MigratorTrait;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::Routes,
};

use crate::{Peers, ReadinessCheck, Worker, config::ServiceConfig};

/// Why a service could not be built; `?` turns every error into it.
pub type BuildError = Box<dyn std::error::Error + Send + Sync>;

/// Everything that the machinery must know about a service.
pub trait ServiceDefinition: 'static {
    /// Name in one word of lower case, such as `order`; in environment variables, metrics and logs.
    const NAME: &'static str;
    /// TOML that sets every key of the service, with comments: the defaults and the manual.
    const DEFAULTS: &'static str;
    /// The configuration.
    type Config: ServiceConfig;
    /// The history of the database's schema.
    type Migrator: MigratorTrait;

    /// Puts the service together. Nothing runs yet.
    fn build(config: Self::Config, deps: Deps) -> impl Future<Output = Result<Assembly, BuildError>> + Send;
}

/// The seams through which a service meets the world. Each may be the real thing, or another one for a test.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Time.
    pub clock: SharedClock,
    /// Fresh ids.
    pub ids: IdGenerator,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// The service's own database, migrated.
    pub database: Database,
    /// The event bus.
    pub bus: SharedBus,
    /// Other services.
    pub peers: Peers,
    /// The service's metrics.
    pub metrics: Metrics,
}

/// A service that is ready to run.
#[derive(Debug)]
pub struct Assembly {
    pub(crate) name: &'static str,
    pub(crate) routes: Routes,
    pub(crate) served: Vec<&'static str>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) readiness: Vec<ReadinessCheck>,
}

impl Assembly {
    /// A service that does nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            routes: Routes::default(),
            served: Vec::new(),
            workers: Vec::new(),
            readiness: Vec::new(),
        }
    }

    /// Serves a generated gRPC server. Every service serves its own and `OperationsService`.
    #[must_use]
    pub fn serve<S>(mut self, server: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(server);
        self.served.push(S::NAME);
        self
    }

    /// Runs a worker.
    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }

    /// Runs several workers.
    #[must_use]
    pub fn workers(mut self, workers: impl IntoIterator<Item = Worker>) -> Self {
        self.workers.extend(workers);
        self
    }

    /// Is ready only when `check` holds.
    #[must_use]
    pub fn ready_when(mut self, check: ReadinessCheck) -> Self {
        self.readiness.push(check);
        self
    }

    /// Takes the workers out, for whoever gives them their turns instead of running the service.
    pub fn take_workers(&mut self) -> Vec<Worker> {
        std::mem::take(&mut self.workers)
    }

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The gRPC servers, for a channel within this process; see
    /// [`GrpcChannel::in_process`](crate::grpc::GrpcChannel::in_process).
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }
}
