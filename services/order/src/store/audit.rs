//! What order's books say, for audits.

use std::collections::BTreeMap;

use qm_database::{Database, Result, comes_after, comes_from};
use qm_ids::TenantId;
use sea_orm::{ColumnTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{
    convert,
    entity::{fulfilment, piece, progress},
    orders,
    recent::Recent,
};
use crate::domain::{Bucket, Order};

/// Orders read at a time.
const BATCH: u64 = 500;

/// Facts of one page, by key, and whether more may follow.
#[derive(Debug, Default)]
pub struct Page {
    /// Quantities by key.
    pub facts: Vec<(String, i64)>,
}

/// Calls `examine` with every order, of one tenant or of all.
async fn each_order(
    database: &Database,
    tenant: Option<TenantId>,
    mut examine: impl FnMut(&Order, &progress::Model) + Send,
) -> Result<()> {
    let mut after: Option<(TenantId, qm_ids::OrderId)> = None;
    loop {
        let tx = database.audit().await?;
        let mut select = tx.find::<progress::Entity>();
        if let Some(tenant) = tenant {
            select = select.filter(progress::Column::TenantId.eq(tenant));
        }
        if let Some((tenant, id)) = after {
            select = select
                .filter(comes_after::<progress::Entity>(progress::Column::OrderId, (tenant, id.as_uuid())));
        }
        let rows = select
            .order_by_asc(progress::Column::TenantId)
            .order_by_asc(progress::Column::OrderId)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        let keys: Vec<_> = rows.iter().map(|row| (row.tenant_id, row.order_id)).collect();
        let loaded = orders::load_many(&tx, &keys).await?;
        for row in &rows {
            if let Some(order) = loaded.get(&(row.tenant_id, row.order_id)) {
                examine(order, row);
            }
        }
        match keys.last() {
            Some(last) if keys.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

/// Law 1 over all orders: calls `found` with each line and whether its pieces tile it.
pub async fn check_units(
    database: &Database,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    each_order(database, tenant, |order, _| {
        for line in &order.lines {
            let mut next = 0;
            let tiles = line.pieces.iter().all(|piece| {
                let fits = piece.first_unit == next && piece.quantity > 0;
                next += piece.quantity;
                fits
            });
            found(tiles && next == line.quantity, format!("{} of {}", line.id, order.id));
        }
    })
    .await
}

/// Law 7 over all orders: calls `found` with each order and whether its projections are what the functions say, and what
/// this process remembers of it is what is stored.
pub async fn check_projections(
    database: &Database,
    recent: &Recent,
    tenant: Option<TenantId>,
    mut found: impl FnMut(bool, String) + Send,
) -> Result<()> {
    each_order(database, tenant, |order, row| {
        let remembered = recent.get((order.tenant, order.id), order.timeline_length);
        let holds = convert::progress_row(order) == *row && remembered.is_none_or(|it| *it == *order);
        found(holds, format!("{} says {}", order.id, row.status));
    })
    .await
}

/// Facts of a set whose keys come after `after`, at least `limit` of them unless the set ends. `None`: no such set.
pub async fn facts(database: &Database, set: &str, after: &str, limit: usize) -> Result<Option<Page>> {
    let page = match set {
        "live_claims" => {
            claims(database, after, limit, &[Bucket::Allocated, Bucket::InFulfilment], |row| {
                Some(format!(
                    "{}/{}/{}/{}/{}",
                    row.tenant_id, row.reservation_id?, row.line_id, row.item_id, row.location_id?
                ))
            })
            .await?
        }
        "issued_units" => {
            let gone =
                [Bucket::Shipped, Bucket::Delivered, Bucket::Returning, Bucket::Returned, Bucket::Lost];
            claims(database, after, limit, &gone, |row| {
                Some(format!(
                    "{}/{}/{}/{}",
                    row.tenant_id, row.reservation_id?, row.line_id, row.location_id?
                ))
            })
            .await?
        }
        "fulfilments" => fulfilments(database, after, limit).await?,
        _ => return Ok(None),
    };
    Ok(Some(page))
}

/// Where a page of facts by reservation begins: the keys' first two ids.
fn start(after: &str) -> Option<(TenantId, &str)> {
    let mut parts = after.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?))
}

async fn claims(
    database: &Database,
    after: &str,
    limit: usize,
    buckets: &[Bucket],
    key: impl Fn(&piece::Model) -> Option<String>,
) -> Result<Page> {
    use piece::Column;
    let mut size = limit.max(1);
    loop {
        let tx = database.audit().await?;
        let mut select = tx
            .find::<piece::Entity>()
            .filter(Column::ReservationId.is_not_null())
            .filter(Column::Bucket.is_in(buckets.iter().map(|bucket| bucket.word())));
        if let Some((tenant, reservation)) = start(after)
            && let Ok(reservation) = reservation.parse::<qm_ids::ReservationId>()
        {
            // From the reservation of the last key on: what of it was told already is dropped below.
            let first = (tenant, reservation.as_uuid());
            select = select.filter(comes_from::<piece::Entity>(Column::ReservationId, first));
        }
        let rows = select
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::ReservationId)
            .order_by_asc(Column::LineId)
            .limit(size as u64 + 1)
            .all(tx.conn())
            .await?;
        let is_all = rows.len() <= size;
        // A reservation that the page cuts is left to the next one: its pieces must be summed together.
        let cut = if is_all { None } else { rows.last().and_then(|row| row.reservation_id) };
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for row in rows.iter().filter(|row| cut.is_none() || row.reservation_id != cut) {
            if let Some(key) = key(row) {
                *sums.entry(key).or_default() += row.quantity;
            }
        }
        sums.retain(|key, _| key.as_str() > after);
        // A page that is not full says that the set has ended.
        if sums.len() >= limit || is_all {
            return Ok(Page { facts: sums.into_iter().collect() });
        }
        // What was told before and the reservation that was cut have left too little: a larger page holds enough.
        size *= 2;
    }
}

/// Fulfilments that executors were asked for.
async fn fulfilments(database: &Database, after: &str, limit: usize) -> Result<Page> {
    use fulfilment::Column;
    let tx = database.audit().await?;
    let mut select = tx.find::<fulfilment::Entity>().filter(Column::State.is_not_in(["planned", "dropped"]));
    if let Some((tenant, id)) = start(after)
        && let Ok(id) = id.parse::<qm_ids::FulfilmentId>()
    {
        select =
            select.filter(comes_after::<fulfilment::Entity>(Column::FulfilmentId, (tenant, id.as_uuid())));
    }
    let rows = select
        .order_by_asc(Column::TenantId)
        .order_by_asc(Column::FulfilmentId)
        .limit(limit as u64)
        .all(tx.conn())
        .await?;
    Ok(Page {
        facts: rows.iter().map(|row| (format!("{}/{}", row.tenant_id, row.fulfilment_id), 1)).collect(),
    })
}
