//! What routing knows of items and locations: copies, of which the highest version wins.

use std::collections::HashMap;

use qm_database::{Result, Tx, keys};
use qm_ids::{ItemId, TenantId};

use super::entity::{item, location};

/// Items by tenant and id. One whose event has not arrived is left out.
pub async fn items(
    tx: &Tx,
    wanted: impl IntoIterator<Item = (TenantId, ItemId)>,
) -> Result<Vec<item::Model>> {
    tx.find_keys::<item::Entity>(&keys(wanted)).await
}

/// Every location of the transaction's tenants.
pub async fn locations(tx: &Tx) -> Result<Vec<location::Model>> {
    Ok(tx.find::<location::Entity>().all(tx.conn()).await?)
}

/// Writes items that are newer than what is known.
pub async fn put_items(tx: &Tx, rows: Vec<item::Model>) -> Result<()> {
    let rows = newest(rows, |row| (row.tenant_id, row.item_id), |row| row.version);
    let known = tx.find_keys_for_update::<item::Entity>(&keys(rows.keys().copied())).await?;
    let known: HashMap<_, _> =
        known.into_iter().map(|row| ((row.tenant_id, row.item_id), row.version)).collect();
    let fresh =
        rows.into_iter().filter(|(key, row)| known.get(key).is_none_or(|version| *version < row.version));
    tx.upsert_many::<item::Entity>(fresh.map(|(_, row)| row).collect()).await
}

/// Writes locations that are newer than what is known.
pub async fn put_locations(tx: &Tx, rows: Vec<location::Model>) -> Result<()> {
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
