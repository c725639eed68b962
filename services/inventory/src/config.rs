//! The service's configuration.

use qm_runtime::config::{
    AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
    ServiceConfig, ShutdownConfig, TelemetryConfig, require,
};
use serde::Deserialize;

/// See `config.default.toml`, which documents every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the sections are documented where they are defined")]
pub struct Config {
    pub database: DatabaseConfig,
    pub bus: BusConfig,
    pub grpc: GrpcConfig,
    pub admin: AdminConfig,
    pub telemetry: TelemetryConfig,
    pub shutdown: ShutdownConfig,
    pub runtime: RuntimeConfig,
    pub peers: PeersConfig,
    pub holds: HoldsConfig,
    pub waits: WaitsConfig,
}

/// Stock held for those who wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldsConfig {
    /// How long a hold lasts, milliseconds of the service's clock.
    pub ttl_ms: i64,
}

/// Orders that wait for stock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitsConfig {
    /// How long an item waits before somebody looks whether stock is there, milliseconds of the service's clock.
    pub look_again_ms: i64,
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
        let is_fit = (1..=86_400_000).contains(&self.holds.ttl_ms);
        require(is_fit, "holds.ttl_ms", "expected 1 to 86400000, a day")?;
        let is_fit = (1_000..=604_800_000).contains(&self.waits.look_again_ms);
        require(is_fit, "waits.look_again_ms", "expected 1000 to 604800000, a week")
    }
}
