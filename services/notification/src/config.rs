//! The service's configuration.

use std::path::PathBuf;

use qm_runtime::config::{
    AdminConfig, BusConfig, ConfigError, DatabaseConfig, GrpcConfig, HostConfig, PeersConfig, RuntimeConfig,
    Secret, ServiceConfig, ShutdownConfig, TelemetryConfig, require,
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
    pub mail: MailConfig,
    pub webhooks: WebhookConfig,
    pub tracking: TrackingConfig,
}

/// How mails leave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtp://…`, `smtps://…` or `mailbox://FOLDER`.
    pub url: Secret<String>,
    /// Sender, as in `Shop <orders@example.com>`.
    pub from: String,
}

/// How webhooks leave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Allows http and addresses that are not of the public internet. For development only.
    pub allow_private_addresses: bool,
    /// How long an endpoint may take to answer, milliseconds.
    pub timeout_ms: u64,
}

/// Links to tracking pages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrackingConfig {
    /// Signs the links; the same as the gateway's.
    pub secret: Secret<String>,
    /// Where shoppers reach the gateway.
    pub base_url: String,
}

/// Where mails go, read from `mail.url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTarget {
    /// A mail server.
    Smtp(String),
    /// A folder in which each mail is a file.
    Mailbox(PathBuf),
}

impl MailConfig {
    /// Where mails go.
    pub fn target(&self) -> Result<MailTarget, ConfigError> {
        let url = self.url.expose();
        match url.split_once("://") {
            Some(("mailbox", folder)) if !folder.is_empty() => Ok(MailTarget::Mailbox(folder.into())),
            Some(("smtp" | "smtps", _)) => Ok(MailTarget::Smtp(url.clone())),
            _ => Err(ConfigError::new("mail.url", "expected smtp://…, smtps://… or mailbox://FOLDER")),
        }
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
        self.mail.target()?;
        let from = self.mail.from.parse::<lettre::message::Mailbox>();
        require(from.is_ok(), "mail.from", "expected an address such as Shop <orders@example.com>")?;
        let is_sane = (1..=60_000).contains(&self.webhooks.timeout_ms);
        require(is_sane, "webhooks.timeout_ms", "expected 1 to 60000")?;
        let base = &self.tracking.base_url;
        let is_url = base.starts_with("http://") || base.starts_with("https://");
        require(
            is_url && !base.ends_with('/'),
            "tracking.base_url",
            "expected http(s)://HOST without a slash at the end",
        )?;
        let links = qm_tracking_link::TrackingLinks::new(self.tracking.secret.expose().as_bytes());
        require(links.is_ok(), "tracking.secret", "expected at least 16 characters")
    }
}
