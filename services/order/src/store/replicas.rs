//! What order knows of items and locations: copies, of which the highest version wins.

use std::collections::HashMap;

use qm_database::{Result, Tx, keys};
use qm_ids::TenantId;

use super::entity::{item, location};

pub use item::Model as ItemRow;
pub use location::Model as LocationRow;

/// Items by sku.
pub async fn items_by_sku(tx: &Tx, tenant: TenantId, skus: &[&str]) -> Result<HashMap<String, ItemRow>> {
    let rows = tx.find_names::<item::Entity>(item::Column::Sku, tenant, skus).await?;
    Ok(rows.into_iter().map(|row| (row.sku.clone(), row)).collect())
}

/// Locations by code.
pub async fn locations_by_code(
    tx: &Tx,
    tenant: TenantId,
    codes: &[&str],
) -> Result<HashMap<String, LocationRow>> {
    let rows = tx.find_names::<location::Entity>(location::Column::Code, tenant, codes).await?;
    Ok(rows.into_iter().map(|row| (row.code.clone(), row)).collect())
}

/// Writes items that are newer than what is known.
pub async fn put_items(tx: &Tx, rows: Vec<ItemRow>) -> Result<()> {
    let rows = newest(rows, |row| (row.tenant_id, row.item_id), |row| row.version);
    let known = tx.find_keys_for_update::<item::Entity>(&keys(rows.keys().copied())).await?;
    let known: HashMap<_, _> =
        known.into_iter().map(|row| ((row.tenant_id, row.item_id), row.version)).collect();
    let fresh =
        rows.into_iter().filter(|(key, row)| known.get(key).is_none_or(|version| *version < row.version));
    tx.upsert_many::<item::Entity>(fresh.map(|(_, row)| row).collect()).await
}

/// Writes locations that are newer than what is known.
pub async fn put_locations(tx: &Tx, rows: Vec<LocationRow>) -> Result<()> {
    let rows = newest(rows, |row| (row.tenant_id, row.location_id), |row| row.version);
    let known = tx.find_keys_for_update::<location::Entity>(&keys(rows.keys().copied())).await?;
    let known: HashMap<_, _> =
        known.into_iter().map(|row| ((row.tenant_id, row.location_id), row.version)).collect();
    let fresh =
        rows.into_iter().filter(|(key, row)| known.get(key).is_none_or(|version| *version < row.version));
    tx.upsert_many::<location::Entity>(fresh.map(|(_, row)| row).collect()).await
}

/// The highest version of each: a batch may hold several.
fn newest<K: std::hash::Hash + Eq, R>(
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
    version: impl Fn(&R) -> i64,
) -> HashMap<K, R> {
    let mut newest: HashMap<K, R> = HashMap::new();
    for row in rows {
        match newest.get(&key(&row)) {
            Some(known) if version(known) >= version(&row) => {}
            _ => {
                newest.insert(key(&row), row);
            }
        }
    }
    newest
}
