//! Installs logs and traces for the process.

use std::{io, io::IsTerminal as _, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt,
    layer::SubscriberExt as _,
    registry::{LookupSpan, Registry},
    util::SubscriberInitExt as _,
};

use crate::{Error, LogFormat, TelemetryConfig, json::JsonLayer};

/// How long one export may take, and how long the last one may hold up the end of the process.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Those who carry the spans out: exporting their own would never end.
const CARRIERS: [&str; 6] = ["h2", "hyper", "hyper_util", "tonic", "tower", "opentelemetry"];

/// Sends what is left of the traces when it is dropped. Keep it until the process ends, and drop it while the
/// asynchronous runtime still lives.
#[derive(Debug)]
#[must_use = "traces end when the guard is dropped"]
pub struct TelemetryGuard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for TelemetryGuard {
    fn drop(&mut self) {
        let Some(provider) = self.provider.take() else { return };
        if let Err(error) = provider.shutdown_with_timeout(EXPORT_TIMEOUT) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Installs logs, and traces if an endpoint is set, for the whole process and for its whole life.
///
/// Must be called inside a tokio runtime when an endpoint is set: the exporter's connection lives there.
pub fn init(service: &'static str, config: &TelemetryConfig) -> Result<TelemetryGuard, Error> {
    let filter = config.filter()?;
    let provider = config.endpoint()?.map(|endpoint| tracer_provider(service, endpoint)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        let carriers = CARRIERS.map(|target| (target, tracing_subscriber::filter::LevelFilter::OFF));
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("quartermaster"))
            .with_filter(Targets::new().with_default(Level::INFO).with_targets(carriers))
    });
    Registry::default().with(traces).with(logs(service, config.log_format).with_filter(filter)).try_init()?;
    Ok(TelemetryGuard { provider })
}

fn logs<S>(service: &'static str, format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    match format {
        LogFormat::Text => fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => JsonLayer::new(service, io::stderr).boxed(),
    }
}

fn tracer_provider(service: &'static str, endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let exporter =
        SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build()?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
