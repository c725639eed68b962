//! Orders by key and by question.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use qm_database::{Database, Result, TenantSet, Tx, keys};
use qm_ids::{OrderId, TenantId};
use sea_orm::{ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Cond};

use super::{
    convert::{self, Rows},
    entity::{attempt, fulfilment, hold, line, order, order_number, piece, timeline},
};
use crate::domain::{Entry, Order};

type Key = (TenantId, OrderId);

/// Orders that a transaction works on, as they were loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// By tenant and id.
    pub orders: BTreeMap<Key, Order>,
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

/// Loads orders for a change. Their rows are locked in key order; the parts belong to whoever holds the order.
pub async fn lock_many(tx: &Tx, wanted: &[Key]) -> Result<Loaded> {
    let keys = keys(wanted.iter().copied());
    let orders = tx.find_keys_for_update::<order::Entity>(&keys).await?;
    Ok(Loaded { orders: assemble(tx, orders).await? })
}

/// Loads orders.
pub async fn load_many(tx: &Tx, wanted: &[Key]) -> Result<BTreeMap<Key, Order>> {
    let orders = tx.find_keys::<order::Entity>(&keys(wanted.iter().copied())).await?;
    assemble(tx, orders).await
}

/// Puts orders together with their parts: a statement for each table, however many orders.
async fn assemble(tx: &Tx, orders: Vec<order::Model>) -> Result<BTreeMap<Key, Order>> {
    if orders.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys = keys(orders.iter().map(|row| (row.tenant_id, row.order_id)));
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
    orders
        .into_iter()
        .map(|order| {
            let key = (order.tenant_id, order.order_id);
            let rows = Rows {
                order,
                lines: lines.remove(&key).unwrap_or_default(),
                pieces: pieces.remove(&key).unwrap_or_default(),
                attempts: attempts.remove(&key).unwrap_or_default(),
                fulfilments: fulfilments.remove(&key).unwrap_or_default(),
                holds: holds.remove(&key).unwrap_or_default(),
            };
            Ok((key, convert::order(rows)?))
        })
        .collect()
}

/// Writes orders after a change, with the entries of their timelines: what changed since `before`, each table at once.
pub async fn save(
    tx: &Tx,
    before: &Loaded,
    after: &BTreeMap<Key, Order>,
    entries: &[(Key, Entry)],
) -> Result<()> {
    let (mut orders, mut lines, mut pieces, mut stale_pieces) = (vec![], vec![], vec![], vec![]);
    let (mut attempts, mut fulfilments, mut holds) = (vec![], vec![], vec![]);
    for (key, order) in after {
        let old = before.orders.get(key);
        let rows = convert::rows(order)?;
        orders.push(rows.order);
        match old {
            None => {
                lines.extend(rows.lines);
                pieces.extend(rows.pieces);
            }
            Some(old) if old.pieces().ne(order.pieces()) => {
                stale_pieces.push((key.0, key.1.as_uuid()));
                pieces.extend(rows.pieces);
            }
            Some(_) => {}
        }
        if old.is_none_or(|old| old.attempts != order.attempts) {
            attempts.extend(rows.attempts);
        }
        if old.is_none_or(|old| old.fulfilments != order.fulfilments) {
            fulfilments.extend(rows.fulfilments);
        }
        if old.is_none_or(|old| old.holds != order.holds) {
            holds.extend(rows.holds);
        }
    }
    tx.upsert_many::<order::Entity>(orders).await?;
    tx.insert_many::<line::Entity>(lines).await?;
    tx.delete_keys::<piece::Entity>(&stale_pieces).await?;
    tx.insert_many::<piece::Entity>(pieces).await?;
    tx.upsert_many::<attempt::Entity>(attempts).await?;
    tx.upsert_many::<fulfilment::Entity>(fulfilments).await?;
    tx.upsert_many::<hold::Entity>(holds).await?;
    let entries = entries.iter().map(|(key, entry)| convert::timeline_row(*key, entry)).collect();
    tx.insert_many::<timeline::Entity>(entries).await
}

/// The next order numbers of each tenant: the first of as many as asked for. Taken under lock, so none is given twice.
pub async fn next_numbers(tx: &Tx, wanted: &BTreeMap<TenantId, i64>) -> Result<BTreeMap<TenantId, i64>> {
    let fresh = wanted
        .keys()
        .map(|tenant_id| order_number::Model { tenant_id: *tenant_id, last_number: 100_000 })
        .collect();
    tx.insert_ignore_many::<order_number::Entity>(fresh).await?;
    let keys: Vec<_> = wanted.keys().map(|tenant| (*tenant, tenant.as_uuid())).collect();
    let rows = tx.find_keys_for_update::<order_number::Entity>(&keys).await?;
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
pub async fn list(database: &Database, tenant: TenantId, filter: &Filter, limit: u64) -> Result<Vec<Order>> {
    use order::Column;
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let mut select = tx.find::<order::Entity>();
    for (column, value) in [
        (Column::Status, &filter.status),
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
    if let Some(from) = filter.placed_from {
        select = select.filter(Column::PlacedAt.gte(from));
    }
    if let Some(until) = filter.placed_until {
        select = select.filter(Column::PlacedAt.lt(until));
    }
    if let Some((at, id)) = filter.after {
        let same_time = Cond::all().add(Column::PlacedAt.eq(at)).add(Column::OrderId.lt(id));
        select = select.filter(Cond::any().add(Column::PlacedAt.lt(at)).add(same_time));
    }
    let rows = select
        .order_by_desc(Column::PlacedAt)
        .order_by_desc(Column::OrderId)
        .limit(limit)
        .all(tx.conn())
        .await?;
    let mut orders: Vec<Order> = assemble(&tx, rows).await?.into_values().collect();
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
    tenant: TenantId,
    number: i64,
    email: &str,
) -> Result<Option<Order>> {
    let filter = Filter { number: Some(number), email: Some(email.to_owned()), ..Filter::default() };
    Ok(list(database, tenant, &filter, 1).await?.pop())
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
