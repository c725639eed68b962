//! Counts for people.

use qm_database::{Database, Result, TenantSet};
use qm_ids::TenantId;
use sea_orm::{ColumnTrait as _, ExprTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr};

use super::entity::{fulfilment, piece, progress};

/// Counts of a tenant.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Orders by status.
    pub orders: Vec<(String, i64)>,
    /// Units by bucket.
    pub units: Vec<(String, i64)>,
    /// Orders served by more than one location.
    pub split_orders: i64,
    /// Orders with work for at least one location.
    pub sourced_orders: i64,
}

/// Counts orders and units. Reads every order of the tenant once, so it is for summaries and not for dashboards.
pub async fn summary(database: &Database, tenant: TenantId) -> Result<Summary> {
    let tx = database.read(&TenantSet::one(tenant)).await?;
    let orders = tx
        .find::<progress::Entity>()
        .select_only()
        .column(progress::Column::Status)
        .column_as(progress::Column::OrderId.count(), "count")
        .group_by(progress::Column::Status)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let sum = Expr::col(piece::Column::Quantity).sum().cast_as("bigint");
    let units = tx
        .find::<piece::Entity>()
        .select_only()
        .column(piece::Column::Bucket)
        .column_as(sum, "units")
        .group_by(piece::Column::Bucket)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let locations: Vec<i64> = tx
        .find::<fulfilment::Entity>()
        .filter(fulfilment::Column::State.ne("planned"))
        .select_only()
        .column_as(Expr::col(fulfilment::Column::LocationId).count_distinct(), "locations")
        .group_by(fulfilment::Column::OrderId)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let count = |wanted: &dyn Fn(i64) -> bool| locations.iter().filter(|count| wanted(**count)).count();
    Ok(Summary {
        orders,
        units,
        split_orders: i64::try_from(count(&|count| count > 1)).unwrap_or(i64::MAX),
        sourced_orders: i64::try_from(locations.len()).unwrap_or(i64::MAX),
    })
}
