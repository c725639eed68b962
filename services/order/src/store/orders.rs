//! Orders by key and by question.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use qm_database::{Changes, Database, Result, TenantSet, Tx, keys};
use qm_ids::{OrderId, TenantId};
use sea_orm::{
    ColumnTrait as _, JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Expr, ExprTrait as _, Order as Direction},
};

use super::{
    convert::{self, Rows},
    entity::{attempt, fulfilment, hold, line, order, order_number, piece, progress, timeline},
    recent::Recent,
};
use crate::domain::{Entry, Order};

type Key = (TenantId, OrderId);

/// Orders that a transaction works on, as they were loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// By tenant and id.
    pub orders: BTreeMap<Key, Arc<Order>>,
}

/// What a list asks for; everything given must match.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub status: Option<String>,
    pub channel: Option<String>,
    pub external_id: Option<String>,
    pub email: Option<String>,
    pub number: Option<i64>,
    pub placed_from: Option<DateTime<Utc>>,
    pub placed_until: Option<DateTime<Utc>>,
    /// Only what comes after this order in the list: older, or of the same time and a lesser id.
    pub after: Option<(DateTime<Utc>, OrderId)>,
}

/// Loads orders for a change. Their `progress` rows are locked in key order; all else of an order belongs to whoever
/// holds that.
pub async fn lock_many(tx: &Tx, recent: &Recent, wanted: &[Key]) -> Result<Loaded> {
    let progress = tx.find_keys_for_update::<progress::Entity>(&keys(wanted.iter().copied())).await?;
    let (mut orders, unknown) = recall(recent, progress);
    // Not remembered: this transaction may see what it has written itself, and may fail yet.
    orders.extend(assemble(tx, unknown).await?);
    Ok(Loaded { orders })
}

/// Loads orders that are only to be read, in a transaction that only reads.
pub async fn read_many(tx: &Tx, recent: &Recent, wanted: &[Key]) -> Result<BTreeMap<Key, Arc<Order>>> {
    let progress = tx.find_keys::<progress::Entity>(&keys(wanted.iter().copied())).await?;
    let (mut orders, unknown) = recall(recent, progress);
    let found = assemble(tx, unknown).await?;
    recent.remember(found.values().cloned());
    orders.extend(found);
    Ok(orders)
}

/// Loads orders from their tables, whatever is remembered.
pub async fn load_many(tx: &Tx, wanted: &[Key]) -> Result<BTreeMap<Key, Arc<Order>>> {
    let progress = tx.find_keys::<progress::Entity>(&keys(wanted.iter().copied())).await?;
    assemble(tx, progress).await
}

/// What is remembered of these orders, and which are not.
fn recall(
    recent: &Recent,
    progress: Vec<progress::Model>,
) -> (BTreeMap<Key, Arc<Order>>, Vec<progress::Model>) {
    let (mut orders, mut unknown) = (BTreeMap::new(), Vec::new());
    for row in progress {
        let key = (row.tenant_id, row.order_id);
        match recent.get(key, row.timeline_length) {
            Some(order) => {
                orders.insert(key, order);
            }
            None => unknown.push(row),
        }
    }
    (orders, unknown)
}

/// Puts orders together with their parts: a statement for each table, however many orders.
async fn assemble(tx: &Tx, progress: Vec<progress::Model>) -> Result<BTreeMap<Key, Arc<Order>>> {
    if progress.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys = keys(progress.iter().map(|row| (row.tenant_id, row.order_id)));
    let mut orders: HashMap<Key, order::Model> = HashMap::new();
    for row in tx.find_keys::<order::Entity>(&keys).await? {
        orders.insert((row.tenant_id, row.order_id), row);
    }
    let mut lines: HashMap<Key, Vec<line::Model>> = HashMap::new();
    for row in tx.find_keys::<line::Entity>(&keys).await? {
        lines.entry((row.tenant_id, row.order_id)).or_default().push(row);
    }
    let mut pieces: HashMap<Key, Vec<piece::Model>> = HashMap::new();
    for row in tx.find_keys::<piece::Entity>(&keys).await? {
        pieces.entry((row.tenant_id, row.order_id)).or_default().push(row);
    }
    let mut attempts: HashMap<Key, Vec<attempt::Model>> = HashMap::new();
    for row in tx.find_keys::<attempt::Entity>(&keys).await? {
        attempts.entry((row.tenant_id, row.order_id)).or_default().push(row);
    }
    let mut fulfilments: HashMap<Key, Vec<fulfilment::Model>> = HashMap::new();
    for row in tx.find_keys::<fulfilment::Entity>(&keys).await? {
        fulfilments.entry((row.tenant_id, row.order_id)).or_default().push(row);
    }
    let mut holds: HashMap<Key, Vec<hold::Model>> = HashMap::new();
    for row in tx.find_keys::<hold::Entity>(&keys).await? {
        holds.entry((row.tenant_id, row.order_id)).or_default().push(row);
    }
    progress
        .into_iter()
        .map(|progress| {
            let key = (progress.tenant_id, progress.order_id);
            let rows = Rows {
                order: orders.remove(&key).into_iter().collect(),
                progress: vec![progress],
                lines: lines.remove(&key).unwrap_or_default(),
                pieces: pieces.remove(&key).unwrap_or_default(),
                attempts: attempts.remove(&key).unwrap_or_default(),
                fulfilments: fulfilments.remove(&key).unwrap_or_default(),
                holds: holds.remove(&key).unwrap_or_default(),
            };
            Ok((key, Arc::new(convert::order(rows)?)))
        })
        .collect()
}

/// Writes orders after a change, with the entries of their timelines: what changed since `before`, each table at once. They
/// are remembered once they are committed.
pub async fn save(
    tx: &Tx,
    recent: &Recent,
    before: &Loaded,
    after: BTreeMap<Key, Order>,
    entries: &[(Key, Entry)],
) -> Result<()> {
    let mut orders = Changes::<order::Entity>::default();
    let mut progress = Changes::<progress::Entity>::default();
    let mut lines = Changes::<line::Entity>::default();
    let mut pieces = Changes::<piece::Entity>::default();
    let mut attempts = Changes::<attempt::Entity>::default();
    let mut fulfilments = Changes::<fulfilment::Entity>::default();
    let mut holds = Changes::<hold::Entity>::default();
    let mut recut = Vec::new();
    for (key, order) in &after {
        let mut old = match before.orders.get(key) {
            Some(old) => convert::rows(old)?,
            None => Rows::default(),
        };
        let new = convert::rows(order)?;
        if is_recut(&old.pieces, &new.pieces) {
            recut.push((key.0, key.1.as_uuid()));
            old.pieces.clear();
        }
        orders.add(&old.order, new.order, |_| ());
        progress.add(&old.progress, new.progress, |_| ());
        lines.add(&old.lines, new.lines, |row| row.line_id);
        pieces.add(&old.pieces, new.pieces, |row| (row.line_id, row.first_unit));
        attempts.add(&old.attempts, new.attempts, |row| row.number);
        fulfilments.add(&old.fulfilments, new.fulfilments, |row| row.fulfilment_id);
        holds.add(&old.holds, new.holds, |row| row.hold_id);
    }
    orders.write(tx).await?;
    progress.write(tx).await?;
    lines.write(tx).await?;
    tx.delete_keys::<piece::Entity>(&recut).await?;
    pieces.write(tx).await?;
    attempts.write(tx).await?;
    fulfilments.write(tx).await?;
    holds.write(tx).await?;
    let entries = entries.iter().map(|(key, entry)| convert::timeline_row(*key, entry)).collect();
    tx.insert_many::<timeline::Entity>(entries).await?;
    let recent = recent.clone();
    tx.after_commit(move || recent.remember(after.into_values().map(Arc::new)));
    Ok(())
}

/// True when pieces that were there are gone: units are cut into others now.
fn is_recut(old: &[piece::Model], new: &[piece::Model]) -> bool {
    let key = |row: &piece::Model| (row.line_id, row.first_unit);
    old.iter().any(|old| !new.iter().any(|new| key(new) == key(old)))
}

/// The next order numbers of each tenant: the first of as many as asked for. Taken under lock, so none is given twice.
pub async fn next_numbers(tx: &Tx, wanted: &BTreeMap<TenantId, i64>) -> Result<BTreeMap<TenantId, i64>> {
    let fresh = |tenant_id| order_number::Model { tenant_id, last_number: 100_000 };
    let rows = tx.lock_own::<order_number::Entity>(wanted.keys().copied(), fresh).await?;
    let first = rows.iter().map(|row| (row.tenant_id, row.last_number + 1)).collect();
    let taken = rows
        .into_iter()
        .map(|row| {
            let count = wanted.get(&row.tenant_id).copied().unwrap_or(0);
            order_number::Model { last_number: row.last_number + count, ..row }
        })
        .collect();
    tx.upsert_many::<order_number::Entity>(taken).await?;
    Ok(first)
}

/// A tenant's orders, newest first.
pub async fn list(
    database: &Database,
    recent: &Recent,
    tenant: TenantId,
    filter: &Filter,
    limit: u64,
) -> Result<Vec<Arc<Order>>> {
    use order::Column;
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<order::Entity>().select_only().column(Column::OrderId);
    for (column, value) in [
        (Column::Channel, &filter.channel),
        (Column::ExternalId, &filter.external_id),
        (Column::CustomerEmail, &filter.email),
    ] {
        if let Some(value) = value {
            select = select.filter(column.eq(value.as_str()));
        }
    }
    if let Some(number) = filter.number {
        select = select.filter(Column::Number.eq(number));
    }
    // Both tables have time and id: an index that begins with a filter's column and ends with them gives the list in order.
    let mut at = Column::PlacedAt.into_expr();
    let mut id = Column::OrderId.into_expr();
    if let Some(status) = &filter.status {
        select = select
            .join(JoinType::InnerJoin, order::Relation::Progress.def())
            .filter(progress::Column::Status.eq(status.as_str()));
        (at, id) = (progress::Column::PlacedAt.into_expr(), progress::Column::OrderId.into_expr());
    }
    if let Some(from) = filter.placed_from {
        select = select.filter(at.clone().gte(from));
    }
    if let Some(until) = filter.placed_until {
        select = select.filter(at.clone().lt(until));
    }
    if let Some((last_at, last_id)) = filter.after {
        let place = Expr::tuple([at.clone(), id.clone()]);
        select = select.filter(place.lt(Expr::tuple([Expr::val(last_at), Expr::val(last_id.as_uuid())])));
    }
    let ids: Vec<OrderId> = select
        .order_by(at, Direction::Desc)
        .order_by(id, Direction::Desc)
        .limit(limit)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let keys: Vec<Key> = ids.into_iter().map(|id| (tenant, id)).collect();
    let mut orders: Vec<Arc<Order>> = read_many(&tx, recent, &keys).await?.into_values().collect();
    orders.sort_by_key(|order| std::cmp::Reverse((order.placed_at, order.id)));
    Ok(orders)
}

/// Which of these (tenant, channel, external id) have been placed.
pub async fn known_externals(
    tx: &Tx,
    wanted: &[(TenantId, &str, &str)],
) -> Result<HashSet<(TenantId, String, String)>> {
    use order::Column;
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let tuples: Vec<_> = wanted
        .iter()
        .map(|(tenant, channel, id)| [tenant.as_uuid().into(), (*id).into(), (*channel).into()])
        .collect();
    let columns = [Column::TenantId, Column::ExternalId, Column::Channel];
    let rows = tx.find_tuples::<order::Entity, 3>(columns, &tuples, |select| select).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.tenant_id, row.channel, row.external_id.unwrap_or_default()))
        .collect())
}

/// The order with this number, if its shopper has this email address (in lower case).
pub async fn find_by_number(
    database: &Database,
    recent: &Recent,
    tenant: TenantId,
    number: i64,
    email: &str,
) -> Result<Option<Arc<Order>>> {
    let filter = Filter { number: Some(number), email: Some(email.to_owned()), ..Filter::default() };
    Ok(list(database, recent, tenant, &filter, 1).await?.pop())
}

/// An order's timeline, oldest first.
pub async fn timeline(database: &Database, tenant: TenantId, order: OrderId) -> Result<Vec<timeline::Model>> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let select = tx.find::<timeline::Entity>().filter(timeline::Column::OrderId.eq(order));
    Ok(select.order_by_asc(timeline::Column::Sequence).all(tx.conn()).await?)
}

/// Orders with a question that is overdue, longest overdue first.
pub async fn overdue(database: &Database, now: DateTime<Utc>, limit: u64) -> Result<Vec<Key>> {
    let tx = database.read_system().await?;
    let attempts = tx
        .find::<attempt::Entity>()
        .filter(attempt::Column::DueAt.lte(now))
        .order_by_asc(attempt::Column::DueAt)
        .limit(limit)
        .all(tx.conn())
        .await?;
    let fulfilments = tx
        .find::<fulfilment::Entity>()
        .filter(fulfilment::Column::DueAt.lte(now))
        .order_by_asc(fulfilment::Column::DueAt)
        .limit(limit)
        .all(tx.conn())
        .await?;
    let attempts = attempts.into_iter().map(|row| (row.due_at, (row.tenant_id, row.order_id)));
    let fulfilments = fulfilments.into_iter().map(|row| (row.due_at, (row.tenant_id, row.order_id)));
    let mut due: Vec<_> = attempts.chain(fulfilments).collect();
    due.sort_unstable();
    let mut seen = HashSet::new();
    let orders = due.into_iter().map(|(_, key)| key).filter(|key| seen.insert(*key));
    Ok(orders.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
}
