//! Work that plans gave to locations, as far as order knows it.

use chrono::{DateTime, NaiveDate, Utc};
use qm_database::TenantEntity;
use qm_ids::{FulfilmentId, LocationId, OrderId, PlanId, ReservationId, TenantId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fulfilment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub fulfilment_id: FulfilmentId,
    /// Order of planning within the order.
    pub position: i32,
    pub plan_id: PlanId,
    pub reservation_id: ReservationId,
    pub location_id: LocationId,
    pub group_name: String,
    pub kind: i32,
    pub ship_by: String,
    pub promised: Option<NaiveDate>,
    pub state: String,
    pub asks: i32,
    pub due_at: Option<DateTime<Utc>>,
    /// A JSON array of what was reported.
    pub reports: String,
    /// A JSON array of what became of its shipments.
    pub journeys: String,
    /// A JSON array of [line, units] pairs.
    pub broken: String,
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
