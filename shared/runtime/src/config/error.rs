//! What is wrong with a configuration, said so that it can be put right.

use std::{fmt, path::PathBuf};

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, missing, or has a value that cannot work.
    #[error("{}", describe(key, problem, origin.as_deref()))]
    Key {
        /// The key with its sections, such as `grpc.listen`.
        key: String,
        /// What was expected.
        problem: String,
        /// Who set it: an environment variable, a file, the defaults.
        origin: Option<String>,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A text is no TOML.
    #[error("{origin} is not valid TOML")]
    Syntax {
        /// The file, or what else it is.
        origin: String,
        /// Where and why.
        source: Box<config::ConfigError>,
    },
}

impl ConfigError {
    /// A refusal of `key`, named with its sections. The loader adds who set it.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Key { key: key.into(), problem: problem.into(), origin: None }
    }

    pub(crate) fn with_origin(self, find: impl FnOnce(&str) -> Option<String>) -> Self {
        match self {
            Self::Key { key, problem, origin: None } => {
                let origin = find(&key);
                Self::Key { key, problem, origin }
            }
            other => other,
        }
    }
}

fn describe(key: &str, problem: &str, origin: Option<&str>) -> String {
    let key: &dyn fmt::Display = if key.is_empty() { &"configuration" } else { &key };
    match origin {
        Some(origin) => format!("{key} (set by {origin}): {problem}"),
        None => format!("{key}: {problem}"),
    }
}
