//! What can be set about telemetry.

use serde::{Deserialize, Deserializer};
use tracing_subscriber::EnvFilter;

use crate::Error;

/// The `[telemetry]` section of a service's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// A collector's gRPC receiver, such as `http://localhost:4317`; empty turns traces off.
    #[serde(default, deserialize_with = "empty_is_none")]
    pub otlp_endpoint: Option<String>,
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Which log lines are written, such as `info,qm_order=debug`.
    pub log_filter: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl TelemetryConfig {
    /// Refuses what [`init`](crate::init) would refuse, without starting anything.
    pub fn check(&self) -> Result<(), Error> {
        self.filter()?;
        self.endpoint()?;
        Ok(())
    }

    pub(crate) fn filter(&self) -> Result<EnvFilter, Error> {
        Ok(EnvFilter::try_new(&self.log_filter)?)
    }

    /// The endpoint to send traces to, if they are on.
    pub(crate) fn endpoint(&self) -> Result<Option<&str>, Error> {
        let Some(endpoint) = self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(None);
        };
        let uri = endpoint.parse::<http::Uri>().ok();
        let is_usable = uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if is_usable { Ok(Some(endpoint)) } else { Err(Error::Endpoint(endpoint.to_owned())) }
    }
}

fn empty_is_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(otlp_endpoint: &str, log_filter: &str) -> TelemetryConfig {
        TelemetryConfig {
            otlp_endpoint: Some(otlp_endpoint.to_owned()),
            log_format: LogFormat::Text,
            log_filter: log_filter.to_owned(),
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for endpoint in ["localhost:4317", "https://collector:4317", "http://", "nonsense nonsense"] {
            let refusal = config(endpoint, "info").check().unwrap_err().to_string();
            assert!(refusal.contains("otlp_endpoint") && refusal.contains(endpoint), "{refusal}");
        }
        let refusal = config("", "info,=x=,").check().unwrap_err().to_string();
        assert!(refusal.contains("log_filter"), "{refusal}");
    }

    #[test]
    fn an_empty_endpoint_means_no_traces() {
        assert_eq!(config("", "info").endpoint().unwrap(), None);
        assert_eq!(
            config("http://localhost:4317", "info").endpoint().unwrap(),
            Some("http://localhost:4317")
        );
    }
}
