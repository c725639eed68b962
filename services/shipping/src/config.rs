//! The service's configuration.

use std::time::Duration;

use chrono::TimeDelta;
use qm_runtime::config::{
    AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
    Secret, ServiceConfig, ShutdownConfig, TelemetryConfig, require,
};
use qm_standard_webhooks::WebhookSecret;
use serde::Deserialize;

use crate::{carriers::simulated::Behaviour, jobs::scans::Target};

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
    pub labels: LabelConfig,
    pub simulated_carrier: SimulatedConfig,
}

/// How patient shipping is with carriers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// How long one call to a carrier may take, milliseconds of real time.
    pub carrier_timeout_ms: u64,
    /// How long a person waits for labels, milliseconds of real time.
    pub deadline_ms: u64,
}

/// How the simulated carrier behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedConfig {
    /// Signs its messages: `whsec_` and base64 of 24 to 64 bytes.
    pub webhook_secret: Secret<String>,
    /// Where its messages go; empty for the service itself.
    pub webhook_url: String,
    /// From the handover to the first scan, milliseconds of the service's clock.
    pub in_transit_after_ms: i64,
    /// From the handover to the last day, milliseconds.
    pub out_for_delivery_after_ms: i64,
    /// From the handover to the door, milliseconds.
    pub delivered_after_ms: i64,
    /// Parcels of a thousand that are delayed.
    pub delayed_per_mille: u16,
    /// Parcels of a thousand that meet a closed door first.
    pub attempted_per_mille: u16,
    /// Parcels of a thousand that are lost.
    pub lost_per_mille: u16,
    /// Price of a label, minor units.
    pub base_cost_minor: i64,
    /// Price of each kilogram begun, minor units.
    pub kilogram_cost_minor: i64,
}

impl LabelConfig {
    /// How long one call to a carrier may take.
    pub fn carrier_timeout(&self) -> Duration {
        Duration::from_millis(self.carrier_timeout_ms)
    }

    /// How long a person waits for labels.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}

impl SimulatedConfig {
    /// What it signs its messages with.
    pub fn secret(&self) -> Result<WebhookSecret, ConfigError> {
        WebhookSecret::parse(self.webhook_secret.expose())
            .map_err(|error| ConfigError::new("simulated_carrier.webhook_secret", error.to_string()))
    }

    /// Its behaviour.
    pub fn behaviour(&self) -> Result<Behaviour, ConfigError> {
        Ok(Behaviour {
            secret: self.secret()?,
            in_transit_after: TimeDelta::milliseconds(self.in_transit_after_ms),
            out_for_delivery_after: TimeDelta::milliseconds(self.out_for_delivery_after_ms),
            delivered_after: TimeDelta::milliseconds(self.delivered_after_ms),
            delayed_per_mille: self.delayed_per_mille,
            attempted_per_mille: self.attempted_per_mille,
            lost_per_mille: self.lost_per_mille,
            base_cost_minor: self.base_cost_minor,
            kilogram_cost_minor: self.kilogram_cost_minor,
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        /// A year: no parcel takes longer.
        const LONGEST_MS: i64 = 366 * 24 * 60 * 60 * 1_000;
        let key = |name: &str| format!("simulated_carrier.{name}");
        self.secret()?;
        let is_url = Target::new(&self.webhook_url).is_ok();
        require(is_url, &key("webhook_url"), "expected http(s)://… or nothing")?;
        let is_time = (1..=LONGEST_MS).contains(&self.in_transit_after_ms);
        require(is_time, &key("in_transit_after_ms"), "expected at least 1 and at most a year")?;
        let is_later = (self.in_transit_after_ms + 1..=LONGEST_MS).contains(&self.out_for_delivery_after_ms);
        let expected = "expected more than in_transit_after_ms and at most a year";
        require(is_later, &key("out_for_delivery_after_ms"), expected)?;
        let is_later = (self.out_for_delivery_after_ms + 1..=LONGEST_MS).contains(&self.delivered_after_ms);
        let expected = "expected more than out_for_delivery_after_ms and at most a year";
        require(is_later, &key("delivered_after_ms"), expected)?;
        for (name, share) in [
            ("delayed_per_mille", self.delayed_per_mille),
            ("attempted_per_mille", self.attempted_per_mille),
            ("lost_per_mille", self.lost_per_mille),
        ] {
            require(share <= 1_000, &key(name), "expected 0 to 1000")?;
        }
        require(self.base_cost_minor >= 0, &key("base_cost_minor"), "expected 0 or more")?;
        require(self.kilogram_cost_minor >= 0, &key("kilogram_cost_minor"), "expected 0 or more")
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
        let labels = &self.labels;
        // Three calls and their pauses stay within the half-minute that a claim lasts.
        let is_short = (1..=8_000).contains(&labels.carrier_timeout_ms);
        require(is_short, "labels.carrier_timeout_ms", "expected 1 to 8000")?;
        let is_short = (1..=60_000).contains(&labels.deadline_ms);
        require(is_short, "labels.deadline_ms", "expected 1 to 60000")?;
        self.simulated_carrier.check()
    }
}
