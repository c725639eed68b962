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
    pub saga: SagaConfig,
    pub placing: PlacingConfig,
}

/// How patient the saga is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SagaConfig {
    /// The pause before an unanswered question is asked again, milliseconds of the service's clock.
    pub ask_again_after_ms: i64,
}

/// How placements are gathered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacingConfig {
    /// How long a placement waits for company, milliseconds.
    pub linger_ms: u64,
    /// Orders committed together at most.
    pub max_batch: usize,
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
        let is_patient = (100..=i64::MAX / 1_000).contains(&self.saga.ask_again_after_ms);
        require(is_patient, "saga.ask_again_after_ms", "expected at least 100")?;
        require(self.placing.linger_ms <= 1_000, "placing.linger_ms", "expected at most 1000")?;
        require((1..=1_000).contains(&self.placing.max_batch), "placing.max_batch", "expected 1 to 1000")
    }
}
