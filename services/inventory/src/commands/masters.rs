//! Creating and changing items and locations. What did not change is not told.

use std::collections::BTreeMap;

use qm_database::Tx;
use qm_ids::{LocationId, TenantId};
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
        reviews.extend(review(old, row));
        events.push(emit::location_changed(row, context.clock.now())?);
        changed.push(row.clone());
    }
    store::save_locations(tx, changed).await?;
    ask_for_reviews(context, tx, &reviews).await?;
    context.outbox.append(tx, events).await?;
    Ok(rows)
}

/// Puts items back of which others were told more than is known here.
pub async fn remember_items(tx: &Tx, rows: Vec<ItemRow>) -> Result<(), CommandError> {
    let known = store::items_by_id(tx, rows.iter().map(|row| (row.tenant_id, row.item_id))).await?;
    let mut newest: BTreeMap<_, ItemRow> = BTreeMap::new();
    for row in rows {
        let versions = [known.get(&row.item_id), newest.get(&row.item_id)].map(|it| it.map(|it| it.version));
        if versions.into_iter().flatten().all(|version| version < row.version) {
            newest.insert(row.item_id, row);
        }
    }
    Ok(store::save_items(tx, newest.into_values().collect()).await?)
}

/// The same of locations, whose stock follows in the background.
pub async fn remember_locations(
    context: &Context,
    tx: &Tx,
    rows: Vec<LocationRow>,
) -> Result<(), CommandError> {
    let known = store::locations_by_id(tx, rows.iter().map(|row| (row.tenant_id, row.location_id))).await?;
    let mut newest: BTreeMap<_, LocationRow> = BTreeMap::new();
    for row in rows {
        let id = row.location_id;
        let versions = [known.get(&id), newest.get(&id)].map(|it| it.map(|it| it.version));
        if versions.into_iter().flatten().all(|version| version < row.version) {
            newest.insert(id, row);
        }
    }
    let reviews: Vec<_> =
        newest.values().filter_map(|row| review(known.get(&row.location_id), row)).collect();
    store::save_locations(tx, newest.into_values().collect()).await?;
    ask_for_reviews(context, tx, &reviews).await
}

/// A location whose stock has to follow it, and whether it takes more work than before.
type Review = ((TenantId, LocationId), bool);

fn review(old: Option<&LocationRow>, new: &LocationRow) -> Option<Review> {
    let old = old?;
    let was_opened = takes_more_work(old, new);
    (was_opened || old.safety_units != new.safety_units)
        .then_some(((new.tenant_id, new.location_id), was_opened))
}

async fn ask_for_reviews(context: &Context, tx: &Tx, reviews: &[Review]) -> Result<(), CommandError> {
    if !reviews.is_empty() {
        store::ask_for_reviews(tx, reviews, context.clock.now()).await?;
        let asked = context.reviews.clone();
        tx.after_commit(move || asked.notify_one());
    }
    Ok(())
}

/// True when the location may be sent work that it was not sent before, so that its stock is within more orders' reach.
fn takes_more_work(old: &LocationRow, new: &LocationRow) -> bool {
    let ways = |row: &LocationRow| [row.active, row.can_ship, row.can_pickup];
    new.active && ways(old).into_iter().zip(ways(new)).any(|(old, new)| new && !old)
}
