//! What shipping's books say, for audits.

use std::collections::BTreeMap;

use qm_database::{Database, Result, Tx};
use qm_ids::{FulfilmentId, LineId, LocationId, OrderId, ReservationId, ShipmentId, TenantId};
use sea_orm::{
    ColumnTrait as _, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, SimpleExpr},
};

use super::{
    convert,
    entity::{fulfilment, fulfilment_line, shipment},
    fulfilments::{self, Key},
};
use crate::domain::Fulfilment;

/// Fulfilments read at a time.
const BATCH: u64 = 500;

/// A fulfilment, and whether the rows say what it says.
#[derive(Debug)]
pub struct Examined<'r> {
    /// The fulfilment.
    pub fulfilment: &'r Fulfilment,
    /// True when the rows of its lines, with their projection of what is delivered, are what the functions say.
    pub lines_hold: bool,
    /// The status in the row of each shipment.
    pub stored_statuses: BTreeMap<ShipmentId, String>,
}

/// Calls `examine` with every fulfilment, of one tenant or of all.
pub async fn each_fulfilment(
    database: &Database,
    tenant: Option<TenantId>,
    mut examine: impl FnMut(Examined<'_>) + Send,
) -> Result<()> {
    use fulfilment::Column;
    let mut after: Option<Key> = None;
    loop {
        let tx = database.audit().await?;
        let mut select = tx.find::<fulfilment::Entity>();
        if let Some(tenant) = tenant {
            select = select.filter(Column::TenantId.eq(tenant));
        }
        if let Some((tenant, id)) = after {
            let row = Expr::tuple([Column::TenantId.into_expr(), Column::FulfilmentId.into_expr()]);
            select = select.filter(row.gt(ids([tenant.as_uuid(), id.as_uuid()])));
        }
        let rows = select
            .order_by_asc(Column::TenantId)
            .order_by_asc(Column::FulfilmentId)
            .limit(BATCH)
            .all(tx.conn())
            .await?;
        let keys: Vec<Key> = rows.iter().map(|row| (row.tenant_id, row.fulfilment_id)).collect();
        let loaded = fulfilments::assemble(&tx, rows).await?;
        let (lines, statuses) = stored(&tx, &keys).await?;
        for (key, fulfilment) in &loaded {
            let mut expected = convert::line_rows(fulfilment);
            expected.sort_by_key(|row| (row.line_id, row.item_id));
            let stored_statuses = fulfilment
                .shipments
                .iter()
                .filter_map(|it| Some((it.id, statuses.get(&(key.0, it.id))?.clone())))
                .collect();
            let lines_hold = lines.get(key) == Some(&expected);
            examine(Examined { fulfilment, lines_hold, stored_statuses });
        }
        match keys.last() {
            Some(last) if keys.len() as u64 == BATCH => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

type StoredLines = BTreeMap<Key, Vec<fulfilment_line::Model>>;
type StoredStatuses = BTreeMap<(TenantId, ShipmentId), String>;

/// The rows of fulfilments' lines in order, and the statuses in the rows of their shipments.
async fn stored(tx: &Tx, wanted: &[Key]) -> Result<(StoredLines, StoredStatuses)> {
    let keys = qm_database::keys(wanted.iter().copied());
    let mut lines: StoredLines = BTreeMap::new();
    for row in tx.find_keys::<fulfilment_line::Entity>(&keys).await? {
        lines.entry((row.tenant_id, row.fulfilment_id)).or_default().push(row);
    }
    for rows in lines.values_mut() {
        rows.sort_by_key(|row| (row.line_id, row.item_id));
    }
    let shipments = fulfilments::shipments_of(tx, wanted).await?;
    let status = |row: shipment::Model| ((row.tenant_id, row.shipment_id), row.status);
    Ok((lines, shipments.into_iter().map(status).collect()))
}

fn ids(ids: impl IntoIterator<Item = qm_ids::Uuid>) -> SimpleExpr {
    Expr::tuple(ids.into_iter().map(Expr::val))
}

/// At most `limit` facts of a set whose keys come after `after`. `None`: no such set. Texts of ids sort as the ids do.
pub async fn facts(
    database: &Database,
    set: &str,
    after: &str,
    limit: usize,
) -> Result<Option<Vec<(String, i64)>>> {
    let tx = database.audit().await?;
    let limit = limit as u64;
    let facts = match set {
        "issued_units" => issued(&tx, after, limit).await?,
        "delivered_units" => delivered(&tx, after, limit).await?,
        "fulfilments" => all(&tx, after, limit).await?,
        _ => return Ok(None),
    };
    Ok(Some(facts))
}

async fn issued(tx: &Tx, after: &str, limit: u64) -> Result<Vec<(String, i64)>> {
    use fulfilment_line::Column;
    let key = [Column::TenantId, Column::ReservationId, Column::LineId, Column::LocationId];
    let mut select = tx.find::<fulfilment_line::Entity>().select_only().columns(key);
    select = select
        .column_as(Expr::col(Column::Issued).sum().cast_as("bigint"), "quantity")
        .filter(Expr::cust("issued > 0"));
    if let [tenant, reservation, line, location] = after.split('/').collect::<Vec<_>>()[..]
        && let (Ok(tenant), Ok(reservation), Ok(line), Ok(location)) = (
            tenant.parse::<TenantId>(),
            reservation.parse::<ReservationId>(),
            line.parse::<LineId>(),
            location.parse::<LocationId>(),
        )
    {
        let last = [tenant.as_uuid(), reservation.as_uuid(), line.as_uuid(), location.as_uuid()];
        select = select.filter(Expr::tuple(key.map(|column| column.into_expr())).gt(ids(last)));
    }
    for column in key {
        select = select.group_by(column).order_by_asc(column);
    }
    let rows: Vec<(TenantId, ReservationId, LineId, LocationId, i64)> =
        select.limit(limit).into_tuple().all(tx.conn()).await?;
    let fact = |(tenant, reservation, line, location, quantity)| {
        (format!("{tenant}/{reservation}/{line}/{location}"), quantity)
    };
    Ok(rows.into_iter().map(fact).collect())
}

async fn delivered(tx: &Tx, after: &str, limit: u64) -> Result<Vec<(String, i64)>> {
    use fulfilment_line::Column;
    let key = [Column::TenantId, Column::OrderId, Column::LineId];
    let mut select = tx.find::<fulfilment_line::Entity>().select_only().columns(key);
    select = select
        .column_as(Expr::col(Column::Delivered).sum().cast_as("bigint"), "quantity")
        .filter(Expr::cust("delivered > 0"));
    if let [tenant, order, line] = after.split('/').collect::<Vec<_>>()[..]
        && let (Ok(tenant), Ok(order), Ok(line)) =
            (tenant.parse::<TenantId>(), order.parse::<OrderId>(), line.parse::<LineId>())
    {
        let last = [tenant.as_uuid(), order.as_uuid(), line.as_uuid()];
        select = select.filter(Expr::tuple(key.map(|column| column.into_expr())).gt(ids(last)));
    }
    for column in key {
        select = select.group_by(column).order_by_asc(column);
    }
    let rows: Vec<(TenantId, OrderId, LineId, i64)> = select.limit(limit).into_tuple().all(tx.conn()).await?;
    let fact = |(tenant, order, line, quantity)| (format!("{tenant}/{order}/{line}"), quantity);
    Ok(rows.into_iter().map(fact).collect())
}

async fn all(tx: &Tx, after: &str, limit: u64) -> Result<Vec<(String, i64)>> {
    use fulfilment::Column;
    let key = [Column::TenantId, Column::FulfilmentId];
    let mut select = tx.find::<fulfilment::Entity>().select_only().columns(key);
    if let [tenant, id] = after.split('/').collect::<Vec<_>>()[..]
        && let (Ok(tenant), Ok(id)) = (tenant.parse::<TenantId>(), id.parse::<FulfilmentId>())
    {
        let last = [tenant.as_uuid(), id.as_uuid()];
        select = select.filter(Expr::tuple(key.map(|column| column.into_expr())).gt(ids(last)));
    }
    for column in key {
        select = select.order_by_asc(column);
    }
    let rows: Vec<(TenantId, FulfilmentId)> = select.limit(limit).into_tuple().all(tx.conn()).await?;
    Ok(rows.into_iter().map(|(tenant, id)| (format!("{tenant}/{id}"), 1)).collect())
}
