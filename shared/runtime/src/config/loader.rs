//! Reads a configuration in layers: common defaults, the service's defaults, files, the environment. Later layers win.

use std::{fs, path::Path};

use config::{Config, File, FileFormat};
use toml::{Table, Value};

use super::{ConfigError, ServiceConfig};

/// The defaults of the sections that all services have in common, and their manual.
pub const COMMON_DEFAULTS: &str = include_str!("../../common.default.toml");

/// Collects the layers of one service's configuration.
#[derive(Debug, Clone)]
pub struct Loader {
    prefix: String,
    layers: Vec<Layer>,
    variables: Vec<Variable>,
}

#[derive(Debug, Clone)]
struct Layer {
    origin: String,
    text: String,
    table: Table,
}

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    path: Vec<String>,
    value: String,
}

/// What the names of a service's environment variables begin with: `QM_ORDER__` for `order`.
pub fn variable_prefix(service: &str) -> String {
    format!("QM_{}__", service.replace('-', "_").to_uppercase())
}

/// Reads a service's configuration from its defaults, perhaps a file, and environment variables.
pub fn load_with<C: ServiceConfig>(
    service: &str,
    defaults: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<C, ConfigError> {
    let mut loader = Loader::new(service, defaults)?;
    if let Some(path) = file {
        loader = loader.file(path)?;
    }
    loader.environment(environment).load()
}

impl Loader {
    /// Starts with the common defaults and the service's own.
    pub fn new(service: &str, defaults: &str) -> Result<Self, ConfigError> {
        Self { prefix: variable_prefix(service), layers: Vec::new(), variables: Vec::new() }
            .toml("the common defaults", COMMON_DEFAULTS)?
            .toml("the defaults", defaults)
    }

    /// Adds a layer of TOML; `origin` names it in refusals.
    pub fn toml(mut self, origin: &str, text: &str) -> Result<Self, ConfigError> {
        let table = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .build()
            .and_then(Config::try_deserialize::<Table>)
            .map_err(|source| ConfigError::Syntax { origin: origin.to_owned(), source: Box::new(source) })?;
        self.layers.push(Layer { origin: origin.to_owned(), text: text.to_owned(), table });
        Ok(self)
    }

    /// Adds a file as a layer.
    pub fn file(self, path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        self.toml(&path.display().to_string(), &text)
    }

    /// Adds environment variables, of which those with the service's prefix count. They win over all other layers.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            if let Some(path) = name.strip_prefix(&self.prefix) {
                let path = path.split("__").map(str::to_lowercase).collect();
                self.variables.push(Variable { path, value, name });
            }
        }
        // The environment has no order, and the first refusal should not depend on chance.
        self.variables.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// Adds the environment of this process.
    pub fn process_environment(self) -> Result<Self, ConfigError> {
        let mut variables = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(&self.prefix)) else { continue };
            let value = value.into_string().map_err(|_| ConfigError::new(name, "expected text in UTF-8"))?;
            variables.push((name.to_owned(), value));
        }
        Ok(self.environment(variables))
    }

    /// Merges the layers and checks the result.
    pub fn load<C: ServiceConfig>(&self) -> Result<C, ConfigError> {
        self.read().map_err(|error| error.with_origin(|key| self.origin_of(key)))
    }

    fn read<C: ServiceConfig>(&self) -> Result<C, ConfigError> {
        let mut merged = self.merge()?;
        for variable in &self.variables {
            set(&mut merged, &variable.path, &variable.value)
                .map_err(|problem| ConfigError::new(variable.path.join("."), problem))?;
        }
        let config: C = serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
            let key = error.path().to_string();
            let problem = error.into_inner().message().trim().to_owned();
            ConfigError::new(if key == "." { String::new() } else { key }, problem)
        })?;
        config.host().check()?;
        config.check()?;
        Ok(config)
    }

    fn merge(&self) -> Result<Table, ConfigError> {
        let sources: Vec<_> =
            self.layers.iter().map(|layer| File::from_str(&layer.text, FileFormat::Toml)).collect();
        Config::builder().add_source(sources).build().and_then(Config::try_deserialize::<Table>).map_err(
            |source| ConfigError::Syntax { origin: "the configuration".to_owned(), source: Box::new(source) },
        )
    }

    /// Who set this key last.
    fn origin_of(&self, key: &str) -> Option<String> {
        let path: Vec<&str> = key.split('.').collect();
        if let Some(variable) = self.variables.iter().find(|variable| variable.path == path) {
            return Some(variable.name.clone());
        }
        let layer = self.layers.iter().rev().find(|layer| find(&layer.table, &path).is_some())?;
        Some(layer.origin.clone())
    }
}

fn find<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

/// Sets one key from text, read as the type that the key has so far.
fn set(table: &mut Table, path: &[String], text: &str) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    if name.is_empty() {
        return Err("expected sections and key joined by two underscores".to_owned());
    }
    if rest.is_empty() {
        let value = parse(table.get(name), text)?;
        table.insert(name.clone(), value);
        return Ok(());
    }
    match table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(section) => set(section, rest, text),
        _ => Err(format!("`{name}` is a value and has no keys")),
    }
}

fn parse(known: Option<&Value>, text: &str) -> Result<Value, String> {
    let got = |expected: &str| format!("expected {expected}, got \"{text}\"");
    Ok(match known {
        Some(Value::Integer(_)) => Value::Integer(text.parse().map_err(|_| got("an integer"))?),
        Some(Value::Float(_)) => Value::Float(text.parse().map_err(|_| got("a number"))?),
        Some(Value::Boolean(_)) => Value::Boolean(text.parse().map_err(|_| got("true or false"))?),
        Some(Value::Array(items)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| parse(items.first(), part)).collect::<Result<_, _>>()?)
        }
        Some(Value::Table(_)) => return Err("is a section and not a value".to_owned()),
        Some(Value::String(_) | Value::Datetime(_)) => Value::String(text.to_owned()),
        None => guess(text),
    })
}

/// The defaults do not know the key, so it is what it looks like. Texts such as `007` stay texts.
fn guess(text: &str) -> Value {
    if let Ok(boolean) = text.parse() {
        return Value::Boolean(boolean);
    }
    match text.parse::<i64>() {
        Ok(integer) if integer.to_string() == text => Value::Integer(integer),
        _ => Value::String(text.to_owned()),
    }
}
