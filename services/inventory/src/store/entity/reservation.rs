//! Reservations, and the tombstones of those that were released before they came to be.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{OrderId, PlanId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reservation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub reservation_id: ReservationId,
    pub plan_id: PlanId,
    pub order_id: OrderId,
    pub attempt: i32,
    pub priority: i32,
    pub state: String,
    pub planned_at: DateTime<Utc>,
    /// The plan as announced, encoded; empty for a tombstone.
    pub plan: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantEntity for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }

    fn key_column() -> Column {
        Column::ReservationId
    }
}
