//! Reviews: locations that changed, whose stock follows page by page.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{LocationId, TenantId};
use sea_orm::{ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::entity::{
    stock,
    stock_review::{Column, Entity, Model},
};

/// Names a location.
pub type LocationKey = (TenantId, LocationId);

/// Asks for reviews from the first row on, also of locations whose review is under way; the flag says that a location
/// was opened. The locations must be locked.
pub async fn ask_for_reviews(tx: &Tx, wanted: &[(LocationKey, bool)], now: DateTime<Utc>) -> Result<()> {
    let under_way = tx.find_keys_for_update::<Entity>(&keys(wanted.iter().map(|(key, _)| *key))).await?;
    let was_opened: HashMap<LocationKey, bool> =
        under_way.into_iter().map(|row| ((row.tenant_id, row.location_id), row.was_opened)).collect();
    let rows = wanted.iter().map(|(key, opened)| Model {
        tenant_id: key.0,
        location_id: key.1,
        was_opened: *opened || was_opened.get(key).copied().unwrap_or(false),
        after_item_id: None,
        touched_at: now,
    });
    tx.upsert_many::<Entity>(rows.collect()).await
}

/// Locations whose stock waits for a review, the one that waits longest first.
pub async fn waiting_reviews(database: &Database, limit: u64) -> Result<Vec<LocationKey>> {
    let tx = database.read_system().await?;
    let rows = tx.find::<Entity>().order_by_asc(Column::TouchedAt).limit(limit).all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.location_id)).collect())
}

/// The review of a location, locked; none when it is done.
pub async fn lock_review(tx: &Tx, location: LocationKey) -> Result<Option<Model>> {
    Ok(tx.find_keys_for_update::<Entity>(&keys([location])).await?.pop())
}

/// The next rows of a review, by item, not locked.
pub async fn rows_to_review(tx: &Tx, review: &Model, limit: u64) -> Result<Vec<stock::Model>> {
    let mut select = tx
        .find::<stock::Entity>()
        .filter(stock::Column::TenantId.eq(review.tenant_id))
        .filter(stock::Column::LocationId.eq(review.location_id));
    if let Some(after) = review.after_item_id {
        select = select.filter(stock::Column::ItemId.gt(after));
    }
    Ok(select.order_by_asc(stock::Column::ItemId).limit(limit).all(tx.conn()).await?)
}

/// Writes down how far a review has come.
pub async fn continue_review(tx: &Tx, review: Model) -> Result<()> {
    tx.upsert_many::<Entity>(vec![review]).await
}

/// Ends a review.
pub async fn end_review(tx: &Tx, location: LocationKey) -> Result<()> {
    tx.delete_keys::<Entity>(&keys([location])).await.map(|_| ())
}
