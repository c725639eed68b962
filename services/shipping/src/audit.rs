//! What shipping can say about the conservation laws.

use async_trait::async_trait;
use qm_clock::SharedClock;
use qm_database::Database;
use qm_ids::TenantId;
use qm_runtime::operations::{AuditError, Auditor, Fact, LawReport};

use crate::{domain::is_settled, store};

/// Audits shipping's own books.
#[derive(Debug, Clone)]
pub struct Audit {
    pub(crate) database: Database,
    pub(crate) clock: SharedClock,
}

#[async_trait]
impl Auditor for Audit {
    async fn check_laws(&self, tenant: Option<TenantId>) -> Result<Vec<LawReport>, AuditError> {
        let mut units = LawReport::new(
            "fulfilment_units",
            "law 5: rejected, cancelled, issued and left units of a line add up to what was asked for",
        );
        let mut statuses = LawReport::new(
            "shipment_status",
            "law 7: where a shipment stands is what its tracking events say, and the fulfilment follows",
        );
        store::each_fulfilment(&self.database, tenant, |it| {
            let id = it.fulfilment.id;
            units.check(it.fulfilment.units_add_up() && it.lines_hold, || {
                format!("{id} is {}", it.fulfilment.state.word())
            });
            statuses.check(is_settled(it.fulfilment), || {
                format!("{id} is {}, and its shipments say otherwise", it.fulfilment.state.word())
            });
            for shipment in &it.fulfilment.shipments {
                let stored = it.stored_statuses.get(&shipment.id).map_or("", String::as_str);
                statuses.check(stored == shipment.status().word(), || {
                    format!("{} is stored as {stored:?}, but {}", shipment.id, shipment.status().word())
                });
            }
        })
        .await?;
        Ok(vec![units, statuses])
    }

    async fn list_facts(&self, set: &str, after: &str, limit: usize) -> Result<Vec<Fact>, AuditError> {
        let facts = store::facts(&self.database, set, after, limit).await?;
        let facts = facts.ok_or_else(|| AuditError::UnknownSet(set.to_owned()))?;
        Ok(facts.into_iter().map(|(key, quantity)| Fact { key, quantity }).collect())
    }

    async fn jobs_due(&self) -> Result<u64, AuditError> {
        Ok(store::jobs_due(&self.database, self.clock.now()).await?)
    }
}
