//! What is alive now, over all tenants. Only live rows are read, by partial indexes that hold nothing else: it costs the
//! same however many orders have ended.

use qm_database::{Database, Result};
use sea_orm::{ExprTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr};

use super::entity::{piece, progress};

/// Statuses of orders that are alive. Complete: the others are ends.
pub const LIVE: [&str; 3] = ["placed", "on_hold", "in_fulfilment"];

/// What is alive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Orders by status; a status that no order has is left out.
    pub orders: Vec<(String, i64)>,
    /// Units that wait for stock.
    pub units_backordered: i64,
}

/// Counts what is alive.
pub async fn live(database: &Database) -> Result<Live> {
    let tx = database.read_system().await?;
    // Literals, not binds: whoever plans the statement must see that it asks for no more than the index holds.
    let orders = tx
        .find::<progress::Entity>()
        .select_only()
        .column(progress::Column::Status)
        .column_as(Expr::cust("count(*)"), "orders")
        .filter(Expr::cust("status IN ('placed', 'on_hold', 'in_fulfilment')"))
        .group_by(progress::Column::Status)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let units: Option<Option<i64>> = tx
        .find::<piece::Entity>()
        .select_only()
        .column_as(Expr::col(piece::Column::Quantity).sum().cast_as("bigint"), "units")
        .filter(Expr::cust("bucket = 'backordered'"))
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(Live { orders, units_backordered: units.flatten().unwrap_or(0) })
}
