//! How far orders have come: what changes with nearly every step of an order, and nothing else.

use chrono::{DateTime, NaiveDate, Utc};
use qm_database::TenantEntity;
use qm_ids::{OrderId, TenantId};
use sea_orm::entity::prelude::*;

/// A row of its own beside the order's: PostgreSQL writes a changed row anew as a whole, and in every index of its table
/// unless none of the indexed columns changed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "progress")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    pub revision: i64,
    /// Grows with every change of the order or its parts.
    pub timeline_length: i64,
    /// Projection of `Order::status`, for filtering.
    pub status: String,
    /// Projection of `Order::fulfilment_status`, for filtering.
    pub fulfilment_status: String,
    pub current_promise: Option<NaiveDate>,
    pub told_allocated: bool,
    pub told_end: bool,
    /// The order's; lists by status go by it.
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::OrderId
    }
}
