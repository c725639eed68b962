//! What arrived, and who waits for it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, Tx, keys};
use qm_ids::{ItemId, OrderId, TenantId};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, ExprTrait as _, FromQueryResult as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _,
    sea_query::{Alias, Asterisk, Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::{
    convert::{attempt::reason_word, damaged},
    entity::{arrival, attempt, piece},
};
use crate::domain::{Arrivals, Bucket, MAX_REJECTIONS, SourcingReason, Spare};

type Key = (TenantId, OrderId);

/// Items whose queues one statement reads: each part of it binds the tenants of the whole transaction.
const HEADS_PER_STATEMENT: usize = 100;

/// An item of a tenant.
pub type ArrivalKey = (TenantId, ItemId);

/// Of whom an arrival may wake.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The item.
    pub key: ArrivalKey,
    /// Units that are to wake somebody, > 0.
    pub units: i64,
    /// When the arrival was handled.
    pub arrived_at: DateTime<Utc>,
}

/// Spare units in their column: from, until, how many.
type StoredSpare = (DateTime<Utc>, DateTime<Utc>, i64);

/// What arrived of items, each row locked until the transaction ends. Also an item of which nothing ever arrived has a
/// row then, so that whoever begins to wait and whoever handles an arrival meet at it.
pub async fn lock_arrivals(tx: &Tx, wanted: &BTreeSet<ArrivalKey>) -> Result<BTreeMap<ArrivalKey, Arrivals>> {
    let fresh = wanted
        .iter()
        .map(|(tenant_id, item_id)| arrival::Model {
            tenant_id: *tenant_id,
            item_id: *item_id,
            latest_at: None,
            unserved: 0,
            spare: "[]".to_owned(),
        })
        .collect();
    tx.insert_ignore_many::<arrival::Entity>(fresh).await?;
    let rows = tx.find_keys_for_update::<arrival::Entity>(&keys(wanted.iter().copied())).await?;
    rows.into_iter()
        .map(|row| {
            let spare: Vec<StoredSpare> = serde_json::from_str(&row.spare).map_err(damaged)?;
            let spare = spare.into_iter().map(|(from, until, units)| Spare { from, until, units }).collect();
            let arrivals = Arrivals { latest: row.latest_at, unserved: row.unserved, spare };
            Ok(((row.tenant_id, row.item_id), arrivals))
        })
        .collect()
}

/// Writes what is left of arrivals, of rows that are locked.
pub async fn save_arrivals(tx: &Tx, arrivals: BTreeMap<ArrivalKey, Arrivals>) -> Result<()> {
    let rows = arrivals
        .into_iter()
        .map(|((tenant_id, item_id), arrivals)| {
            let spare: Vec<StoredSpare> =
                arrivals.spare.iter().map(|spare| (spare.from, spare.until, spare.units)).collect();
            Ok(arrival::Model {
                tenant_id,
                item_id,
                latest_at: arrivals.latest,
                unserved: arrivals.unserved,
                spare: serde_json::to_string(&spare).map_err(damaged)?,
            })
        })
        .collect::<Result<_>>()?;
    tx.upsert_many::<arrival::Entity>(rows).await
}

/// Items of which units arrived that are still to wake those who wait.
pub async fn unserved(database: &Database, limit: u64) -> Result<BTreeSet<ArrivalKey>> {
    let tx = database.read_system().await?;
    let rows = tx
        .find::<arrival::Entity>()
        // A constant; see `select_head`.
        .filter(Expr::cust("unserved > 0"))
        .order_by_asc(arrival::Column::TenantId)
        .order_by_asc(arrival::Column::ItemId)
        .limit(limit)
        .all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (row.tenant_id, row.item_id)).collect())
}

/// Items of the units that begin to wait if these attempts were rejected: those of attempts that are not followed by
/// another one.
pub async fn items_at_last_try(tx: &Tx, attempts: &[(Key, i32)]) -> Result<BTreeSet<ArrivalKey>> {
    let wanted: BTreeSet<(Key, i32)> = attempts.iter().copied().collect();
    let orders = keys(wanted.iter().map(|(key, _)| *key));
    let last: BTreeSet<(Key, i32)> = tx
        .find_keys::<attempt::Entity>(&orders)
        .await?
        .into_iter()
        .filter(|row| row.rejections + 1 >= MAX_REJECTIONS)
        .map(|row| ((row.tenant_id, row.order_id), row.number))
        .filter(|attempt| wanted.contains(attempt))
        .collect();
    let orders = keys(last.iter().map(|(key, _)| *key));
    let pieces = tx.find_keys::<piece::Entity>(&orders).await?;
    Ok(pieces
        .into_iter()
        .filter(|row| row.bucket == Bucket::Open.word())
        .filter(|row| last.contains(&((row.tenant_id, row.order_id), row.attempt)))
        .map(|row| (row.tenant_id, row.item_id))
        .collect())
}

/// Who waits for items and was not woken by what arrived yet: for each the orders of its first `limit` pieces at most, by
/// priority and then age, with their units, and no more pieces than `units` could wake.
pub async fn waiting_for(
    tx: &Tx,
    wanted: &[Head],
    limit: usize,
) -> Result<HashMap<ArrivalKey, Vec<(OrderId, i64)>>> {
    let mut rows: Vec<piece::Model> = Vec::new();
    for chunk in wanted.chunks(HEADS_PER_STATEMENT) {
        let mut heads = chunk.iter().map(|head| {
            // A piece has a unit at least.
            select_head(tx, head, Ord::min(u64::try_from(head.units).unwrap_or(0), limit as u64))
        });
        let Some(mut select) = heads.next() else { continue };
        for head in heads {
            select.union(UnionType::All, head);
        }
        for row in tx.conn().query_all(&select).await? {
            rows.push(piece::Model::from_query_result(&row, "")?);
        }
    }
    rows.sort_by_key(|row| (Reverse(row.priority), row.placed_at, row.order_id));
    let mut queues: HashMap<ArrivalKey, Vec<(OrderId, i64)>> = HashMap::new();
    for row in rows {
        queues.entry((row.tenant_id, row.item_id)).or_default().push((row.order_id, row.quantity));
    }
    Ok(queues)
}

fn of_piece(column: attempt::Column, of_piece: piece::Column) -> SimpleExpr {
    Expr::col((attempt::Entity, column)).equals((piece::Entity, of_piece))
}

/// The head of an item's queue, in a select around it: a part of a union has no order and limit of its own.
fn select_head(tx: &Tx, head: &Head, limit: u64) -> SelectStatement {
    use piece::Column;
    let (tenant, item) = head.key;
    let woken_by_it = tx
        .find::<attempt::Entity>()
        .select_only()
        .expr(Expr::value(1))
        .filter(of_piece(attempt::Column::TenantId, Column::TenantId))
        .filter(of_piece(attempt::Column::OrderId, Column::OrderId))
        .filter(of_piece(attempt::Column::Number, Column::Attempt))
        .filter(attempt::Column::Reason.eq(reason_word(SourcingReason::Backorder)))
        .filter(attempt::Column::SeesUntil.gte(head.arrived_at))
        .into_query();
    let head = tx
        .find::<piece::Entity>()
        .filter(Column::TenantId.eq(tenant))
        .filter(Column::ItemId.eq(item))
        // A constant, and no bound value, so that the partial index is known to hold all of it.
        .filter(Expr::cust("bucket = 'backordered'"))
        .filter(Expr::exists(woken_by_it).not())
        .order_by_desc(Column::Priority)
        .order_by_asc(Column::PlacedAt)
        .order_by_asc(Column::OrderId)
        .limit(limit)
        .into_query();
    Query::select().column(Asterisk).from_subquery(head, Alias::new("head")).to_owned()
}
