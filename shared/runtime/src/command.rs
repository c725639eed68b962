//! Why a command failed: refused, or the database did. One table for what callers and consumers are told.

use qm_database::{Error, Retryable};
use qm_messaging::HandleError;
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

impl CommandError {
    /// What a caller is told. A database's failure is logged here, once, and answered without its words.
    pub fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Database(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a command failed: {error}");
                if error.is_unavailable() || error.is_retryable() {
                    Refusal::unavailable("database_unavailable", "the database is not available")
                } else {
                    Refusal::internal()
                }
            }
        }
    }
}

impl Retryable for CommandError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_retryable())
    }
}

impl From<CommandError> for Status {
    fn from(error: CommandError) -> Self {
        error.into_refusal().into()
    }
}

impl From<CommandError> for HandleError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Database(error) => error.into(),
        }
    }
}

/// What a caller is told when a query failed.
pub fn query_failed(error: Error) -> Status {
    CommandError::from(error).into()
}
