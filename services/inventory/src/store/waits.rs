//! What waits for stock.

use std::collections::{BTreeMap, BTreeSet};

use qm_database::{Error, Result, Tx};
use qm_ids::{ItemId, LineId, OrderId, TenantId, Uuid};
use sea_orm::{QueryFilter as _, sea_query::Expr};

use super::{
    books::find_pairs,
    convert::malformed,
    entity::backorder_wait::{Column, Entity, Model},
    looks::ItemKey,
};
use crate::domain::{Wait, WaitEntry, WaitKind};

/// Something that order told of a line's units, or with [`WaitKind::Ended`] of the order as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Whose.
    pub tenant: TenantId,
    /// The order.
    pub order: OrderId,
    /// The line and item; none for the order as a whole.
    pub line: Option<(LineId, ItemId)>,
    /// What was told.
    pub entry: WaitEntry,
}

type RowKey = (TenantId, OrderId, LineId, ItemId);

/// Takes note of what was told: one statement to make each order's own row, which is its lock, one to read, one to
/// write.
///
/// Returns the items of which something waits by that.
pub async fn note(tx: &Tx, notes: &[Note]) -> Result<BTreeSet<ItemKey>> {
    let orders: BTreeSet<(TenantId, OrderId)> = notes.iter().map(|note| (note.tenant, note.order)).collect();
    let headers = orders.iter().map(|order| empty(header(*order))).collect();
    tx.insert_ignore_many::<Entity>(headers).await?;
    let keys: Vec<_> = orders.iter().map(|(tenant, order)| (*tenant, order.as_uuid())).collect();
    let mut rows: BTreeMap<RowKey, Wait> = BTreeMap::new();
    for row in tx.find_keys_for_update::<Entity>(&keys).await? {
        let entries = serde_json::from_str(&row.entries)
            .map_err(|error| malformed(format!("entries of {}: {error}", row.order_id)))?;
        rows.insert((row.tenant_id, row.order_id, row.line_id, row.item_id), Wait { entries });
    }
    let mut changed: BTreeSet<RowKey> = BTreeSet::new();
    for note in notes {
        let header = header((note.tenant, note.order));
        let key = note.line.map_or(header, |(line, item)| (note.tenant, note.order, line, item));
        rows.entry(key).or_default().note(note.entry);
        changed.insert(key);
    }
    // The end of an order ends all its waits, those of before and those that are told of later.
    let ended: BTreeSet<(TenantId, OrderId)> =
        orders.into_iter().filter(|order| rows.get(&header(*order)).is_some_and(has_ended)).collect();
    changed.extend(rows.keys().filter(|key| ended.contains(&(key.0, key.1))).copied());
    let models = changed
        .into_iter()
        .filter_map(|key| Some((key, rows.get(&key)?)))
        .map(|(key, wait)| {
            let quantity = if ended.contains(&(key.0, key.1)) { 0 } else { wait.quantity() };
            let entries = serde_json::to_string(&wait.entries)
                .map_err(|error| malformed(format!("entries of {}: {error}", key.1)))?;
            Ok(Model { quantity, entries, ..empty(key) })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let waiting =
        models.iter().filter(|row| row.quantity > 0).map(|row| (row.tenant_id, row.item_id)).collect();
    tx.upsert_many::<Entity>(models).await?;
    Ok(waiting)
}

/// Those of these items of which something waits.
pub async fn items_that_wait(tx: &Tx, items: &BTreeSet<ItemKey>) -> Result<BTreeSet<ItemKey>> {
    let items = items.iter().map(|(tenant, item)| (*tenant, item.as_uuid())).collect();
    let waits =
        find_pairs::<Entity>(tx, Column::ItemId, &items, |select| select.filter(Expr::cust("quantity > 0")));
    Ok(waits.await?.into_iter().map(|row| (row.tenant_id, row.item_id)).collect())
}

fn has_ended(wait: &Wait) -> bool {
    wait.entries.iter().any(|entry| entry.kind == WaitKind::Ended)
}

fn header((tenant, order): (TenantId, OrderId)) -> RowKey {
    (tenant, order, LineId::from_uuid(Uuid::nil()), ItemId::from_uuid(Uuid::nil()))
}

fn empty((tenant_id, order_id, line_id, item_id): RowKey) -> Model {
    Model { tenant_id, order_id, line_id, item_id, quantity: 0, entries: "[]".to_owned() }
}
