//! Every service in one process: the same assemblies that run alone elsewhere, given other seams.
//!
//! What differs from a process per service stands here and nowhere else: databases and the bus are files of a data
//! directory, peers are called without a socket, and the clock is the caller's. The environment of each service still
//! wins, so any database, bus or cache may be a server instead.

mod builder;
mod data_dir;
mod grpc;
mod migrate;
mod overrides;
mod secrets;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use qm_clock::{SharedClock, SharedEntropy, SystemClock, SystemEntropy};
use qm_database::Database;
use qm_gateway::GatewayService;
use qm_ids::IdGenerator;
use qm_inventory::InventoryService;
use qm_notification::NotificationService;
use qm_order::OrderService;
use qm_routing::RoutingService;
use qm_runtime::{
    Assembly, BuildError, Host, ListenError, RunError, ServiceDefinition,
    config::{HostConfig, ServiceConfig as _},
    database_answers,
    grpc::GrpcChannel,
};
use qm_shipping::ShippingService;
use qm_telemetry::metrics::Metrics;
use tokio_util::sync::CancellationToken;

use crate::verify::Verifier;
use builder::{Builder, Services};
use overrides::{Overrides, with_secrets};
use secrets::Secrets;

pub use data_dir::{Addresses, DataDir, DataDirError, DataDirLock};
pub use migrate::{migrate, open_gateway_database};
pub use secrets::SecretsError;

/// The public port of this process, taken before anything slow: one that is in use should show at once.
#[derive(Debug)]
pub struct HttpPort {
    listener: std::net::TcpListener,
    address: SocketAddr,
    said: Option<SocketAddr>,
}

/// Time, randomness, and what follows from them.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Time.
    pub clock: SharedClock,
    /// How many times as fast as real time the clock runs.
    pub speed: f64,
    /// Randomness.
    pub entropy: SharedEntropy,
}

/// Every service, built and not yet running.
#[derive(Debug)]
pub struct System {
    assemblies: Vec<Assembly>,
    channels: BTreeMap<&'static str, GrpcChannel>,
    process: HostConfig,
    metrics: Metrics,
    gateway_database: Database,
    dir: DataDir,
    _lock: DataDirLock,
}

impl HttpPort {
    /// Takes `listen`, or what the gateway's configuration says. `flag` is how a person chooses another.
    pub fn take(listen: Option<SocketAddr>, flag: &'static str) -> Result<Self, BuildError> {
        let config = gateway(listen).load::<GatewayService>()?;
        let listener = qm_gateway::bind(&config).map_err(|error| match error.downcast::<ListenError>() {
            Ok(problem) => PortError { problem: *problem, flag }.into(),
            Err(error) => error,
        })?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, said: listen })
    }

    /// Where the gateway is, as this machine reaches it.
    pub fn base_url(&self) -> String {
        let port = self.address.port();
        match self.address {
            address if !address.ip().is_unspecified() => format!("http://{address}"),
            SocketAddr::V4(_) => format!("http://127.0.0.1:{port}"),
            SocketAddr::V6(_) => format!("http://[::1]:{port}"),
        }
    }
}

/// The public port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{problem}\n  {flag} chooses another port; port 0 takes any free one")]
pub struct PortError {
    problem: ListenError,
    flag: &'static str,
}

impl Seams {
    /// The machine's own.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), speed: 1.0, entropy: Arc::new(SystemEntropy) }
    }

    /// A maker of ids.
    pub fn ids(&self) -> IdGenerator {
        IdGenerator::new(Arc::clone(&self.clock), Arc::clone(&self.entropy))
    }
}

impl System {
    /// Locks the directory, brings all databases up to date and builds all services. With `grpc`, each service also
    /// answers on a port of its own, from that address on.
    pub async fn build(
        dir: DataDir,
        seams: Seams,
        port: HttpPort,
        grpc: Option<SocketAddr>,
    ) -> Result<Self, BuildError> {
        let lock = dir.lock()?;
        let secrets = Secrets::of(&dir, &*seams.entropy)?;
        let mut builder = services(&dir, &seams, &secrets, &port.base_url()).await?;

        let overrides =
            with_secrets(gateway(port.said).data(&dir, GatewayService::NAME), GatewayService::NAME, &secrets);
        let config = overrides.load::<GatewayService>()?;
        let process = config.host();
        let deps = builder.deps::<GatewayService>(&process).await?;
        let gateway_database = deps.database.clone();
        let assembly = GatewayService::build_on(port.listener, config, deps).await?;
        builder.take(assembly.ready_when(database_answers(gateway_database.clone())), &process);

        let Services { mut built, channels, metrics } = builder.finish();
        let mut addresses = None;
        if let Some(first) = grpc {
            let (serving, taken) = grpc::serve(built, first)?;
            (built, addresses) = (serving, Some(taken));
        }
        dir.write_addresses(addresses.as_ref())?;
        let assemblies = built.into_iter().map(|built| built.assembly).collect();
        Ok(Self { assemblies, channels, process, metrics, gateway_database, dir, _lock: lock })
    }

    /// Asks the services about the laws, without a socket.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.channels.clone())
    }

    /// Where tenants and keys stand.
    pub fn gateway_database(&self) -> Database {
        self.gateway_database.clone()
    }

    /// What this process itself is told: logs, the port for health and metrics, how it ends. They are the gateway's.
    pub fn process(&self) -> &HostConfig {
        &self.process
    }

    /// Runs until `shutdown` is cancelled or a part fails, and then ends everything in order.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RunError> {
        let host = Host::bind(&self.process, self.metrics)?;
        let ended = host.run(self.assemblies, shutdown).await;
        if let Err(error) = self.dir.write_addresses(None) {
            tracing::warn!(%error, "the file with this process's addresses stays");
        }
        ended
    }
}

/// The books of a directory on which nothing runs: its services, built and left at rest.
#[derive(Debug)]
pub struct Books {
    /// The ways to the services, by name.
    pub channels: BTreeMap<&'static str, GrpcChannel>,
    _lock: DataDirLock,
}

impl Books {
    /// Locks the directory and opens its books.
    pub async fn open(dir: &DataDir, seams: &Seams) -> Result<Self, BuildError> {
        let lock = dir.lock()?;
        let secrets = Secrets::of(dir, &*seams.entropy)?;
        let services = services(dir, seams, &secrets, "http://127.0.0.1:8080").await?.finish();
        Ok(Self { channels: services.channels, _lock: lock })
    }
}

/// Builds the five services behind the gateway.
async fn services(
    dir: &DataDir,
    seams: &Seams,
    secrets: &Secrets,
    base_url: &str,
) -> Result<Builder, BuildError> {
    let plain = |service| with_secrets(Overrides::in_one_process().data(dir, service), service, secrets);
    let mut builder = Builder::new(seams.clone());
    let order = plain(OrderService::NAME).scaled::<OrderService>("saga", "ask_again_after_ms", seams.speed);
    builder.add::<OrderService>(&order).await?;
    let inventory = plain(InventoryService::NAME).scaled::<InventoryService>("holds", "ttl_ms", seams.speed);
    builder.add::<InventoryService>(&inventory).await?;
    builder.add::<RoutingService>(&plain(RoutingService::NAME)).await?;
    builder.add::<ShippingService>(&plain(ShippingService::NAME)).await?;
    let notification = plain(NotificationService::NAME)
        .set("mail", "url", dir.mailbox_url())
        .set("tracking", "base_url", base_url);
    builder.add::<NotificationService>(&notification).await?;
    Ok(builder)
}

fn gateway(said: Option<SocketAddr>) -> Overrides {
    let overrides = Overrides::in_one_process();
    match said {
        Some(address) => overrides.say("QM_GATEWAY__HTTP__LISTEN", address.to_string()),
        None => overrides,
    }
}
