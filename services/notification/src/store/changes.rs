//! Changes and their positions.

use std::collections::BTreeMap;

use qm_database::{Database, Result, TenantSet, Tx};
use qm_ids::{OrderId, TenantId};
use sea_orm::{ColumnTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::entity::{change, change_counter};
use crate::domain::rule;

/// Takes the counters of these tenants until the transaction ends, so that positions follow the order of commits.
/// Returns the last position given out in each.
pub async fn lock_positions(tx: &Tx, tenants: &TenantSet) -> Result<BTreeMap<TenantId, i64>> {
    let fresh = |tenant_id| change_counter::Model { tenant_id, last_position: 0 };
    let rows = tx.lock_own::<change_counter::Entity>(tenants.iter(), fresh).await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.last_position)).collect())
}

/// Writes the positions given out.
pub async fn save_positions(tx: &Tx, positions: BTreeMap<TenantId, i64>) -> Result<()> {
    let rows = positions
        .into_iter()
        .map(|(tenant_id, last_position)| change_counter::Model { tenant_id, last_position })
        .collect();
    tx.upsert_many::<change_counter::Entity>(rows).await
}

/// Adds changes.
pub async fn add(tx: &Tx, changes: Vec<change::Model>) -> Result<()> {
    tx.insert_many::<change::Entity>(changes).await
}

/// Changes after a position, oldest first.
pub async fn after(
    database: &Database,
    tenant: TenantId,
    position: i64,
    order: Option<OrderId>,
    limit: u64,
) -> Result<Vec<change::Model>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<change::Entity>().filter(change::Column::Position.gt(position));
    if let Some(order) = order {
        select = select.filter(change::Column::OrderId.eq(order));
    }
    Ok(select.order_by_asc(change::Column::Position).limit(limit).all(tx.conn()).await?)
}

/// First and last position kept; zeros when there is none.
pub async fn bounds(database: &Database, tenant: TenantId) -> Result<(i64, i64)> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let first = tx.find::<change::Entity>().order_by_asc(change::Column::Position).one(tx.conn()).await?;
    let last = tx.find::<change::Entity>().order_by_desc(change::Column::Position).one(tx.conn()).await?;
    let position = |row: Option<change::Model>| row.map_or(0, |row| row.position);
    Ok((position(first), position(last)))
}

/// The changes at these positions.
pub async fn at(tx: &Tx, tenant: TenantId, positions: &[i64]) -> Result<Vec<change::Model>> {
    let columns = [change::Column::TenantId, change::Column::Position];
    let tuples: Vec<_> =
        positions.iter().map(|position| [tenant.as_uuid().into(), (*position).into()]).collect();
    tx.find_tuples::<change::Entity, 2>(columns, &tuples, |select| select).await
}

/// How many changes a rule turns into a mail.
pub async fn count_mailable(tx: &Tx, tenant: Option<TenantId>) -> Result<u64> {
    let types = rule::MAILABLE.iter().copied();
    let mut select = tx
        .find::<change::Entity>()
        .filter(change::Column::EventType.is_in(types))
        .filter(change::Column::OrderId.is_not_null());
    if let Some(tenant) = tenant {
        select = select.filter(change::Column::TenantId.eq(tenant));
    }
    Ok(select.count(tx.conn()).await?)
}
