//! Fulfilments.

use chrono::{DateTime, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, LocationId, OrderId, PlanId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fulfilment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    pub order_id: OrderId,
    pub order_number: i64,
    pub plan_id: PlanId,
    pub reservation_id: ReservationId,
    pub location_id: LocationId,
    pub kind: String,
    pub group_name: String,
    pub service_level: String,
    pub ship_by: String,
    pub promise_by: String,
    pub status: String,
    /// Only while packed.
    pub labels: Option<String>,
    /// Only when rejected.
    pub reject_reason: Option<String>,
    /// Only once the units have left.
    pub issued_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub requested_at: DateTime<Utc>,
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
        Column::FulfilmentId
    }
}
