//! The configuration that all services have in common, and the trait that gives access to it.

mod error;
mod loader;
mod secret;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};

pub use error::ConfigError;
pub use loader::{COMMON_DEFAULTS, Loader, load_with, variable_prefix};
pub use secret::Secret;

pub use qm_telemetry::TelemetryConfig;

/// A service's whole configuration: its own sections, and the common ones as fields named as in [`HostConfig`].
///
/// Derive `Deserialize` with `deny_unknown_fields`, so that a misspelt key is refused.
pub trait ServiceConfig: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The common sections.
    fn host(&self) -> HostConfig;

    /// Refuses values that have the right type and yet cannot work, naming the key. The common sections are checked
    /// before.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }
}

/// What all services have in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostConfig {
    /// The service's own database.
    pub database: DatabaseConfig,
    /// The event bus.
    pub bus: BusConfig,
    /// gRPC, as a server and as a client.
    pub grpc: GrpcConfig,
    /// Health and metrics.
    pub admin: AdminConfig,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// How the process ends.
    pub shutdown: ShutdownConfig,
    /// Threads.
    pub runtime: RuntimeConfig,
    /// Other services.
    pub peers: PeersConfig,
}

/// Where the service keeps its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://…` or `sqlite://…`; may hold a password.
    pub url: Secret<String>,
    /// Connections in the pool.
    pub max_connections: u32,
}

/// Where events travel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusConfig {
    /// `nats://…`, `tls://…`, or `sqlite://PATH` for a bus within this process; may hold a password.
    pub url: Secret<String>,
    /// Bytes that the service's stream may hold; the server sets them aside.
    pub stream_max_bytes: u64,
    /// Copies of the service's stream in a cluster.
    pub stream_replicas: u8,
    /// The shortest time from one batch of events to the next of the same kind, milliseconds.
    pub pace_ms: u64,
}

impl BusConfig {
    /// How the service's messaging is set up.
    pub fn messaging(&self) -> qm_messaging::MessagingOptions {
        qm_messaging::MessagingOptions {
            stream_max_bytes: self.stream_max_bytes,
            stream_replicas: self.stream_replicas,
            pace: Duration::from_millis(self.pace_ms),
            ..qm_messaging::MessagingOptions::default()
        }
    }
}

/// gRPC, as a server and as a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcConfig {
    /// `HOST:PORT` to serve on, with an IP address for the host; empty serves none.
    pub listen: String,
    /// Calls worked on at a time.
    pub max_in_flight: usize,
    /// How long a call to a peer may take if the caller sets no deadline, milliseconds.
    pub call_deadline_ms: u64,
    /// How long connecting to a peer may take, milliseconds.
    pub connect_timeout_ms: u64,
}

/// Where health and metrics are served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// `HOST:PORT`, with an IP address for the host; empty serves none.
    pub listen: String,
}

/// How the process ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShutdownConfig {
    /// Within this time everything is finished or dropped, milliseconds.
    pub deadline_ms: u64,
}

/// Threads.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Threads that run the service.
    pub worker_threads: usize,
}

/// URLs of other services by name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct PeersConfig {
    /// For example `inventory` → `http://localhost:7102`.
    pub urls: BTreeMap<String, String>,
}

impl HostConfig {
    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        require(self.database.max_connections > 0, "database.max_connections", "expected at least 1")?;
        let url = self.database.url.expose();
        let is_known =
            ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
        require(is_known, "database.url", "expected postgres://… or sqlite://…")?;
        let url = self.bus.url.expose();
        let is_known = ["nats://", "tls://", "sqlite://"].iter().any(|scheme| url.starts_with(scheme));
        require(is_known, "bus.url", "expected nats://…, tls://… or sqlite://PATH")?;
        require(self.bus.stream_max_bytes >= 1 << 20, "bus.stream_max_bytes", "expected at least 1048576")?;
        require((1..=5).contains(&self.bus.stream_replicas), "bus.stream_replicas", "expected 1 to 5")?;
        require(self.bus.pace_ms <= 1_000, "bus.pace_ms", "expected at most 1000")?;
        self.grpc.address()?;
        self.admin.address()?;
        require(self.grpc.max_in_flight > 0, "grpc.max_in_flight", "expected at least 1")?;
        require(self.grpc.call_deadline_ms > 0, "grpc.call_deadline_ms", "expected at least 1")?;
        require(self.grpc.connect_timeout_ms > 0, "grpc.connect_timeout_ms", "expected at least 1")?;
        require(self.shutdown.deadline_ms > 0, "shutdown.deadline_ms", "expected at least 1")?;
        let threads = self.runtime.worker_threads;
        require((1..=1024).contains(&threads), "runtime.worker_threads", "expected 1 to 1024")?;
        self.telemetry.check().map_err(|error| {
            // The message begins with the key inside the section.
            let text = error.to_string();
            let (key, problem) = text.split_once(": ").unwrap_or(("", text.as_str()));
            ConfigError::new(format!("telemetry.{key}"), problem)
        })?;
        self.peers.check()
    }
}

impl GrpcConfig {
    /// Where to serve; none if it is empty.
    pub fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        address("grpc.listen", &self.listen)
    }

    /// How long a call to a peer may take if the caller sets no deadline.
    pub fn call_deadline(&self) -> Duration {
        Duration::from_millis(self.call_deadline_ms)
    }

    /// How long connecting to a peer may take.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}

impl AdminConfig {
    /// Where to serve; none if it is empty.
    pub fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        address("admin.listen", &self.listen)
    }
}

impl ShutdownConfig {
    /// Within this time everything is finished or dropped.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

impl PeersConfig {
    fn check(&self) -> Result<(), ConfigError> {
        for (name, url) in &self.urls {
            let uri = url.parse::<http::Uri>().ok();
            let is_usable = uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
            require(is_usable, &format!("peers.{name}"), "expected http://HOST:PORT")?;
        }
        Ok(())
    }
}

/// Passes what holds, and refuses the key otherwise: for [`ServiceConfig::check`].
pub fn require(holds: bool, key: &str, expected: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(key, expected)) }
}

/// Reads `HOST:PORT`; an empty text is none. For sections with a socket of their own.
pub fn address(key: &str, listen: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if listen.is_empty() {
        return Ok(None);
    }
    listen.parse().map(Some).map_err(|_| {
        ConfigError::new(key, format!("expected IP-ADDRESS:PORT such as 127.0.0.1:7101, got \"{listen}\""))
    })
}
