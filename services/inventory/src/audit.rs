//! What inventory can say about the conservation laws.

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::Database;
use qm_ids::TenantId;
use qm_runtime::operations::{AuditError, Auditor, Fact, LawReport};

use crate::store;

/// Most due jobs of one kind that are counted.
const MOST_DUE: u64 = 1_000;

/// Audits inventory's own books.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
}

#[async_trait]
impl Auditor for Audit {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let mut ledger = LawReport::new("stock", "law 2: every bucket is the sum of its movements");
        store::check_ledger(&self.database, tenant, |holds, row| ledger.check(holds, || row)).await?;
        let mut oversell =
            LawReport::new("no_oversell", "law 3: allocated and soft_reserved together are at most sellable");
        store::check_stock(&self.database, tenant, |holds, row| oversell.check(holds, || row)).await?;
        let mut claims = LawReport::new(
            "reservations",
            "law 4: allocated is what live reservations claim, soft_reserved what holds claim",
        );
        store::check_claims(&self.database, tenant, |holds, row| claims.check(holds, || row)).await?;
        let mut ends =
            LawReport::new("reservation_ends", "law 4: a reservation is live as long as it claims something");
        store::check_live(&self.database, tenant, |holds, row| ends.check(holds, || row)).await?;
        Ok(vec![ledger, oversell, claims, ends])
    }

    async fn list_facts(&self, set: &str, after: &str, limit: usize) -> Result<Vec<Fact>, AuditError> {
        let facts = store::facts(&self.database, set, after, limit)
            .await?
            .ok_or_else(|| AuditError::UnknownSet(set.to_owned()))?;
        Ok(facts.into_iter().take(limit).map(|(key, quantity)| Fact { key, quantity }).collect())
    }

    async fn jobs_due(&self) -> Result<u64, AuditError> {
        let holds = store::due_holds(&self.database, self.clock.now(), MOST_DUE).await?.len();
        let reviews = store::waiting_reviews(&self.database, MOST_DUE).await?.len();
        Ok((holds + reviews) as u64)
    }
}
