//! The service's configuration.

use qm_money::Minor;
use qm_runtime::config::{
    AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
    ServiceConfig, ShutdownConfig, TelemetryConfig, require,
};
use serde::Deserialize;

use crate::domain::PolicySettings;

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
    pub policy: PolicyConfig,
}

/// What plans are compared by, and how far is looked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Counted for each shipment after the first, minor units.
    pub split_penalty_minor: i64,
    /// Counted for each unit left unfilled, minor units.
    pub unfilled_per_unit_minor: i64,
    /// Counted for each shipment after the promise, minor units.
    pub late_per_shipment_minor: i64,
    /// Days for which capacity is looked up.
    pub capacity_lookahead_days: u16,
    /// Bound on the search for one order.
    pub search_budget: u64,
    /// Locations that an explanation lists.
    pub explained_locations: usize,
    /// Days on the road without a tariff.
    pub untariffed_transit_days: u16,
}

impl PolicyConfig {
    /// The policy's settings.
    pub fn settings(&self) -> PolicySettings {
        PolicySettings {
            split_penalty: Minor(self.split_penalty_minor),
            unfilled_per_unit: Minor(self.unfilled_per_unit_minor),
            late_per_shipment: Minor(self.late_per_shipment_minor),
            capacity_lookahead_days: self.capacity_lookahead_days,
            search_budget: self.search_budget,
            explained_locations: self.explained_locations,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        /// Ten thousand million of most currencies; sums of these stay far from overflowing.
        const MOST_MINOR: i64 = 1_000_000_000_000;
        let key = |name: &str| format!("policy.{name}");
        for (name, amount) in [
            ("split_penalty_minor", self.split_penalty_minor),
            ("unfilled_per_unit_minor", self.unfilled_per_unit_minor),
            ("late_per_shipment_minor", self.late_per_shipment_minor),
        ] {
            require((0..=MOST_MINOR).contains(&amount), &key(name), "expected 0 to 1000000000000")?;
        }
        let is_fit = self.capacity_lookahead_days <= 366;
        require(is_fit, &key("capacity_lookahead_days"), "expected at most 366")?;
        // A whole batch of orders that all exhaust it must be planned well within half a minute.
        let is_fit = (1_000..=16_000_000).contains(&self.search_budget);
        require(is_fit, &key("search_budget"), "expected 1000 to 16000000")?;
        let is_fit = (1..=1_000).contains(&self.explained_locations);
        require(is_fit, &key("explained_locations"), "expected 1 to 1000")?;
        let is_fit = self.untariffed_transit_days <= 365;
        require(is_fit, &key("untariffed_transit_days"), "expected at most 365")
    }
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
        self.policy.check()
    }
}
