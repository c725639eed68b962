//! What running in one process changes in the services' configuration.

use qm_runtime::{
    ServiceDefinition,
    config::{ConfigError, Loader},
};
use toml::{Table, Value};

use super::{data_dir::DataDir, secrets::Secrets};

/// Whoever is refused a value reads that it came from here.
const ORIGIN: &str = "the data directory";

/// The longest wait that services accept.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A layer of configuration between a service's defaults and its environment.
#[derive(Debug, Default, Clone)]
pub(crate) struct Overrides {
    table: Table,
    /// Variables that win over the environment: what was said on the command line.
    said: Vec<(String, String)>,
}

impl Overrides {
    /// No sockets of its own: this process serves all services.
    pub(crate) fn in_one_process() -> Self {
        Self::default().set("grpc", "listen", "").set("admin", "listen", "")
    }

    /// Sets a key of a section.
    pub(crate) fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let section = self.table.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Some(section) = section.as_table_mut() {
            section.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Sets a variable of the service that wins over the environment.
    pub(crate) fn say(mut self, variable: &str, value: String) -> Self {
        self.said.push((variable.to_owned(), value));
        self
    }

    /// Keeps the service's data in the directory.
    pub(crate) fn data(self, dir: &DataDir, service: &str) -> Self {
        self.set("database", "url", dir.database_url(service)).set("bus", "url", dir.bus_url())
    }

    /// Multiplies a default that is a duration in the service's time and stands for waiting in real time: on a clock
    /// that runs `speed` times as fast, it would be over too soon. At most a day.
    pub(crate) fn scaled<S: ServiceDefinition>(self, section: &str, key: &str, speed: f64) -> Self {
        let default =
            S::DEFAULTS.parse::<Table>().ok().and_then(|table| table.get(section)?.get(key)?.as_integer());
        match default {
            // Whole milliseconds are exact enough; the cast saturates.
            Some(default) => self.set(section, key, ((default as f64 * speed) as i64).min(DAY_MS)),
            None => self,
        }
    }

    /// Reads the service's configuration: its defaults, this layer, the environment, what was said.
    pub(crate) fn load<S: ServiceDefinition>(&self) -> Result<S::Config, ConfigError> {
        let loader = Loader::new(S::NAME, S::DEFAULTS)?.toml(ORIGIN, &self.table.to_string())?;
        loader.process_environment()?.environment(self.said.clone()).load()
    }
}

/// The secrets of the services that share them.
pub(crate) fn with_secrets(overrides: Overrides, service: &str, secrets: &Secrets) -> Overrides {
    match service {
        "gateway" | "notification" => overrides.set("tracking", "secret", secrets.tracking.as_str()),
        "shipping" => overrides.set("simulated_carrier", "webhook_secret", secrets.carrier.as_str()),
        _ => overrides,
    }
}
