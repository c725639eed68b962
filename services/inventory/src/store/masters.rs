//! Items and locations.

use std::collections::HashMap;

use qm_database::{Error, Result, Tx, keys};
use qm_ids::{ItemId, LocationId, TenantId};

use super::entity::{item, location};

/// Items by sku.
pub async fn items_by_sku(tx: &Tx, tenant: TenantId, skus: &[&str]) -> Result<HashMap<String, item::Model>> {
    let rows = tx.find_names::<item::Entity>(item::Column::Sku, tenant, skus).await?;
    Ok(rows.into_iter().map(|row| (row.sku.clone(), row)).collect())
}

/// Items by sku, locked.
pub async fn lock_items(tx: &Tx, tenant: TenantId, skus: &[&str]) -> Result<HashMap<String, item::Model>> {
    let known = items_by_sku(tx, tenant, skus).await?;
    let rows = tx
        .find_keys_for_update::<item::Entity>(&keys(known.values().map(|row| (tenant, row.item_id))))
        .await?;
    Ok(rows.into_iter().map(|row| (row.sku.clone(), row)).collect())
}

/// Items by id.
pub async fn items_by_id(
    tx: &Tx,
    wanted: impl IntoIterator<Item = (TenantId, ItemId)>,
) -> Result<HashMap<ItemId, item::Model>> {
    let rows = tx.find_keys::<item::Entity>(&keys(wanted)).await?;
    Ok(rows.into_iter().map(|row| (row.item_id, row)).collect())
}

/// Writes new and changed items.
pub async fn save_items(tx: &Tx, rows: Vec<item::Model>) -> Result<()> {
    tx.upsert_many::<item::Entity>(rows).await?;
    duplicate_is_conflict(tx.flush().await)
}

/// Locations by code.
pub async fn locations_by_code(
    tx: &Tx,
    tenant: TenantId,
    codes: &[&str],
) -> Result<HashMap<String, location::Model>> {
    let rows = tx.find_names::<location::Entity>(location::Column::Code, tenant, codes).await?;
    Ok(rows.into_iter().map(|row| (row.code.clone(), row)).collect())
}

/// Locations by code, locked.
pub async fn lock_locations(
    tx: &Tx,
    tenant: TenantId,
    codes: &[&str],
) -> Result<HashMap<String, location::Model>> {
    let known = locations_by_code(tx, tenant, codes).await?;
    let rows = tx
        .find_keys_for_update::<location::Entity>(&keys(known.values().map(|row| (tenant, row.location_id))))
        .await?;
    Ok(rows.into_iter().map(|row| (row.code.clone(), row)).collect())
}

/// Locations by id.
pub async fn locations_by_id(
    tx: &Tx,
    wanted: impl IntoIterator<Item = (TenantId, LocationId)>,
) -> Result<HashMap<LocationId, location::Model>> {
    let rows = tx.find_keys::<location::Entity>(&keys(wanted)).await?;
    Ok(rows.into_iter().map(|row| (row.location_id, row)).collect())
}

/// Writes new and changed locations.
pub async fn save_locations(tx: &Tx, rows: Vec<location::Model>) -> Result<()> {
    tx.upsert_many::<location::Entity>(rows).await?;
    duplicate_is_conflict(tx.flush().await)
}

/// Another transaction made the same sku or code meanwhile: the next try finds it.
fn duplicate_is_conflict(result: Result<()>) -> Result<()> {
    result.map_err(|error| match error {
        Error::Duplicate(source) => Error::Conflict(source),
        other => other,
    })
}
