//! Webhook endpoints and the deliveries to them.

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantSet, Tx};
use qm_ids::{DeliveryId, EndpointId, TenantId};
use sea_orm::{
    ColumnTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Cond, Expr, LockBehavior, LockType},
};

use super::entity::{delivery, endpoint};

/// Endpoints of the transaction's tenants that are on.
pub async fn enabled(tx: &Tx) -> Result<Vec<endpoint::Model>> {
    Ok(tx.find::<endpoint::Entity>().filter(endpoint::Column::Enabled.eq(true)).all(tx.conn()).await?)
}

/// A tenant's endpoints, oldest first.
pub async fn list(tx: &Tx) -> Result<Vec<endpoint::Model>> {
    Ok(tx.find::<endpoint::Entity>().order_by_asc(endpoint::Column::EndpointId).all(tx.conn()).await?)
}

/// One endpoint, locked.
pub async fn lock(tx: &Tx, tenant: TenantId, id: EndpointId) -> Result<Option<endpoint::Model>> {
    Ok(tx.find_keys_for_update::<endpoint::Entity>(&[(tenant, id.as_uuid())]).await?.pop())
}

/// Endpoints by key, locked.
pub async fn lock_many(tx: &Tx, keys: &[(TenantId, EndpointId)]) -> Result<Vec<endpoint::Model>> {
    tx.find_keys_for_update::<endpoint::Entity>(&qm_database::keys(keys.iter().copied())).await
}

/// Writes endpoints.
pub async fn save(tx: &Tx, endpoints: Vec<endpoint::Model>) -> Result<()> {
    tx.upsert_many::<endpoint::Entity>(endpoints).await
}

/// Removes an endpoint with its deliveries.
pub async fn delete(tx: &Tx, tenant: TenantId, id: EndpointId) -> Result<bool> {
    Ok(tx.delete_keys::<endpoint::Entity>(&[(tenant, id.as_uuid())]).await? > 0)
}

/// Adds deliveries; one that exists stays as it is.
pub async fn add_deliveries(tx: &Tx, deliveries: Vec<delivery::Model>) -> Result<u64> {
    tx.insert_ignore_many::<delivery::Entity>(deliveries).await
}

/// Writes deliveries.
pub async fn save_deliveries(tx: &Tx, deliveries: Vec<delivery::Model>) -> Result<()> {
    tx.upsert_many::<delivery::Entity>(deliveries).await
}

/// Claims deliveries that are due, longest due first: nobody else gets them before `until`. Returns them as they are to be
/// saved again: not claimed.
pub async fn claim(
    database: &Database,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<delivery::Model>> {
    let tx = database.begin_system().await?;
    let rows = tx
        .find::<delivery::Entity>()
        .filter(is_pending())
        .filter(delivery::Column::DueAt.lte(now))
        .order_by_asc(delivery::Column::DueAt)
        .order_by_asc(delivery::Column::Position)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.conn())
        .await?;
    let claimed = rows
        .iter()
        .cloned()
        .map(|row| delivery::Model { due_at: Some(until), is_claimed: true, ..row })
        .collect();
    save_deliveries(&tx, claimed).await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|row| delivery::Model { is_claimed: false, ..row }).collect())
}

/// Gives every waiting delivery of an endpoint up.
pub async fn lock_waiting(tx: &Tx, tenant: TenantId, id: EndpointId) -> Result<Vec<delivery::Model>> {
    let select = tx
        .find::<delivery::Entity>()
        .filter(delivery::Column::TenantId.eq(tenant))
        .filter(delivery::Column::EndpointId.eq(id))
        .filter(is_pending());
    Ok(select.lock_exclusive().all(tx.conn()).await?)
}

/// One delivery, locked.
pub async fn lock_delivery(tx: &Tx, tenant: TenantId, id: DeliveryId) -> Result<Option<delivery::Model>> {
    Ok(tx.find_keys_for_update::<delivery::Entity>(&[(tenant, id.as_uuid())]).await?.pop())
}

/// Deliveries to an endpoint, newest first, before `before`; none when there is no such endpoint.
pub async fn list_deliveries(
    database: &Database,
    tenant: TenantId,
    endpoint: EndpointId,
    before: Option<DeliveryId>,
    limit: u64,
) -> Result<Option<Vec<delivery::Model>>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    if tx.find_keys::<endpoint::Entity>(&[(tenant, endpoint.as_uuid())]).await?.is_empty() {
        return Ok(None);
    }
    let mut select = tx.find::<delivery::Entity>().filter(delivery::Column::EndpointId.eq(endpoint));
    if let Some(before) = before {
        select = select.filter(delivery::Column::DeliveryId.lt(before));
    }
    Ok(Some(select.order_by_desc(delivery::Column::DeliveryId).limit(limit).all(tx.conn()).await?))
}

/// When the next delivery is due.
pub async fn next_due(database: &Database) -> Result<Option<DateTime<Utc>>> {
    let tx = database.read_system().await?;
    let row = tx
        .find::<delivery::Entity>()
        .filter(is_pending())
        .order_by_asc(delivery::Column::DueAt)
        .one(tx.conn())
        .await?;
    Ok(row.and_then(|row| row.due_at))
}

/// How many deliveries of the tenant have this status.
pub async fn count_deliveries(tx: &Tx, status: &str) -> Result<u64> {
    let select = tx.find::<delivery::Entity>().filter(delivery::Column::Status.eq(status));
    Ok(select.count(tx.conn()).await?)
}

/// How many deliveries are due now or being sent.
pub async fn count_due(tx: &Tx, now: DateTime<Utc>) -> Result<u64> {
    let is_due = delivery::Column::DueAt.lte(now);
    let select = tx
        .find::<delivery::Entity>()
        .filter(is_pending())
        .filter(Cond::any().add(is_due).add(Expr::cust("is_claimed")));
    Ok(select.count(tx.conn()).await?)
}

/// A constant, and no bound value, so that the partial indexes are known to hold all of it.
fn is_pending() -> Expr {
    Expr::cust("status = 'pending'")
}
