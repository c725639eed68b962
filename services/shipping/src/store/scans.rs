//! What a simulated carrier will report.

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx};
use sea_orm::{
    ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{LockBehavior, LockType},
};

use super::entity::planned_scan::{Column, Entity, Model};

/// Plans scans. One that is planned already stays as it is.
pub async fn plan(tx: &Tx, scans: Vec<Model>) -> Result<()> {
    tx.insert_ignore_many::<Entity>(scans).await.map(|_| ())
}

/// Writes scans.
pub async fn save(tx: &Tx, scans: Vec<Model>) -> Result<()> {
    tx.upsert_many::<Entity>(scans).await
}

/// Forgets scans that were reported.
pub async fn delete(tx: &Tx, scans: &[Model]) -> Result<()> {
    let keys: Vec<_> = scans.iter().map(|scan| (scan.tenant_id, scan.scan_id.as_uuid())).collect();
    tx.delete_keys::<Entity>(&keys).await.map(|_| ())
}

/// Claims scans that are due, longest due first: nobody else gets them before `until`.
pub async fn claim_due(
    database: &Database,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>> {
    let tx = database.begin_system().await?;
    let rows = tx
        .find::<Entity>()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(tx.conn())
        .await?;
    let claimed: Vec<_> =
        rows.into_iter().map(|row| Model { due_at: Some(until), is_claimed: true, ..row }).collect();
    save(&tx, claimed.clone()).await?;
    tx.commit().await?;
    Ok(claimed)
}
