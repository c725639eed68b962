//! `OperationsService`: what every service offers to those who run it. Audits come from the service, dead letters and
//! backlog from its messaging.

mod api;
mod queues;
mod report;

use async_trait::async_trait;
use qm_ids::TenantId;

pub use api::{Operations, OperationsServer};
pub use qm_proto::operations::v1::Fact;
pub use queues::{Backlog, DeadLetter, Queues, QueuesError, Replayed};
pub use report::LawReport;

/// Audits a service's own books.
#[async_trait]
pub trait Auditor: Send + Sync + 'static {
    /// Checks the laws that hold within this service at every commit, for one tenant or for all.
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError>;

    /// At most `limit` facts of `set` whose keys come after `after` (empty for the first), in ascending byte order of
    /// key. PostgreSQL must be asked for `COLLATE "C"`, or its order is another.
    async fn list_facts(&self, set: &str, after: &str, limit: usize) -> Result<Vec<Fact>, AuditError>;

    /// Jobs due now or running, such as mails to send.
    async fn jobs_due(&self) -> Result<u64, AuditError> {
        Ok(0)
    }
}

/// Why an audit gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is no such set of facts here.
    #[error("no such set of facts: {0}")]
    UnknownSet(String),
    /// The books cannot be read at the moment.
    #[error("the books cannot be read at the moment")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything else.
    #[error("the audit failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<qm_database::Error> for AuditError {
    fn from(error: qm_database::Error) -> Self {
        if error.is_unavailable() || error.is_retryable() {
            Self::Unavailable(error.into())
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<sea_orm_migration::sea_orm::DbErr> for AuditError {
    fn from(error: sea_orm_migration::sea_orm::DbErr) -> Self {
        qm_database::Error::from(error).into()
    }
}
