//! Queries: availability, and pages by key.

use std::collections::BTreeSet;

use qm_database::{Database, Result, TenantSet, Tx};
use qm_ids::{ItemId, LocationId, MovementId, TenantId, Uuid};
use sea_orm::{
    ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, sea_query::Cond,
};

use super::{
    books::find_pairs,
    entity::{item, location, movement, stock},
};
use crate::domain::StockKey;

/// Which stock rows a list asks for.
#[derive(Debug, Clone, Default)]
pub struct StockFilter {
    /// Only these items; none for all.
    pub items: Option<Vec<ItemId>>,
    /// Only this location.
    pub location: Option<LocationId>,
    /// Only what comes after this one.
    pub after: Option<(ItemId, LocationId)>,
}

/// Stock rows of many tenants' items that have something to sell, in a snapshot of those tenants.
pub async fn available(
    database: &Database,
    wanted: &BTreeSet<(TenantId, Uuid)>,
) -> Result<Vec<stock::Model>> {
    let tx = database.read(&TenantSet::of(wanted.iter().map(|(tenant, _)| *tenant))).await?;
    let has_some = |select: Select<_>| select.filter(stock::Column::Sellable.gt(0));
    find_pairs::<stock::Entity>(&tx, stock::Column::ItemId, wanted, has_some).await
}

/// Items by sku, after one.
pub async fn list_items(
    database: &Database,
    tenant: TenantId,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<item::Model>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<item::Entity>();
    if let Some(after) = after {
        select = select.filter(item::Column::Sku.gt(after));
    }
    Ok(select.order_by_asc(item::Column::Sku).limit(limit).all(tx.conn()).await?)
}

/// Locations by code, after one.
pub async fn list_locations(
    database: &Database,
    tenant: TenantId,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<location::Model>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<location::Entity>();
    if let Some(after) = after {
        select = select.filter(location::Column::Code.gt(after));
    }
    Ok(select.order_by_asc(location::Column::Code).limit(limit).all(tx.conn()).await?)
}

/// Stock rows of the transaction's tenant, by item and location.
pub async fn list_stock(tx: &Tx, filter: &StockFilter, limit: u64) -> Result<Vec<stock::Model>> {
    use stock::Column;
    let mut select = tx.find::<stock::Entity>();
    if let Some(items) = &filter.items {
        select = select.filter(Column::ItemId.is_in(items.iter().copied()));
    }
    if let Some(location) = filter.location {
        select = select.filter(Column::LocationId.eq(location));
    }
    if let Some((item, location)) = filter.after {
        let same = Cond::all().add(Column::ItemId.eq(item)).add(Column::LocationId.gt(location));
        select = select.filter(Cond::any().add(Column::ItemId.gt(item)).add(same));
    }
    Ok(select
        .order_by_asc(Column::ItemId)
        .order_by_asc(Column::LocationId)
        .limit(limit)
        .all(tx.conn())
        .await?)
}

/// The ledger of a stock row, newest first, before an entry.
pub async fn list_movements(
    tx: &Tx,
    (tenant, stock): StockKey,
    before: Option<MovementId>,
    limit: u64,
) -> Result<Vec<movement::Model>> {
    use movement::Column;
    let mut select =
        tx.find::<movement::Entity>().filter(Column::TenantId.eq(tenant)).filter(Column::StockId.eq(stock));
    if let Some(before) = before {
        select = select.filter(Column::MovementId.lt(before));
    }
    Ok(select.order_by_desc(Column::MovementId).limit(limit).all(tx.conn()).await?)
}
