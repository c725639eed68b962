//! What waits in a service: outbox, consumers, dead letters.

use std::time::Duration;

use async_trait::async_trait;
use qm_messaging::Messaging;

pub use qm_messaging::{Backlog, DeadLetter};

/// Looks into a service's queues. [`Messaging`] does; a test may do it by hand.
#[async_trait]
pub trait Queues: Send + Sync + 'static {
    /// Work in flight.
    async fn backlog(&self) -> Result<Backlog, QueuesError>;

    /// At most `limit` dead letters, newest first.
    async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>, QueuesError>;

    /// Hands dead letters to their consumers once more; none named means all.
    async fn replay(&self, event_ids: &[String]) -> Result<Replayed, QueuesError>;
}

/// What a replay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// Dead letters applied and removed.
    pub applied: u32,
    /// Dead letters that failed again and stay.
    pub failed: u32,
}

/// The queues cannot be looked into.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct QueuesError(#[from] qm_database::Error);

impl QueuesError {
    /// True when it may work later.
    pub(super) fn is_unavailable(&self) -> bool {
        self.0.is_unavailable() || self.0.is_retryable()
    }
}

#[async_trait]
impl Queues for Messaging {
    async fn backlog(&self) -> Result<Backlog, QueuesError> {
        Ok(Messaging::backlog(self).await?)
    }

    async fn dead_letters(&self, limit: u64) -> Result<Vec<DeadLetter>, QueuesError> {
        Ok(Messaging::dead_letters(self, limit).await?)
    }

    async fn replay(&self, event_ids: &[String]) -> Result<Replayed, QueuesError> {
        let (applied, failed) = self.replay_dead_letters(event_ids).await?;
        Ok(Replayed { applied, failed })
    }
}

pub(super) fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn clamped_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
