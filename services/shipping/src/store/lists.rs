//! Keyset pages, oldest first.

use chrono::{DateTime, Utc};
use qm_database::{Result, Tx};
use qm_ids::{FulfilmentId, Id, LocationId, OrderId, ShipmentId};
use sea_orm::{
    ColumnTrait, ExprTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, SimpleExpr},
};

use super::{
    entity::{fulfilment, shipment},
    fulfilments,
};
use crate::domain::{Fulfilment, Shipment};

/// Which fulfilments; what is given must match.
#[derive(Debug, Clone, Default)]
pub struct FulfilmentFilter {
    /// Only this status.
    pub status: Option<String>,
    /// Only this location's.
    pub location: Option<LocationId>,
    /// Only this order's.
    pub order: Option<OrderId>,
    /// Only what comes after this one.
    pub after: Option<(DateTime<Utc>, FulfilmentId)>,
}

/// Which shipments; what is given must match.
#[derive(Debug, Clone, Default)]
pub struct ShipmentFilter {
    /// Only this one.
    pub id: Option<ShipmentId>,
    /// Only this status.
    pub status: Option<String>,
    /// Only this order's.
    pub order: Option<OrderId>,
    /// Only this tracking number.
    pub tracking_number: Option<String>,
    /// Only what comes after this one.
    pub after: Option<(DateTime<Utc>, ShipmentId)>,
}

/// `(time, id) > (…)`, which both databases answer from an index that ends with the two.
fn after<C: ColumnTrait>(time: C, id: C, last: (DateTime<Utc>, impl Id)) -> SimpleExpr {
    let row = Expr::tuple([time.into_expr(), id.into_expr()]);
    row.gt(Expr::tuple([Expr::val(last.0), Expr::val(last.1.as_uuid())]))
}

/// At most `limit` fulfilments.
pub async fn list_fulfilments(tx: &Tx, filter: &FulfilmentFilter, limit: u64) -> Result<Vec<Fulfilment>> {
    use fulfilment::Column;
    let mut select = tx.find::<fulfilment::Entity>();
    if let Some(status) = &filter.status {
        select = select.filter(Column::Status.eq(status.as_str()));
    }
    if let Some(location) = filter.location {
        select = select.filter(Column::LocationId.eq(location));
    }
    if let Some(order) = filter.order {
        select = select.filter(Column::OrderId.eq(order));
    }
    if let Some(last) = filter.after {
        select = select.filter(after(Column::RequestedAt, Column::FulfilmentId, last));
    }
    let rows = select
        .order_by_asc(Column::RequestedAt)
        .order_by_asc(Column::FulfilmentId)
        .limit(limit)
        .all(tx.conn())
        .await?;
    let mut list: Vec<_> = fulfilments::assemble(tx, rows).await?.into_values().collect();
    list.sort_by_key(|it| (it.requested_at, it.id));
    Ok(list)
}

/// At most `limit` shipments, each with its fulfilment.
pub async fn list_shipments(
    tx: &Tx,
    filter: &ShipmentFilter,
    limit: u64,
) -> Result<Vec<(Fulfilment, Shipment)>> {
    use shipment::Column;
    let mut select = tx.find::<shipment::Entity>();
    if let Some(id) = filter.id {
        select = select.filter(Column::ShipmentId.eq(id));
    }
    if let Some(status) = &filter.status {
        select = select.filter(Column::Status.eq(status.as_str()));
    }
    if let Some(order) = filter.order {
        select = select.filter(Column::OrderId.eq(order));
    }
    if let Some(number) = &filter.tracking_number {
        select = select.filter(Column::TrackingNumber.eq(number.as_str()));
    }
    if let Some(last) = filter.after {
        select = select.filter(after(Column::CreatedAt, Column::ShipmentId, last));
    }
    let rows = select
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::ShipmentId)
        .limit(limit)
        .all(tx.conn())
        .await?;
    let keys: Vec<_> = rows.iter().map(|row| (row.tenant_id, row.fulfilment_id)).collect();
    let owners = fulfilments::load_many(tx, &keys).await?;
    let list = keys.into_iter().zip(rows).filter_map(|(key, row)| {
        let owner = owners.get(&key)?;
        let shipment = owner.shipment(row.shipment_id)?.clone();
        Some((owner.clone(), shipment))
    });
    Ok(list.collect())
}
