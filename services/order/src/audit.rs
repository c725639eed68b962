//! What order can say about the conservation laws.

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::Database;
use qm_ids::TenantId;
use qm_runtime::operations::{AuditError, Auditor, Fact, LawReport};

use crate::store::{self, Recent};

/// Audits order's own books.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) database: Database,
    pub(crate) recent: Recent,
    pub(crate) clock: SharedClock,
}

#[async_trait]
impl Auditor for Audit {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let mut units = LawReport::new("units", "law 1: the pieces of a line tile the quantity ordered");
        store::check_units(&self.database, tenant, |holds, line| units.check(holds, || line)).await?;
        let mut projections = LawReport::new("projections", "law 7: status is what the order's parts say");
        store::check_projections(&self.database, &self.recent, tenant, |holds, order| {
            projections.check(holds, || order)
        })
        .await?;
        Ok(vec![units, projections])
    }

    async fn list_facts(&self, set: &str, after: &str, limit: usize) -> Result<Vec<Fact>, AuditError> {
        let page = store::facts(&self.database, set, after, limit)
            .await?
            .ok_or_else(|| AuditError::UnknownSet(set.to_owned()))?;
        let facts = page.facts.into_iter().take(limit);
        Ok(facts.map(|(key, quantity)| Fact { key, quantity }).collect())
    }

    async fn jobs_due(&self) -> Result<u64, AuditError> {
        let overdue = store::overdue(&self.database, self.clock.now(), 1_000).await?.len();
        Ok((overdue + store::unserved(&self.database, 1_000).await?.len()) as u64)
    }
}
