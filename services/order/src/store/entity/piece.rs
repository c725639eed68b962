//! Pieces: consecutive units of a line that share a fate.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, ItemId, LineId, LocationId, OrderId, PlanId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "piece")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line_id: LineId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_unit: i64,
    pub quantity: i64,
    pub bucket: String,
    pub attempt: i32,
    pub plan_id: Option<PlanId>,
    pub reservation_id: Option<ReservationId>,
    pub location_id: Option<LocationId>,
    pub fulfilment_id: Option<FulfilmentId>,
    /// The line's, so that those who wait for an item are found.
    pub item_id: ItemId,
    /// The order's, as the next: those who wait are found in their turn.
    pub priority: i32,
    /// The order's.
    pub placed_at: DateTime<Utc>,
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
