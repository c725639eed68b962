#![doc = include_str!("../README.md")]

mod config;
mod init;
mod json;
pub mod metrics;
pub mod propagation;

pub use config::{LogFormat, TelemetryConfig};
pub use init::{TelemetryGuard, init};

/// Why telemetry could not start. The text names the setting at fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `log_filter` is not a filter.
    #[error("log_filter: expected directives such as \"info,qm_order=debug\"")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// `otlp_endpoint` is not usable.
    #[error("otlp_endpoint: expected http://HOST:PORT of a collector's gRPC receiver, got \"{0}\"")]
    Endpoint(String),
    /// The exporter could not be built.
    #[error("otlp_endpoint: the exporter cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Another subscriber was installed before.
    #[error("telemetry was started before in this process")]
    AlreadyStarted(#[from] tracing_subscriber::util::TryInitError),
}
