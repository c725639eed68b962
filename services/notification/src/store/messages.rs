//! Mails.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantSet, Tx};
use qm_ids::{MessageId, OrderId, TenantId};
use sea_orm::{
    ColumnTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Cond, Expr},
};

use super::entity::message::{Column, Entity, Model};

/// Adds mails; one that exists stays as it is.
pub async fn add(tx: &Tx, messages: Vec<Model>) -> Result<u64> {
    tx.insert_ignore_many::<Entity>(messages).await
}

/// Claims mails that are due, longest due first: nobody else gets them before `until`. Returns them as they are to be
/// saved again: not claimed.
pub async fn claim(
    database: &Database,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>> {
    let tx = database.begin_system().await?;
    let rows = tx
        .find::<Entity>()
        .filter(is_pending())
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(limit)
        .lock_with_behavior(
            sea_orm::sea_query::LockType::Update,
            sea_orm::sea_query::LockBehavior::SkipLocked,
        )
        .all(tx.conn())
        .await?;
    let claimed =
        rows.iter().cloned().map(|row| Model { due_at: Some(until), is_claimed: true, ..row }).collect();
    tx.upsert_many::<Entity>(claimed).await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|row| Model { is_claimed: false, ..row }).collect())
}

/// Writes what became of mails.
pub async fn save(database: &Database, messages: Vec<Model>) -> Result<()> {
    let tx = database.begin_system().await?;
    tx.upsert_many::<Entity>(messages).await?;
    tx.commit().await
}

/// When the next mail is due.
pub async fn next_due(database: &Database) -> Result<Option<DateTime<Utc>>> {
    let tx = database.read_system().await?;
    let row = tx.find::<Entity>().filter(is_pending()).order_by_asc(Column::DueAt).one(tx.conn()).await?;
    Ok(row.and_then(|row| row.due_at))
}

/// A tenant's mails, newest first, before `before`.
pub async fn list(
    database: &Database,
    tenant: TenantId,
    order: Option<OrderId>,
    before: Option<MessageId>,
    limit: u64,
) -> Result<Vec<Model>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<Entity>();
    if let Some(order) = order {
        select = select.filter(Column::OrderId.eq(order));
    }
    if let Some(before) = before {
        select = select.filter(Column::MessageId.lt(before));
    }
    Ok(select.order_by_desc(Column::MessageId).limit(limit).all(tx.conn()).await?)
}

/// How many mails there are, of one tenant or of all.
pub async fn count(tx: &Tx, tenant: Option<TenantId>) -> Result<u64> {
    let mut select = tx.find::<Entity>();
    if let Some(tenant) = tenant {
        select = select.filter(Column::TenantId.eq(tenant));
    }
    Ok(select.count(tx.conn()).await?)
}

/// How many mails of the transaction's tenants have each status; a status that none has is left out.
pub async fn count_by_status(tx: &Tx) -> Result<HashMap<String, i64>> {
    let counts = tx
        .find::<Entity>()
        .select_only()
        .column(Column::Status)
        .column_as(Expr::cust("count(*)"), "mails")
        .group_by(Column::Status)
        .into_tuple::<(String, i64)>()
        .all(tx.conn())
        .await?;
    Ok(counts.into_iter().collect())
}

/// How many mails are due now or being sent.
pub async fn count_due(tx: &Tx, now: DateTime<Utc>) -> Result<u64> {
    let is_due_or_claimed = Cond::any().add(Column::DueAt.lte(now)).add(Expr::cust("is_claimed"));
    let select = tx.find::<Entity>().filter(is_pending()).filter(is_due_or_claimed);
    Ok(select.count(tx.conn()).await?)
}

/// A constant, and no bound value, so that the partial indexes are known to hold all of it.
fn is_pending() -> Expr {
    Expr::cust("status = 'pending'")
}
