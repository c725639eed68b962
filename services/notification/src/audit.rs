//! What notification can say about the conservation laws.

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::Database;
use qm_ids::TenantId;
use qm_runtime::operations::{AuditError, Auditor, Fact, LawReport};

use crate::store;

/// Audits notification's own books.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
}

#[async_trait]
impl Auditor for Audit {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let tx = self.database.audit().await?;
        let mailable = store::changes::count_mailable(&tx, tenant).await?;
        let mails = store::messages::count(&tx, tenant).await?;
        let mut law =
            LawReport::new("mails", "law 9: each event that a rule turns into a mail has exactly one mail");
        law.examined(mailable);
        if mailable != mails {
            law.violated(|| format!("{mailable} events and {mails} mails"));
        }
        Ok(vec![law])
    }

    async fn list_facts(&self, set: &str, _: &str, _: usize) -> Result<Vec<Fact>, AuditError> {
        Err(AuditError::UnknownSet(set.to_owned()))
    }

    async fn jobs_due(&self) -> Result<u64, AuditError> {
        let now = self.clock.now();
        let tx = self.database.audit().await?;
        Ok(store::messages::count_due(&tx, now).await? + store::endpoints::count_due(&tx, now).await?)
    }
}
