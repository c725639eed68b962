//! Why a handler could not apply its events, sorted by what is done about it.

use qm_database::{Error, Retryable};
use qm_refusal::{Kind, Refusal};

/// Why a batch was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The event can never be applied, for example because an id in it is malformed: it becomes a dead letter at once.
    #[error("the event cannot be applied: {0}")]
    Poison(String),
    /// A part that is needed cannot be reached: everything is tried again for as long as it takes.
    #[error("a part that is needed cannot be reached: {0}")]
    Unavailable(String),
    /// Another transaction was in the way; the batch is tried again at once.
    #[error("another transaction was in the way")]
    Conflict(#[source] Error),
    /// Anything else: tried again with backoff a bounded number of times, then a dead letter.
    #[error("handling failed: {0}")]
    Failed(String),
}

impl HandleError {
    /// An event whose content makes no sense, with the reason.
    pub fn poison(reason: impl std::fmt::Display) -> Self {
        Self::Poison(reason.to_string())
    }
}

impl From<Error> for HandleError {
    fn from(error: Error) -> Self {
        if error.is_retryable() {
            return Self::Conflict(error);
        }
        let text = qm_worker::with_causes(&error);
        if error.is_unavailable() { Self::Unavailable(text) } else { Self::Failed(text) }
    }
}

impl From<sea_orm::DbErr> for HandleError {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}

impl From<Refusal> for HandleError {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind {
            Kind::Unavailable | Kind::TooMany => Self::Unavailable(refusal.to_string()),
            _ => Self::Failed(refusal.to_string()),
        }
    }
}

impl From<qm_ids::ParseIdError> for HandleError {
    fn from(error: qm_ids::ParseIdError) -> Self {
        Self::Poison(error.to_string())
    }
}

impl Retryable for HandleError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}
