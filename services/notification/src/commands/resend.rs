//! Sending a delivery once more, under its original message id.

use chrono::{DateTime, Utc};
use qm_database::Tx;
use qm_ids::{DeliveryId, TenantId};
use qm_refusal::Refusal;
use qm_runtime::CommandError;

use crate::store::{self, Delivery};

/// Queues a delivery again, whatever became of it, with a fresh count of tries.
pub async fn resend(
    tx: &Tx,
    tenant: TenantId,
    id: DeliveryId,
    now: DateTime<Utc>,
) -> Result<Delivery, CommandError> {
    let Some(row) = store::endpoints::lock_delivery(tx, tenant, id).await? else {
        return Err(Refusal::not_found("delivery").into());
    };
    let endpoint = store::endpoints::lock(tx, tenant, row.endpoint_id).await?;
    if endpoint.is_none_or(|endpoint| !endpoint.enabled) {
        return Err(Refusal::conflict("endpoint_disabled", "the endpoint is switched off").into());
    }
    let row =
        Delivery { status: "pending".to_owned(), attempts: 0, due_at: Some(now), is_claimed: false, ..row };
    store::endpoints::save_deliveries(tx, vec![row.clone()]).await?;
    Ok(row)
}
