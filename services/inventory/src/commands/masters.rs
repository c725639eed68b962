//! Creating and changing items and locations. What did not change is not told.

use qm_database::Tx;
use qm_ids::TenantId;
use qm_runtime::CommandError;

use super::Context;
use crate::{
    events::emit,
    store::{self, ItemRow, LocationRow},
};

/// Creates or replaces items by sku, and returns them in the order given. Their ids and versions are set here; their
/// skus must differ.
pub async fn put_items(
    context: &Context,
    tx: &Tx,
    tenant: TenantId,
    mut rows: Vec<ItemRow>,
) -> Result<Vec<ItemRow>, CommandError> {
    let skus: Vec<&str> = rows.iter().map(|row| row.sku.as_str()).collect();
    let known = store::lock_items(tx, tenant, &skus).await?;
    let (mut changed, mut events) = (Vec::new(), Vec::new());
    for row in &mut rows {
        match known.get(&row.sku) {
            Some(old) => {
                row.item_id = old.item_id;
                row.version = old.version;
                if row == old {
                    continue;
                }
            }
            None => row.item_id = context.ids.next(),
        }
        row.version += 1;
        events.push(emit::item_changed(row, context.clock.now()));
        changed.push(row.clone());
    }
    store::save_items(tx, changed).await?;
    context.outbox.append(tx, events).await?;
    Ok(rows)
}

/// Creates or replaces locations by code, and returns them in the order given. Their ids and versions are set here;
/// their codes must differ.
pub async fn put_locations(
    context: &Context,
    tx: &Tx,
    tenant: TenantId,
    mut rows: Vec<LocationRow>,
) -> Result<Vec<LocationRow>, CommandError> {
    let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    let known = store::lock_locations(tx, tenant, &codes).await?;
    let (mut changed, mut events) = (Vec::new(), Vec::new());
    for row in &mut rows {
        let old = known.get(&row.code);
        match old {
            Some(old) => {
                row.location_id = old.location_id;
                row.version = old.version;
                if row == old {
                    continue;
                }
            }
            None => row.location_id = context.ids.next(),
        }
        row.version += 1;
        if old.is_some_and(|old| old.safety_units != row.safety_units) {
            store::set_safety(tx, tenant, row.location_id, row.safety_units).await?;
        }
        events.push(emit::location_changed(row, context.clock.now())?);
        changed.push(row.clone());
    }
    store::save_locations(tx, changed).await?;
    context.outbox.append(tx, events).await?;
    Ok(rows)
}
