//! Looks: items that wait, and when each is looked at again.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{ItemId, TenantId};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{
    books::find_pairs,
    entity::{
        location, stock,
        wait_look::{Column, Entity, Model},
    },
};
use crate::domain::StockKey;

/// Names an item.
pub type ItemKey = (TenantId, ItemId);

/// Sees to it that these items are looked at, by then at the latest.
pub async fn look_by(tx: &Tx, items: BTreeSet<ItemKey>, due_at: DateTime<Utc>) -> Result<()> {
    let rows = items.into_iter().map(|(tenant_id, item_id)| Model { tenant_id, item_id, due_at });
    tx.insert_ignore_many::<Entity>(rows.collect()).await.map(|_| ())
}

/// Items whose look is due, longest due first.
pub async fn due_looks(database: &Database, now: DateTime<Utc>, limit: u64) -> Result<BTreeSet<ItemKey>> {
    let tx = database.read_system().await?;
    let due = tx.find::<Entity>().filter(Column::DueAt.lte(now)).order_by_asc(Column::DueAt).limit(limit);
    Ok(due.all(tx.conn()).await?.into_iter().map(|row| (row.tenant_id, row.item_id)).collect())
}

/// Those of these items whose look is still due, locked.
pub async fn lock_looks(tx: &Tx, items: &BTreeSet<ItemKey>, now: DateTime<Utc>) -> Result<BTreeSet<ItemKey>> {
    let rows = tx.find_keys_for_update::<Entity>(&keys(items.iter().copied())).await?;
    Ok(rows.into_iter().filter(|row| row.due_at <= now).map(|row| (row.tenant_id, row.item_id)).collect())
}

/// The items that still wait are looked at again then, the others no more.
pub async fn end_looks(
    tx: &Tx,
    looked_at: &BTreeSet<ItemKey>,
    waiting: &BTreeSet<ItemKey>,
    next: DateTime<Utc>,
) -> Result<()> {
    let rows = waiting.iter().map(|(tenant_id, item_id)| Model {
        tenant_id: *tenant_id,
        item_id: *item_id,
        due_at: next,
    });
    tx.upsert_many::<Entity>(rows.collect()).await?;
    let done: Vec<ItemKey> = looked_at.difference(waiting).copied().collect();
    tx.delete_keys::<Entity>(&keys(done)).await.map(|_| ())
}

/// Stock rows of these items at locations that take work, of which something may be available. Not locked.
pub async fn rows_with_stock(tx: &Tx, items: &BTreeSet<ItemKey>) -> Result<BTreeSet<StockKey>> {
    use stock::Column as Stock;
    let items = items.iter().map(|(tenant, item)| (*tenant, item.as_uuid())).collect();
    let rows = find_pairs::<stock::Entity>(tx, Stock::ItemId, &items, |select| {
        let claims =
            Expr::col(Stock::Safety).add(Expr::col(Stock::Allocated)).add(Expr::col(Stock::SoftReserved));
        select.filter(Expr::col(Stock::Sellable).gt(claims))
    })
    .await?;
    let locations = keys(rows.iter().map(|row| (row.tenant_id, row.location_id)));
    let active: BTreeSet<_> = tx
        .find_keys::<location::Entity>(&locations)
        .await?
        .into_iter()
        .filter(|location| location.active)
        .map(|location| (location.tenant_id, location.location_id))
        .collect();
    let is_active = |row: &&stock::Model| active.contains(&(row.tenant_id, row.location_id));
    Ok(rows.iter().filter(is_active).map(|row| (row.tenant_id, row.stock_id)).collect())
}
