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
/// their codes must differ. Their stock follows in the background.
pub async fn put_locations(
    context: &Context,
    tx: &Tx,
    tenant: TenantId,
    mut rows: Vec<LocationRow>,
) -> Result<Vec<LocationRow>, CommandError> {
    let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    let known = store::lock_locations(tx, tenant, &codes).await?;
    let (mut changed, mut events, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
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
        if let Some(old) = old {
            let was_opened = takes_more_work(old, row);
            if was_opened || old.safety_units != row.safety_units {
                reviews.push(((tenant, row.location_id), was_opened));
            }
        }
        events.push(emit::location_changed(row, context.clock.now())?);
        changed.push(row.clone());
    }
    store::save_locations(tx, changed).await?;
    if !reviews.is_empty() {
        store::ask_for_reviews(tx, &reviews, context.clock.now()).await?;
        let asked = context.reviews.clone();
        tx.after_commit(move || asked.notify_one());
    }
    context.outbox.append(tx, events).await?;
    Ok(rows)
}

/// True when the location may be sent work that it was not sent before, so that its stock is within more orders' reach.
fn takes_more_work(old: &LocationRow, new: &LocationRow) -> bool {
    let ways = |row: &LocationRow| [row.active, row.can_ship, row.can_pickup];
    new.active && ways(old).into_iter().zip(ways(new)).any(|(old, new)| new && !old)
}
