//! What inventory's books say, for audits.

use std::collections::{BTreeMap, HashMap};

use qm_database::{Database, Result, TenantEntity, Tx, comes_after, comes_from};
use qm_ids::{ReservationId, TenantId, Uuid};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, ExprTrait as _, IdenStatic as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
    sea_query::{Cond, Expr},
};

use super::entity::{movement, reservation, reservation_leg, stock, stock_hold};
use crate::domain::StockKey;

/// Stock rows read at a time.
const BATCH: u64 = 500;

type Sums = HashMap<(TenantId, Uuid), Vec<i64>>;

/// Sums of columns by stock row or reservation.
async fn sums<E: TenantEntity>(
    tx: &Tx,
    id: E::Column,
    columns: &[E::Column],
    filter: Cond,
    keys: &[(TenantId, Uuid)],
) -> Result<Sums> {
    let mut select = tx
        .find::<E>()
        .filter(tx.is_one_of_pairs::<E>(id, keys))
        .filter(filter)
        .select_only()
        .column(E::tenant_column())
        .column(id)
        .group_by(E::tenant_column())
        .group_by(id);
    for (index, column) in columns.iter().enumerate() {
        // PostgreSQL sums bigints as numeric.
        select = select.column_as(Expr::col(*column).sum().cast_as("bigint"), format!("sum_{index}"));
    }
    let mut sums = Sums::new();
    for row in tx.conn().query_all(&sea_orm::QueryTrait::into_query(select)).await? {
        let key = (TenantId::from_uuid(row.try_get_by_index(0)?), row.try_get_by_index(1)?);
        let values = (0..columns.len()).map(|at| row.try_get_by_index(at + 2)).collect::<Result<_, _>>()?;
        sums.insert(key, values);
    }
    Ok(sums)
}

/// Stock rows of one tenant or of all, after one.
async fn stock_after(
    tx: &Tx,
    tenant: Option<TenantId>,
    after: Option<StockKey>,
) -> Result<Vec<stock::Model>> {
    use stock::Column;
    let mut select = tx.find::<stock::Entity>();
    if let Some(tenant) = tenant {
        select = select.filter(Column::TenantId.eq(tenant));
    }
    if let Some((tenant, id)) = after {
        select = select.filter(comes_after::<stock::Entity>(Column::StockId, (tenant, id)));
    }
    Ok(select
        .order_by_asc(Column::TenantId)
        .order_by_asc(Column::StockId)
        .limit(BATCH)
        .all(tx.conn())
        .await?)
}

fn told(row: &stock::Model) -> String {
    format!(
        "{} at {}: sellable {}, allocated {}, soft_reserved {}",
        row.item_id, row.location_id, row.sellable, row.allocated, row.soft_reserved
    )
}

/// Law 2: calls `found` with each stock row and whether its buckets are the sums of its movements.
pub async fn check_ledger(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    use movement::Column;
    let mut after = None;
    loop {
        let tx = database.audit().await?;
        let rows = stock_after(&tx, tenant, after).await?;
        let keys: Vec<StockKey> = rows.iter().map(|row| (row.tenant_id, row.stock_id)).collect();
        let columns = [Column::SellableDelta, Column::AllocatedDelta, Column::SoftReservedDelta];
        let sums = sums::<movement::Entity>(&tx, Column::StockId, &columns, Cond::all(), &keys).await?;
        for row in &rows {
            let buckets = [row.sellable, row.allocated, row.soft_reserved];
            let sum = sums.get(&(row.tenant_id, row.stock_id)).cloned().unwrap_or_else(|| vec![0; 3]);
            found(buckets[..] == sum[..], format!("{}, but its movements sum to {sum:?}", told(row)));
        }
        match keys.last() {
            Some(last) if keys.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

/// Law 3: calls `found` with each stock row and whether no more is claimed than is there.
pub async fn check_stock(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    let mut after = None;
    loop {
        let tx = database.audit().await?;
        let rows = stock_after(&tx, tenant, after).await?;
        for row in &rows {
            let is_whole = row.sellable >= 0 && row.allocated >= 0 && row.soft_reserved >= 0;
            found(is_whole && row.allocated + row.soft_reserved <= row.sellable, told(row));
        }
        match rows.last() {
            Some(last) if rows.len() as u64 == BATCH => after = Some((last.tenant_id, last.stock_id)),
            _ => return Ok(()),
        }
    }
}

/// Law 4: calls `found` with each stock row and whether its claims are those of its reservations and holds.
pub async fn check_claims(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    use reservation_leg::Column;
    let mut after = None;
    loop {
        let tx = database.audit().await?;
        let rows = stock_after(&tx, tenant, after).await?;
        let keys: Vec<StockKey> = rows.iter().map(|row| (row.tenant_id, row.stock_id)).collect();
        let is_live = Cond::all().add(Expr::cust("open_units > 0")).add(Column::Stocked.eq(true));
        let open =
            sums::<reservation_leg::Entity>(&tx, Column::StockId, &[Column::OpenUnits], is_live, &keys)
                .await?;
        let quantity = [stock_hold::Column::Quantity];
        let held =
            sums::<stock_hold::Entity>(&tx, stock_hold::Column::StockId, &quantity, Cond::all(), &keys)
                .await?;
        let sum = |sums: &Sums, key| sums.get(&key).and_then(|sums| sums.first()).copied().unwrap_or(0);
        for row in &rows {
            let key = (row.tenant_id, row.stock_id);
            let (open, held) = (sum(&open, key), sum(&held, key));
            found(
                (open, held) == (row.allocated, row.soft_reserved),
                format!("{}, but reservations claim {open} and holds {held}", told(row)),
            );
        }
        match keys.last() {
            Some(last) if keys.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

/// Law 4: calls `found` with each live reservation and whether it still claims something.
pub async fn check_live(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    use reservation::Column;
    let mut after: Option<(TenantId, ReservationId)> = None;
    loop {
        let tx = database.audit().await?;
        let mut select = tx.find::<reservation::Entity>().filter(Expr::cust("state = 'live'"));
        if let Some(tenant) = tenant {
            select = select.filter(Column::TenantId.eq(tenant));
        }
        if let Some((tenant, id)) = after {
            select = select
                .filter(comes_after::<reservation::Entity>(Column::ReservationId, (tenant, id.as_uuid())));
        }
        let live: Vec<(TenantId, ReservationId)> = select
            .select_only()
            .column(Column::TenantId)
            .column(Column::ReservationId)
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::ReservationId)
            .limit(BATCH)
            .into_tuple()
            .all(tx.conn())
            .await?;
        let keys: Vec<_> = live.iter().map(|(tenant, id)| (*tenant, id.as_uuid())).collect();
        let open = [reservation_leg::Column::OpenUnits];
        let id = reservation_leg::Column::ReservationId;
        let sums = sums::<reservation_leg::Entity>(&tx, id, &open, Cond::all(), &keys).await?;
        for (key, (_, id)) in keys.iter().zip(&live) {
            let open = sums.get(key).and_then(|sums| sums.first()).copied().unwrap_or(0);
            found(open > 0, format!("{id} is live, but claims nothing"));
        }
        match live.last() {
            Some(last) if live.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

/// Facts of a set whose keys come after `after`, at least `limit` of them unless the set ends. `None`: no such set.
pub async fn facts(
    database: &Database,
    set: &str,
    after: &str,
    limit: usize,
) -> Result<Option<Vec<(String, i64)>>> {
    use reservation_leg::Column;
    let facts = match set {
        "live_claims" => {
            legs(database, after, limit, Column::OpenUnits, |leg| {
                let key = format!(
                    "{}/{}/{}/{}/{}",
                    leg.tenant_id, leg.reservation_id, leg.line_id, leg.item_id, leg.location_id
                );
                (key, leg.open_units)
            })
            .await?
        }
        "issued_units" => {
            legs(database, after, limit, Column::Issued, |leg| {
                let key =
                    format!("{}/{}/{}/{}", leg.tenant_id, leg.reservation_id, leg.line_id, leg.location_id);
                (key, leg.issued)
            })
            .await?
        }
        _ => return Ok(None),
    };
    Ok(Some(facts))
}

/// Where a page begins: the keys' first two ids.
fn start(after: &str) -> Option<(TenantId, ReservationId)> {
    let mut parts = after.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Legs with units in `column`, as facts. Ids sort as their texts do, so the order of rows is that of keys as far as the
/// reservation; within one they are sorted here.
async fn legs(
    database: &Database,
    after: &str,
    limit: usize,
    column: reservation_leg::Column,
    fact: impl Fn(&reservation_leg::Model) -> (String, i64),
) -> Result<Vec<(String, i64)>> {
    use reservation_leg::Column;
    let mut size = limit.max(1);
    loop {
        let tx = database.audit().await?;
        let mut select =
            tx.find::<reservation_leg::Entity>().filter(Expr::cust(format!("{} > 0", column.as_str())));
        if let Some((tenant, reservation)) = start(after) {
            // From the reservation of the last key on: what of it was told already is dropped below.
            let first = (tenant, reservation.as_uuid());
            select = select.filter(comes_from::<reservation_leg::Entity>(Column::ReservationId, first));
        }
        let rows = select
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::ReservationId)
            .order_by_asc(Column::Leg)
            .limit(size as u64 + 1)
            .all(tx.conn())
            .await?;
        let is_all = rows.len() <= size;
        // A reservation that the page cuts is left to the next one: its legs must be summed together.
        let cut = if is_all { None } else { rows.last().map(|row| (row.tenant_id, row.reservation_id)) };
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows.iter().filter(|row| cut != Some((row.tenant_id, row.reservation_id))) {
            let (key, units) = fact(row);
            *sums.entry(key).or_default() += units;
        }
        sums.retain(|key, _| key.as_str() > after);
        // A page that is not full tells that the set ends.
        if sums.len() >= limit || is_all {
            return Ok(sums.into_iter().collect());
        }
        // What was told before, or one large reservation, took the room: a larger page holds enough.
        size = size.saturating_mul(2);
    }
}
