//! Why a command failed: refused, or the database did.

use qm_database::{Error, Retryable};
use qm_refusal::Refusal;
use tonic::Status;

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// What was asked cannot be done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

impl Retryable for CommandError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_retryable())
    }
}

impl From<CommandError> for Status {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Database(error) => from_database(&error),
        }
    }
}

/// Logs a database's failure once, and answers without its words.
pub fn from_database(error: &Error) -> Status {
    tracing::error!(error = error as &dyn std::error::Error, "a request failed: {error}");
    if error.is_unavailable() || error.is_retryable() {
        Refusal::unavailable("database_unavailable", "the database is not available").into()
    } else {
        Refusal::internal().into()
    }
}
